"""What there is besides profiles: curves of a real model, training steps, loading, and cited tables, one row each."""

from __future__ import annotations

from math import nan
from typing import NamedTuple

import numpy as np

from mei_gym.profiles.cited import cited_acceptance, cited_quality
from mei_gym.profiles.curves import KINDS, Curves, curve_models, load_curves, load_steps, step_devices
from mei_gym.profiles.load import folders, load_profile, measured_devices, models, precisions
from mei_gym.profiles.published import published_rows

ERRORS = {"quality": "dnll_se", "leakage": "top1_se", "adaptation": "nll_se"}


class CurveRow(NamedTuple):
    """One table that is no profile; `typical_error` is the median standard error of its rows, in the table's unit."""

    kind: str
    model: str
    machine: str  # on which it was measured; of a cited table, nothing
    origin: str
    date: str
    rows: int
    seconds: float = nan  # that the campaign took
    typical_error: float = nan


def curve_rows() -> list[CurveRow]:
    """Curves by kind and model, training steps by device, packed weights and loading by device, then cited tables."""
    rows = [_curve_row(kind, load_curves(kind, slug)) for kind in KINDS for slug in curve_models(kind)]
    rows += [
        _curve_row("training steps", load_steps(device, slug), device)
        for slug in _models_with_steps()
        for device in step_devices(slug)
    ]
    for device in measured_devices():
        for slug in models(device):
            for precision in precisions(device, slug):
                card = load_profile(device, slug, precision).card
                rows.append(CurveRow(f"{precision} weights", card.model, device, "measured", card.date[:10], card.rows))
    quality, drafts, rates = cited_quality(), cited_acceptance(), published_rows()
    rows.append(CurveRow("quality", _several(row.model for row in quality), "", "cited", "", len(quality)))
    rows.append(CurveRow("acceptance", _several(row.target for row in drafts), "", "cited", "", len(drafts)))
    rows.append(CurveRow("tokens a second", _several(row.chip for row in rates), "", "cited", "", len(rates)))
    return rows


def _models_with_steps() -> list[str]:
    return sorted({path.stem for folder in folders() for path in folder.glob("adaptation/*/*.json")})


def _curve_row(kind: str, table: Curves, device: str = "") -> CurveRow:
    card, columns = table.card, table.columns
    machine = card["machine"]
    gpu = machine.get("gpu") or card.get("gpu")
    errors = _of_shares(columns) if kind == "acceptance" else columns.get(ERRORS.get(kind, ""), np.zeros(0))
    known = errors[np.isfinite(errors) & (errors > 0.0)]
    return CurveRow(
        kind,
        table.model,
        device or (gpu.removeprefix("NVIDIA ") if gpu else machine["cpu"]["name"]),
        card["origin"],
        card["date"][:10],
        len(next(iter(columns.values()))),
        float(card.get("seconds", nan)),
        float(np.median(known)) if len(known) else nan,
    )


def _of_shares(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Standard errors of the share of drafts accepted up to each position, drafts taken as independent."""
    share = columns["survived"] / columns["drafts"]
    return np.sqrt(share * (1.0 - share) / columns["drafts"])


def _several(names) -> str:
    distinct = list(dict.fromkeys(names))
    return distinct[0] if len(distinct) == 1 else f"{len(distinct)} of others"
