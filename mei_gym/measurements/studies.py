"""What is measured on a real model's text, by name: one list for the command and for a machine that has torch alone."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from mei_gym.measurements import texts

STUDIES = {  # name -> what it measures; its function is measure_<name> of the module of that name
    "quality": "Loss against bits, pruning, dropped blocks, early exits and noise.",
    "leakage": "How many prompt tokens an attacker reads at each cut.",
    "acceptance": "How many drafted tokens the full model accepts, and each draft's trace.",
    "adaptation": "Time and memory of a training step, and loss against rounds of federated LoRA.",
}
DEVICES = ("cpu", "cuda")


def run_study(
    name: str, out: Path, *, weights: Path | None = None, text_folder: Path | None = None, device: str = "cpu",
    quick: bool = False, budget_s: float | None = None, seed: int = 0, progress: bool = True, **more: Any,
) -> Path:  # fmt: skip
    """Run a study into `out/<name>/`; the path of its CSV. `more` is for `measure_adaptation`: its tables and models.

    Texts are prepared where they are not. ValueError, FileNotFoundError or ImportError in one sentence for what is
    missing: weights, the packages that hold the texts, torch, a GPU.
    """
    if name not in STUDIES:
        raise ValueError(f"no study {name!r}; there are {', '.join(STUDIES)}")
    if device not in DEVICES:
        raise ValueError(f"device {device!r} cannot be measured; there are {' and '.join(DEVICES)}")
    if budget_s is not None and not budget_s > 0.0:
        raise ValueError(f"a budget of {budget_s} s measures nothing; give a positive number of seconds")
    try:
        import torch
    except ImportError:
        raise ImportError("measuring needs PyTorch: pip install 'mei-gym[measure]'") from None
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' needs an NVIDIA GPU that PyTorch sees; there is none, so measure 'cpu'")
    reads_texts = name != "adaptation" or "rounds" in more.get("tables", ("rounds",))
    if reads_texts and "wiki" not in texts.present(text_folder):
        texts.prepare(text_folder, progress)
    run = getattr(import_module(f"mei_gym.measurements.{name}"), f"measure_{name}")
    return run(
        out, weights=weights, texts=text_folder, device=device, quick=quick, budget_s=budget_s, seed=seed,
        progress=progress, **more,
    )  # fmt: skip


def prepare_texts(folder: Path | None = None, progress: bool = True) -> Path:
    """Prepare the texts that are missing; the folder."""
    texts.prepare(folder, progress)
    return Path(folder or texts.folder())
