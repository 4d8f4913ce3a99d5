"""What `mei-gym measure layers` asks for: checked, then measured by a campaign into one CSV and one JSON."""

from __future__ import annotations

import difflib
import os
import time
from pathlib import Path
from typing import Any

from mei_gym.architectures import ARCHITECTURES, Architecture
from mei_gym.measurements import quantised
from mei_gym.measurements.layers_campaign import LayersCampaign
from mei_gym.measurements.record import slug

DEVICES = ("cpu", "cuda")
POINT_SETS = ("full", "core")
PRECISIONS = {"cpu": ("float32",), "cuda": ("bfloat16", *quantised.QUANTISED)}  # the first is the default


def measure_layers(
    model: str,
    device: str,
    out: Path,
    *,
    weights: Path | None = None,
    precision: str | None = None,
    threads: int = 1,
    points: str = "full",
    loading: bool | None = None,
    quick: bool = False,
    budget_s: float | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Path:
    """Measure a model's blocks, embedding and head into `out/<device-slug>/<model>.csv` and `.json`; the CSV's path.

    `device` is cpu (one thread, or `threads`) or cuda. `precision` is float32 on the CPU and bfloat16 on cuda; int8
    and int4 are weights packed so, where the runtime has a kernel for them, and go to `<model>.<precision>.csv`.
    `points` core is about half of full, for large models on cuda in bfloat16. `loading` times disk and host copies;
    None: where no other profile of the device in `out` has them.
    Real weights: of SmolLM2-135M on the CPU from its package, of any model from `weights`, a GGUF file. `quick`
    measures one point of each kind. `budget_s` stops between two points; the same call then goes on where it stopped.
    Raises ValueError, RecordError or RuntimeError, each in one sentence.
    """
    card = architecture_named(model)
    if device not in DEVICES:
        raise ValueError(f"device {device!r} cannot be measured; there are {' and '.join(DEVICES)}")
    precision = precision or PRECISIONS[device][0]
    if precision not in PRECISIONS[device]:
        known = ", ".join(PRECISIONS[device])
        raise ValueError(f"precision {precision!r} cannot be measured on {device!r}; there is {known}")
    if device == "cuda" and threads != 1:
        raise ValueError(f"{threads} threads are for the device 'cpu'; leave them out for 'cuda'")
    if not 1 <= threads <= (os.cpu_count() or 1):
        raise ValueError(f"{threads} threads cannot be measured; this machine has {os.cpu_count()} cores")
    if points not in POINT_SETS:
        raise ValueError(f"no points {points!r}; there are {' and '.join(POINT_SETS)}")
    if points == "core" and (device, precision) != ("cuda", "bfloat16"):
        raise ValueError(f"points 'core' are for 'cuda' in bfloat16; {device!r} in {precision} has 'full' alone")
    if budget_s is not None and not budget_s > 0.0:
        raise ValueError(f"a budget of {budget_s} s measures nothing; give a positive number of seconds")
    torch = _torch()
    started = time.monotonic()
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' needs an NVIDIA GPU that PyTorch sees; there is none, so measure 'cpu'")
    with torch.inference_mode():
        campaign = LayersCampaign(card, device, Path(out), weights, precision, threads, points, quick, seed, progress)
        campaign.measure(None if budget_s is None else started + budget_s)
        if loading or (loading is None and not (quick or campaign.stopped_with or campaign.loading_is_known())):
            campaign.measure_loading()
        return campaign.finish()


def architecture_named(model: str) -> Architecture:
    """The architecture card of a name, whatever its case."""
    by_slug = {slug(name): card for name, card in ARCHITECTURES.items()}
    if slug(model) not in by_slug:
        close = difflib.get_close_matches(slug(model), list(by_slug), n=1, cutoff=0.4)
        hint = f"did you mean {by_slug[close[0]].name!r}?" if close else f"there are {', '.join(ARCHITECTURES)}"
        raise ValueError(f"no model {model!r}; {hint}")
    return by_slug[slug(model)]


def _torch() -> Any:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import torch
    except ImportError:
        raise ImportError("measuring needs PyTorch: pip install 'mei-gym[measure]'") from None
    return torch
