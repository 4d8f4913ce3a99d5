"""What is told of an episode besides its score: latency, energy, leakage, quality, in SI and by name.

`info` holds numbers of one step. Some are of the request that was decided (energy, leakage); others are means over the
requests whose first or last token came in that step, and must be weighted with how many came. Shares are of all
requests that were decided: one that was given up, refused or is still under way has met no target.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Measure(NamedTuple):
    """A number of an episode: sum of `value` (times `weight`, if it is a mean) over sum of `count`."""

    name: str
    label: str
    unit: str
    value: str
    weight: str | None  # info's name of how many requests a step's value is the mean of; None: it is a sum
    count: str | None  # info's name of the denominator; None: decided requests
    at_end: bool = False  # of the episode's last step alone


MEASURES: tuple[Measure, ...] = (
    Measure("ttft_s", "TTFT", "s", "ttft_s", "first_tokens", "first_tokens"),
    Measure("ttft_met", "TTFT within target", "share", "ttft_met", None, None),
    Measure("tpot_s", "TPOT", "s", "tpot_s", "answered", "answered"),
    Measure("tpot_met", "TPOT within target", "share", "tpot_met", None, None),
    Measure("device_energy_j", "device energy", "J", "device_energy_j", None, None),
    Measure("leakage", "leakage", "share", "leakage", None, None),
    Measure("leakage_excess", "leakage over budget", "share", "leakage_excess", None, None),
    Measure("quality_loss", "quality loss", "share", "quality_loss", None, None),
    Measure("cut", "layers on the device", "layers", "cut", None, None),
    Measure("uplink_bytes", "sent up", "bytes", "uplink_bytes", None, None),
    Measure("corrected", "infeasible actions", "share", "corrected", None, None),
    Measure("abandoned", "requests given up", "share", "abandoned", None, None),
    Measure("unfinished", "under way at the end", "share", "unfinished", None, None, at_end=True),
    Measure("refused", "refused requests", "share", "refused", None, None),
)


def measured(numbers: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Each measure by name, f8[episode], from info's numbers [step, episode, name]; 0 where nothing was counted."""
    column = {name: numbers[:, :, place].astype(np.float64) for place, name in enumerate(names)}
    result = {}
    for measure in MEASURES:
        value = column[measure.value] * (column[measure.weight] if measure.weight else 1.0)
        count = column[measure.count].sum(0) if measure.count else np.full(value.shape[1], float(len(value)))
        total = value[-1] if measure.at_end else value.sum(0)
        result[measure.name] = total / np.maximum(count, 1.0)
    return result
