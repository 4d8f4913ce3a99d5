"""How long a model's bytes take from disk to memory and from memory to the GPU.

    disk_to_ram      a file that no page cache holds any more (POSIX_FADV_DONTNEED), read into one buffer
    ram_to_gpu       pageable: memory as Python has it; pinned: page-locked memory, as serving engines use
    gpu_to_ram       into pinned memory

The disk is the measured machine's own, for a virtual machine a virtual one: it says nothing of a phone's flash.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from mei_gym.measurements.clock import timing

SIZES = (16 * 2**20, 64 * 2**20, 256 * 2**20)
REPEATS = 5
CHUNK = 8 * 2**20


def load_times(block_bytes: float, cuda: bool, folder: Path | None = None) -> list[dict[str, Any]]:
    """Median and spread of each path, for a block's bytes and for 16, 64 and 256 MiB."""
    rows = []
    for size in sorted({*SIZES, int(block_bytes)}):
        rows.append(_row("disk_to_ram", size, _disk_times(size, folder)))
        if cuda:
            rows += [_row(path, size, times) for path, times in _gpu_times(size).items()]
    return rows


def _row(path: str, size: int, times: list[float]) -> dict[str, Any]:
    found = timing(times)
    seconds = {name: float(f"{value:.5g}") for name, value in zip(("time_s", "time_p10_s", "time_p90_s"), found)}
    return {"path": path, "bytes": size, **seconds, "repeats": found.repeats}


def _disk_times(size: int, folder: Path | None) -> list[float]:
    times = []
    block = os.urandom(CHUNK)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "weights"
        with path.open("wb") as file:
            for start in range(0, size, CHUNK):
                file.write(block[: min(CHUNK, size - start)])
            file.flush()
            os.fsync(file.fileno())
        buffer = memoryview(bytearray(size))
        for _ in range(REPEATS):
            with path.open("rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                begun, done = time.perf_counter(), 0
                while done < size:
                    done += file.readinto(buffer[done : done + CHUNK])
                times.append(time.perf_counter() - begun)
    return times


def _gpu_times(size: int) -> dict[str, list[float]]:
    import torch

    pageable = torch.zeros(size, dtype=torch.uint8)
    pinned = torch.zeros(size, dtype=torch.uint8).pin_memory()
    there = torch.zeros(size, dtype=torch.uint8, device="cuda")
    copies = {
        "ram_to_gpu_pageable": (there, pageable),
        "ram_to_gpu_pinned": (there, pinned),
        "gpu_to_ram_pinned": (pinned, there),
    }
    times: dict[str, list[float]] = {name: [] for name in copies}
    for name, (to, source) in copies.items():
        for turn in range(REPEATS + 1):
            torch.cuda.synchronize()
            begun = time.perf_counter()
            to.copy_(source)
            torch.cuda.synchronize()
            if turn:  # the first one warms up
                times[name].append(time.perf_counter() - begun)
    return times
