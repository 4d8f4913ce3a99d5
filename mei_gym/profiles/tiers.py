"""Error bars of predictions by tier, beside what the project set out to reach.

    tier              a prediction ...                                              error taken from
    measured point    at a knot, as measured or moved to make the times monotone    the knot, measured again later
    interpolated      of a measured model on a measured device                      held-out rows of that profile
    unseen model      of another model on a measured device (profiles/unseen.py)    models left out one by one, pooled
    derived device    on a device known by its data sheet (profiles/published.py)   published rates, devices left out

Errors are absolute and relative, of the time of one block or, for derived devices, of tokens a second. The goals were
set before measuring; where one is missed the table says so.
"""

from __future__ import annotations

from math import nan
from typing import NamedTuple

import numpy as np

from mei_gym.profiles.load import ProfileError, architecture_of, load_card, models, slug_of
from mei_gym.profiles.tables import ALL, ANY, DERIVED, INTERPOLATED, MEASURED, UNSEEN, ErrorRow, error_rows

GOALS = {MEASURED: (0.03, 0.10), INTERPOLATED: (0.03, 0.10), UNSEEN: (0.05, 0.15), DERIVED: (0.10, 0.25)}
PHASES = ("prefill", "decode")


class TierRow(NamedTuple):
    """A tier and phase over all of its profiles, or over all classes of derived devices."""

    tier: str
    phase: str
    of: int  # profiles, models left out, or device classes
    points: int
    typical_median: float  # the median over them of their medians
    typical_p95: float
    worst_median: float
    worst_p95: float
    goal_median: float
    goal_p95: float
    reached: int  # how many meet both goals


class PredictionError(NamedTuple):
    """The error bar of a prediction: median and 95th percentile of the absolute relative error, and its tier."""

    tier: str
    median: float
    p95: float
    points: int


def tier_rows() -> list[TierRow]:
    """The four tiers by phase, from the error tables of all folders."""
    rows = [row for row in error_rows() if row.regime == ALL and row.phase in PHASES]
    table = []
    for tier, goal in GOALS.items():
        for phase in PHASES:
            errors = _errors_of_tier([row for row in rows if row.phase == phase], tier)
            if errors:
                table.append(_tier_row(tier, phase, errors, goal))
    return table


def prediction_error(device: str, model: str, phase: str = "decode") -> PredictionError:
    """The error bar of a block's prefill or decode on a device, by the tier that the pair of device and model has."""
    if phase not in PHASES:
        raise ProfileError(f"no error of phase {phase!r}; there are {' and '.join(PHASES)}")
    name = architecture_of(model).name
    known = [row for row in error_rows() if row.regime == ALL and row.phase == phase]
    measured = models(device)
    if slug_of(model) in measured:
        wanted = (INTERPOLATED, device, name)
    elif measured:
        wanted = (UNSEEN, device, ANY)
    else:
        wanted = (DERIVED, load_card(device).transfer_class, ANY)
    for row in known:
        if (row.tier, row.device, row.model) == wanted:
            return PredictionError(row.tier, row.median, row.p95, row.points)
    return PredictionError(wanted[0], nan, nan, 0)


def _errors_of_tier(rows: list[ErrorRow], tier: str) -> list[PredictionError]:
    lone = [row for row in rows if row.tier == tier and (row.model == ANY) == (tier == DERIVED)]
    return [PredictionError(tier, row.median, row.p95, row.points) for row in lone if row.points]


def _tier_row(tier: str, phase: str, errors: list[PredictionError], goal: tuple[float, float]) -> TierRow:
    medians, p95s = np.array([e.median for e in errors]), np.array([e.p95 for e in errors])
    return TierRow(
        tier, phase, len(errors), sum(e.points for e in errors),
        float(np.median(medians)), float(np.median(p95s)), float(medians.max()), float(p95s.max()),
        *goal, int(((medians <= goal[0]) & (p95s <= goal[1])).sum()),
    )  # fmt: skip
