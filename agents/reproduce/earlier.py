"""What TrimCaching's setting gave before: an earlier simulation by this project, to compare with cell by cell.

The papers' own numbers are not known to us (their text was not at hand). These were computed with the same recalled
parameters by other code: means over 8 topologies, rounded, with other draws; Gen's standard deviation over
topologies was .03 to .08.
"""

from __future__ import annotations

from typing import NamedTuple

from agents.reproduce.trimcaching import EVERYTHING, GEN, INDEPENDENT, Cell

TOPOLOGIES = 8


class Before(NamedTuple):
    """A hit ratio of then."""

    cell: Cell
    method: str
    hit_ratio: float


def rows() -> list[Before]:
    """The earlier table, special case (layers as blocks, Zipf .8, no fading, no inference time)."""
    found = []
    for capacity_gb, gen, alone in (
        (0.25, 0.238, 0.164), (0.5, 0.440, 0.281), (0.75, 0.600, 0.382), (1.0, 0.727, 0.465),
        (1.25, 0.785, 0.538), (1.5, 0.786, 0.605), (2.0, 0.789, 0.720),
    ):  # fmt: skip
        cell = Cell(10, 30, 300, capacity_gb)
        found += [Before(cell, GEN, gen), Before(cell, INDEPENDENT, alone), Before(cell, EVERYTHING, 0.795)]
    for capacity_gb, gen, alone in (
        (0.1, 0.288, 0.204), (0.3, 0.672, 0.479), (0.4, 0.810, 0.597), (0.5, 0.842, 0.703), (0.75, 0.847, 0.842),
    ):  # fmt: skip
        cell = Cell(12, 30, 99, capacity_gb)
        found += [Before(cell, GEN, gen), Before(cell, INDEPENDENT, alone), Before(cell, EVERYTHING, 0.851)]
    cell = Cell(10, 30, 30, 0.5)
    return [*found, Before(cell, GEN, 0.793), Before(cell, INDEPENDENT, 0.789), Before(cell, EVERYTHING, 0.797)]


#: Gen over Independent at 12 servers, 99 models, 0.3 GB, by Zipf exponent: relative gain.
GAIN_BY_ZIPF = {0.0: 0.48, 0.4: 0.42, 0.8: 0.40, 1.2: 0.25, 1.6: 0.16}
