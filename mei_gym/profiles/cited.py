"""What others published of larger models, beside what was measured here: quality as ratios, acceptance of drafts.

    quality/cited.csv       perplexity over that of the 16-bit, dense model, by model, method and amount
    acceptance/cited.csv    share of drafted tokens accepted (`rate`, `survival` to a position), or a speed-up alone

Ratios, because tables of different contexts disagree on perplexity itself. Each row has its source. Better-trained
models lose more by the same bits: a curve of one model is no curve of another.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mei_gym.profiles.load import DATA, ProfileError, csv_lines, file_content

FILE = "cited.csv"
KINDS = ("rate", "survival", "speed-up")


class CitedQuality(NamedTuple):
    """One published setting of one model."""

    model: str
    curve: str  # weights (amount: bits) or pruning (amount: share removed)
    method: str
    setting: str
    amount: float
    perplexity_ratio: float
    text: str
    source: str


class CitedAcceptance(NamedTuple):
    """One published pair of target and draft on one task; NaN where a column was not published."""

    target: str
    draft: str
    task: str
    temperature: float
    kind: str  # rate: of each token; survival: to a position; speed-up: alone
    drafted: float
    position: float
    acceptance: float
    speed_up: float
    source: str


def cited_quality(path: Path = DATA / "quality" / FILE) -> list[CitedQuality]:
    """Published quality of larger models; refused in one sentence where a line is none."""
    rows = []
    for number, line in enumerate(csv_lines(file_content(path), path, CitedQuality._fields), start=2):
        model, curve, method, setting, amount, ratio, text, source = line
        row = CitedQuality(
            model, curve, method, setting, _number(amount, "amount", path, number),
            _number(ratio, "perplexity_ratio", path, number), text, source,
        )  # fmt: skip
        if not row.perplexity_ratio > 0.0:
            raise ProfileError(f"{path.name} line {number} has perplexity_ratio {ratio}; a positive number is expected")
        rows.append(row)
    return rows


def cited_acceptance(path: Path = DATA / "acceptance" / FILE) -> list[CitedAcceptance]:
    """Published acceptance of drafts; refused in one sentence where a line is none."""
    rows = []
    for number, line in enumerate(csv_lines(file_content(path), path, CitedAcceptance._fields), start=2):
        target, draft, task, temperature, kind, drafted, position, acceptance, speed_up, source = line
        row = CitedAcceptance(
            target, draft, task, _number(temperature, "temperature", path, number), kind,
            _number(drafted, "drafted", path, number), _number(position, "position", path, number),
            _number(acceptance, "acceptance", path, number), _number(speed_up, "speed_up", path, number), source,
        )  # fmt: skip
        if row.kind not in KINDS:
            raise ProfileError(f"{path.name} line {number} has kind {kind!r}; {', '.join(KINDS)} are expected")
        if row.kind != "speed-up" and not 0.0 <= row.acceptance <= 1.0:
            raise ProfileError(
                f"{path.name} line {number} has acceptance {acceptance!r}; a share from 0 to 1 is expected"
            )
        rows.append(row)
    return rows


def _number(value: str, name: str, path: Path, line: int) -> float:
    try:
        return float(value) if value else float("nan")
    except ValueError:
        raise ProfileError(f"{path.name} line {line} has {name} {value!r}; a number is expected") from None
