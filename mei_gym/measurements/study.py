"""What every campaign over a real model needs beside its curve: model, texts, record, clock, and the JSON's words."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mei_gym.measurements import machine, texts
from mei_gym.measurements.model import RealModel, load_model
from mei_gym.measurements.record import Campaign, slug

if TYPE_CHECKING:
    from torch import Tensor

SHIPPED = "SmolLM2-135M-Instruct Q4_1"  # what the file holds: 4-bit weights are its whole precision


class BudgetSpent(Exception):
    """The time that the user gave is over; what was measured is kept."""


class Study:
    """One campaign's model, texts, record and deadline."""

    def __init__(
        self, kind: str, out: Path, row: Any, *, weights: Path | None, texts_folder: Path | None, device: str,
        quick: bool, budget_s: float | None, seed: int, progress: bool, settings: dict[str, Any],
        model: RealModel | None = None,
    ) -> None:  # fmt: skip
        """Load model and texts, open or resume `out/<kind>/<model>.csv`; `model` replaces the real one in tests."""
        if budget_s is not None and not budget_s > 0.0:
            raise ValueError(f"a budget of {budget_s} s measures nothing; give a positive number of seconds")
        self.torch = exact_torch(device)
        self.started = time.monotonic()
        self.deadline = None if budget_s is None else self.started + budget_s
        self.kind, self.device, self.quick, self.seed, self.progress = kind, device, quick, seed, progress
        self.settings, self.load_before = settings, machine.load_average()
        self.folder = texts.folder() if texts_folder is None else Path(texts_folder)
        if "wiki" not in texts.present(self.folder):
            texts.prepare(self.folder, progress)
        self.model = load_model(weights, device) if model is None else model
        self.windows_used: dict[str, Any] = {}
        self.complete = True
        self.record = Campaign(Path(out) / kind, slug(self.model.card.name), self._identity(), row)
        if self.record.resumed:
            self.say(f"resumed after {self.record.resumed} rows")

    def _identity(self) -> dict[str, Any]:
        held = texts.described(texts.present(self.folder), self.folder)
        return {
            "model": self.model.card.name,
            "weights": self.model.sha256,
            "device": self.device_name(),
            "texts": {name: entry["splits"] for name, entry in held.items()},
            "settings": self.settings,
            "versions": machine.versions(),
            "seed": self.seed,
            "quick": self.quick,
        }

    def device_name(self) -> str:
        """What the driver or the CPU calls itself."""
        if self.device.startswith("cuda"):
            return self.torch.cuda.get_device_name(self.device)
        return machine.cpu_information()["name"]

    def windows(self, corpus: str, count: int, split: str = "test") -> Tensor:
        """Token ids [windows, 512] of evenly spread windows, on the device; the record says which."""
        ids = texts.tokens(corpus, split, self.folder)
        cut = texts.windows(ids, count)
        starts = texts.window_starts(len(ids), count).tolist()
        self.windows_used[f"{corpus}.{split}.{count}"] = {"length": cut.shape[1], "starts": starts}
        return self.torch.from_numpy(cut).to(self.device)

    def check_time(self) -> None:
        """Raise BudgetSpent once the deadline is over; asked between two settings."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise BudgetSpent

    def say(self, text: str) -> None:
        """A line of progress on stderr."""
        if self.progress:
            seconds = time.monotonic() - self.started
            start = "\r\033[K" if sys.stderr.isatty() else ""
            print(f"{start}{self.kind} {seconds:.0f} s: {text}", end="" if start else "\n", file=sys.stderr, flush=True)

    def stopped(self) -> None:
        """Note that the budget ended the campaign: its partial files stay, so that the same call goes on."""
        self.complete = False
        self.say("the budget is spent; the same call goes on from here")

    def finish(self, **more: Any) -> Path:
        """Write CSV and JSON; returns the CSV's path."""
        if self.progress and sys.stderr.isatty():
            print(file=sys.stderr)
        return self.record.finish(self._provenance() | more, keep_partial=not self.complete)

    def _provenance(self) -> dict[str, Any]:
        real = self.model.sha256 != "random"
        return {
            "kind": self.kind,
            "model": self.model.card.name,
            "measured_on": SHIPPED if real else "random weights",
            "weights": f"real: {self.model.sha256}" if real else "random",
            "architecture": self.model.card._asdict(),
            "dtype": "float32",
            "texts": texts.described(texts.present(self.folder), self.folder),
            "windows": self.windows_used,
            "settings": self.settings,
            "complete": self.complete,
            "versions": machine.versions(),
            "command": machine.command_line(),
            "seed": self.seed,
            "quick": self.quick,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self.started, 1),
            "resumed_rows": self.record.resumed,
            "machine": {
                "cpu": machine.cpu_information(),
                "gpu": self.device_name() if self.device.startswith("cuda") else None,
                "threads": self.torch.get_num_threads(),
                "load_average_before": self.load_before,
                "load_average": machine.load_average(),
            },
        }


def exact_torch(device: str) -> Any:
    """PyTorch with float32 products in float32; refuses a device that is not there."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import torch
    except ImportError:
        raise ImportError("measuring needs PyTorch: pip install 'mei-gym[measure]'") from None
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device {device!r} needs an NVIDIA GPU that PyTorch sees; there is none, so measure on 'cpu'")
    if not device.startswith(("cuda", "cpu")):
        raise ValueError(f"device {device!r} cannot be measured on; there are cpu and cuda")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch
