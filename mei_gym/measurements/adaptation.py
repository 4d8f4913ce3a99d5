"""The campaign behind `mei-gym measure adaptation`: what a training step costs a block, and what rounds of steps bring.

Two tables, each of which may be asked for alone: `steps` (adaptation_steps, one model after another) and `rounds`
(federated, on the real weights of SmolLM2-135M).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from mei_gym.architectures import ARCHITECTURES, Architecture
from mei_gym.measurements.adaptation_steps import measure_adaptation_steps
from mei_gym.measurements.federated import measure_federated
from mei_gym.measurements.layers import architecture_named
from mei_gym.measurements.model import load_model

TABLES = ("steps", "rounds")
CPU_MODELS = ("SmolLM2-135M",)
GPU_MODELS = ("SmolLM2-135M", "TinyLlama-1.1B", "Qwen2.5-1.5B", "Llama-2-7B", "Llama-3-8B")


def measure_adaptation(
    out: Path, *, weights: Path | None = None, texts: Path | None = None, device: str = "cpu", quick: bool = False,
    budget_s: float | None = None, seed: int = 0, progress: bool = True, tables: Sequence[str] = TABLES,
    models: Sequence[str] | None = None,
) -> Path:  # fmt: skip
    """Measure both tables, or those named in `tables`; the path of the CSV that was written last.

    `out/adaptation/<device>/<model>.csv`: steps of `models` (by default those that the device is good for);
    `out/adaptation/smollm2-135m.csv`: rounds. `weights` is SmolLM2's GGUF file, `texts` the prepared folder, by default
    the installed and the usual one. Started again after a budget's end or a kill, it goes on.
    """
    import torch

    if not tables or set(tables) - {*TABLES}:
        raise ValueError(f"no adaptation tables {', '.join(tables) or '(none)'!r}; there are {' and '.join(TABLES)}")
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device {device!r} cannot be measured; there are cpu and cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' needs an NVIDIA GPU that PyTorch sees; there is none, so measure 'cpu'")
    if budget_s is not None and not budget_s > 0.0:
        raise ValueError(f"a budget of {budget_s} s measures nothing; give a positive number of seconds")
    torch.set_float32_matmul_precision("highest")
    began, out = time.monotonic(), Path(out)
    path = out

    def budget_left() -> float | None:
        return None if budget_s is None else budget_s - (time.monotonic() - began)

    if "steps" in tables:
        named = [name for name in GPU_MODELS if name in ARCHITECTURES] if device == "cuda" else CPU_MODELS
        cards = [_trainable(architecture_named(name)) for name in models or (CPU_MODELS if quick else named)]
        for card in cards:
            path = measure_adaptation_steps(
                card, out, device=device, quick=quick, budget_s=budget_left(), seed=seed, progress=progress
            )
    if "rounds" in tables:
        if device == "cpu":
            torch.set_num_threads(1)
        path = measure_federated(
            load_model(weights, device), out, texts_folder=texts, quick=quick, budget_s=budget_left(), seed=seed,
            progress=progress,
        )  # fmt: skip
    return path


def _trainable(card: Architecture) -> Architecture:
    """The card of a model whose blocks `lora` has; GPT-2's are others."""
    if not card.gated or card.biased:
        raise ValueError(f"training steps of {card.name} cannot be timed: its blocks have no gate, or biased norms")
    return card
