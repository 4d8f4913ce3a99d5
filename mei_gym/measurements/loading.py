"""How long a model's bytes take from disk to memory and from memory to the GPU.

    disk_to_ram      a file that the page cache no longer holds (POSIX_FADV_DONTNEED after fsync), read into one buffer
    ram_to_gpu       pageable: memory as Python has it; pinned: page-locked memory, as serving engines use
    gpu_to_ram       into pinned memory

Whether the file had left the cache is tried with a read that must not wait (RWF_NOWAIT) and said beside the rows. The
disk is the measured machine's own, for a virtual machine a virtual one, whose host may cache it: it says nothing of a
phone's flash.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from mei_gym.measurements.clock import timing

SIZES = (16 * 2**20, 64 * 2**20, 256 * 2**20)
REPEATS, FEWEST = 5, 3
ENOUGH_S = 1.0  # chosen: after so long a path has its fewest repeats alone
CHUNK = 8 * 2**20
IN_MEMORY = ("tmpfs", "ramfs")


def load_times(
    block_bytes: float, cuda: bool, folder: Path | None = None, sizes: tuple[int, ...] = SIZES
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Median and spread of each path for a block's bytes and for `sizes`; and what the disk is."""
    folder = folder or Path(tempfile.gettempdir())
    disk: dict[str, Any] = {"filesystem": filesystem(folder), "what": "the measured machine's disk"}
    rows = []
    for size in sorted({*sizes, int(block_bytes)}):
        if disk["filesystem"] in IN_MEMORY:
            disk["what"] = "not measured: temporary files lie in memory here"
        elif not hasattr(os, "posix_fadvise"):
            disk["what"] = "not measured: this system cannot be told to drop a file from its cache"
        else:
            times, disk["cache"] = _disk_times(size, folder)
            rows.append(_row("disk_to_ram", size, times))
        if cuda:
            rows += [_row(path, size, times) for path, times in _gpu_times(size).items()]
    return rows, disk


def filesystem(folder: Path, mounts: str | None = None) -> str:
    """The type of the file system that a folder lies on, as Linux tells it; unknown elsewhere."""
    if mounts is None:
        listed = Path("/proc/mounts")
        mounts = listed.read_text() if listed.exists() else ""
    place, longest, found = f"{folder.resolve()}/", -1, "unknown"
    for line in mounts.splitlines():
        point, kind = line.split()[1:3]
        if place.startswith(point.rstrip("/") + "/") and len(point) >= longest:
            longest, found = len(point), kind
    return found


def _row(path: str, size: int, times: list[float]) -> dict[str, Any]:
    found = timing(times)
    seconds = {name: float(f"{value:.5g}") for name, value in zip(("time_s", "time_p10_s", "time_p90_s"), found)}
    return {"path": path, "bytes": size, **seconds, "repeats": found.repeats}


def _enough(times: list[float]) -> bool:
    return len(times) >= REPEATS or (len(times) >= FEWEST and sum(times) > ENOUGH_S)


def _disk_times(size: int, folder: Path) -> tuple[list[float], str]:
    times: list[float] = []
    block = os.urandom(CHUNK)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "weights"
        with path.open("wb") as file:
            for start in range(0, size, CHUNK):
                file.write(block[: min(CHUNK, size - start)])
            file.flush()
            os.fsync(file.fileno())
        buffer = memoryview(bytearray(size))
        with path.open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            cache = _said_of_cache(file.fileno(), size // 2)
        while not _enough(times):
            with path.open("rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                begun, done = time.perf_counter(), 0
                while done < size:
                    done += file.readinto(buffer[done : done + CHUNK])
                times.append(time.perf_counter() - begun)
    return times, cache


def _said_of_cache(file: int, offset: int) -> str:
    """Whether the page cache still holds a page of a file; the try may itself fetch it."""
    if not hasattr(os, "RWF_NOWAIT"):
        return "dropped before each read; not checked: this system has no read that does not wait"
    try:
        os.preadv(file, [bytearray(4096)], offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return "dropped before each read, and seen to be dropped"
    except OSError as error:
        return f"dropped before each read; not checked: {error.strerror}"
    return "not dropped: the file system keeps it, so these are reads of a cache"


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
        to.copy_(source)  # warms up
        while not _enough(times[name]):
            torch.cuda.synchronize()
            begun = time.perf_counter()
            to.copy_(source)
            torch.cuda.synchronize()
            times[name].append(time.perf_counter() - begun)
    return times
