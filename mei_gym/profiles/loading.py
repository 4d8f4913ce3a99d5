"""How fast a measured machine loads weights: from disk to memory, and from memory to the accelerator.

Read off the largest transfers that were timed, where latency no longer counts; the median over the device's profiles.
"""

from __future__ import annotations

import json
from functools import cache
from statistics import median

from mei_gym.profiles.load import DATA, ProfileError, measured_devices

PATHS = ("disk_to_ram", "ram_to_gpu_pageable", "ram_to_gpu_pinned", "gpu_to_ram_pinned")


@cache
def loading_bytes_per_s(device: str, path: str) -> float:
    """Bytes per second of a path on a measured device.

    Raises:
        ProfileError: an unknown path, or a device on which it was not timed.
    """
    if path not in PATHS:
        raise ProfileError(f"no path {path!r}; there are {', '.join(PATHS)}")
    rates = []
    for file in sorted((DATA / device).glob("*.json")):
        rows = [row for row in json.loads(file.read_text("utf-8")).get("loading", ()) if row["path"] == path]
        if rows:
            largest = max(rows, key=lambda row: row["bytes"])
            rates.append(largest["bytes"] / largest["time_s"])
    if not rates:
        raise ProfileError(f"{path} was not timed on {device!r}; measured devices are {', '.join(measured_devices())}")
    return median(rates)
