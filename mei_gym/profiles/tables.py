"""Tables of what is known: one row a profile or card, and the held-out errors that were computed of each profile.

Errors are absolute relative errors of the cost model on rows of role `heldout`, which no fit has seen. Beside them
stands the repeat noise: how far knots were from themselves when measured again later. `mei_gym.costs.errors` writes
`errors.csv` in a folder of profiles; this file only reads it.
"""

from __future__ import annotations

import csv
import io
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

from mei_gym.profiles.fit import fit
from mei_gym.profiles.load import (
    ProfileError,
    carded_devices,
    csv_lines,
    file_content,
    folder_of,
    folders,
    load_card,
    load_profile,
    measured_devices,
    models,
)

ERRORS_FILE = "errors.csv"
ALL = "all"  # the regime that holds every held-out row of a phase
ANY = "any"  # the model of a row that holds all models
MEASURED, INTERPOLATED, IN_SAMPLE = "measured point", "interpolated", "in sample"
UNSEEN, DERIVED = "unseen model", "derived device"


class ErrorRow(NamedTuple):
    """Error of a device, model, phase and regime, by tier; ratios, not per cent. NaN where nothing was measured.

    The noise is how far a knot lies from itself, measured again; the tier "measured point" adds what was done to the
    knot to make the times monotone.
    """

    tier: str  # measured point, interpolated, in sample, unseen model or derived device
    device: str
    model: str  # any: of all models pooled
    phase: str
    regime: str
    points: int
    median: float
    p95: float
    noise_points: int
    noise_median: float
    noise_p95: float


class ProfileRow(NamedTuple):
    """One profile, or one card of a device without profiles; errors are of all held-out block rows."""

    device: str
    model: str  # "any" for a card
    origin: str  # measured, cited or derived
    date: str
    machine: str
    rows: int
    prefill_median: float = nan
    prefill_p95: float = nan
    decode_median: float = nan
    decode_p95: float = nan
    knots: int = 0  # of blocks, prefill and decode
    moved_knots: int = 0  # those not returned as measured, because longer work was measured to be faster
    largest_move: float = 0.0  # of these, a ratio


def error_rows() -> list[ErrorRow]:
    """Held-out errors of every measured profile, from the `errors.csv` beside the profile that is read.

    A profile of one's own without an `errors.csv` has no errors here, even where the package has a profile of its name.
    """
    rows = []
    for folder in folders():
        path = folder / ERRORS_FILE
        if path.is_file():
            known = read_errors(file_content(path), path)
            rows += [row for row in known if folder_of(row.device, row.model) == folder or row.model == ANY]
    return rows


def read_errors(content: bytes, path: Path = Path(ERRORS_FILE)) -> list[ErrorRow]:
    """Rows of an `errors.csv`; refused in one sentence where a line is none."""
    lines = csv_lines(content, path, ErrorRow._fields)
    return [_error_row(line, f"{path.name} line {number}") for number, line in enumerate(lines, start=2)]


def _error_row(line: list[str], where: str) -> ErrorRow:
    numbers: list[Any] = []
    for name, value in zip(ErrorRow._fields[5:], line[5:]):
        try:
            numbers.append(int(value) if name.endswith("points") else float(value))
        except ValueError:
            raise ProfileError(f"{where} has {name} {value!r}; a number is expected") from None
    tier, device, model, phase, regime = line[:5]
    return ErrorRow(tier, device, model, phase, regime, *numbers)


def errors_text(rows: list[ErrorRow]) -> str:
    """The text of an `errors.csv`: ratios with five digits after the point."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(ErrorRow._fields)
    writer.writerows([f"{value:.5f}" if isinstance(value, float) else value for value in row] for row in rows)
    return out.getvalue()


def profile_rows() -> list[ProfileRow]:
    """One row a measured profile, then one a card of a device without any, with the errors of its class."""
    known = [row for row in error_rows() if row.tier == INTERPOLATED and row.regime == ALL]
    derived = [row for row in error_rows() if row.tier == DERIVED]
    overall = {(row.device, row.model, row.phase): row for row in known}
    rows = []
    for device in measured_devices():
        for slug in models(device):
            card = load_profile(device, slug).card
            about = ProfileRow(device, card.model, card.origin, card.date, card.device.name, card.rows)
            try:
                moved = fit(device, slug).repaired
            except ProfileError:  # a campaign that a budget stopped before its first knots
                rows.append(about._replace(origin="incomplete"))
                continue
            prefill, decode = (overall.get((device, card.model, phase)) for phase in ("prefill", "decode"))
            if prefill is not None:
                about = about._replace(prefill_median=prefill.median, prefill_p95=prefill.p95)
            if decode is not None:
                about = about._replace(decode_median=decode.median, decode_p95=decode.p95)
            rows.append(about._replace(knots=moved.of, moved_knots=moved.moved, largest_move=moved.largest))
    for device in carded_devices():
        if device not in measured_devices():
            card = load_card(device)
            about = ProfileRow(device, ANY, card.origin, card.date, card.name, 0)
            for row in derived:
                if row.device == card.transfer_class:
                    about = about._replace(**{f"{row.phase}_median": row.median, f"{row.phase}_p95": row.p95})
            rows.append(about)
    return rows
