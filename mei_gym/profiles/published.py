"""Devices that were not measured here: what others published of them, and the rule that makes a device card of it.

    decode, tokens/s    1 / (B / (s W) + L t0)        prefill, tokens/s    e X / F

    B  bytes read a token    W  bandwidth of the data sheet    s   bandwidth share of the class
    L  layers                t0 launch of a block              F   FLOPs a token
    X  FLOP/s of the data sheet: dense 16-bit matrix units, 32-bit sums; in a class without it W x 1 FLOP/byte
    e  share of X that the class reaches

s and e are medians over the chips of a class of each chip's median; t0, fitted with s, is allowed for GPUs alone, whose
kernels a host launches: A100 and H100 decode far below their bandwidth under the runtimes that were published. B is the
file's bytes; what fewer bits bring beyond fewer bytes differs from chip to chip and stands in `profiles/pairs.py`.

Tested by leaving out one chip after another; a class of one chip by leaving out one row after another, which flatters.
`data/published.csv` has the rows with their sources. Bytes a token and data-sheet bandwidths are partly estimates of
the table's compilers.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mei_gym.profiles.load import BEYOND_CEILING, DATA, ProfileError, csv_lines, file_content

FILE = "published.csv"
LAUNCHED = ("nvidia-gpu", "datacentre-gpu")  # classes whose kernels a host launches
LAUNCHES_S = np.concatenate([[0.0], np.geomspace(1e-6, 1e-3, 121)])
PHASES = ("prefill", "decode")
KINDS = ("measured", "vendor")
NEEDED = {
    "prefill": ("tokens", "layers", "flops_per_token", "spec_bandwidth_bytes_per_s"),
    "decode": ("layers", "read_bytes_per_token", "spec_bandwidth_bytes_per_s"),
}
SHORT_SUMS = 2.0  # a GeForce card sums in 16 bits at twice the rate of the 32-bit sums that X counts; TinyChat does so


class PublishedRow(NamedTuple):
    """One published rate, batch 1; NaN where a column does not apply."""

    device: str
    chip: str  # rows of one chip are left out together
    transfer_class: str
    model: str
    layers: float
    weights: str  # the file's format
    phase: str
    tokens_per_s: float
    tokens: float  # of the prompt; 1 for decode
    read_bytes_per_token: float
    flops_per_token: float
    spec_bandwidth_bytes_per_s: float
    spec_flops: float
    runtime: str
    kind: str  # measured, or vendor: by who sells the device
    source: str


WORDS = ("device", "chip", "transfer_class", "model", "weights", "phase", "runtime", "kind", "source")


class Rule(NamedTuple):
    """What a class of devices reaches of its data sheets; NaN where no row says it."""

    bandwidth_share: float
    launch_s: float  # of a block
    flops_share: float  # of X in the module's docstring


class DerivedError(NamedTuple):
    """Absolute relative error of published rates predicted without their chip, or without their row."""

    transfer_class: str
    phase: str
    left_out: str  # chip or row
    of: int  # how many were left out, one after another
    points: int
    median: float
    p95: float


def published_rows(path: Path = DATA / FILE) -> list[PublishedRow]:
    """The published rates; refused in one sentence where a line is none."""
    rows = []
    for number, line in enumerate(csv_lines(file_content(path), path, PublishedRow._fields), start=2):
        values = [
            value if name in WORDS else _number(value, name, path, number)
            for name, value in zip(PublishedRow._fields, line, strict=True)
        ]
        row = PublishedRow(*values)  # type: ignore[arg-type]
        _refuse_impossible(row, f"{path.name} line {number}")
        rows.append(row)
    return rows


def _refuse_impossible(row: PublishedRow, where: str) -> None:
    """Refuse a row that the rule cannot use, or that no such device can have produced."""
    if row.phase not in PHASES:
        raise ProfileError(f"{where} has phase {row.phase!r}; prefill or decode is expected")
    if row.kind not in KINDS:
        raise ProfileError(f"{where} has kind {row.kind!r}; {' or '.join(KINDS)} is expected")
    if not 0.0 < row.tokens_per_s < float("inf"):
        raise ProfileError(f"{where} has {row.tokens_per_s:g} tokens/s; a positive rate is expected")
    for name in NEEDED[row.phase]:
        if not 0.0 < getattr(row, name) < float("inf"):
            raise ProfileError(f"{where} has {name} {getattr(row, name):g}; a {row.phase} needs a positive number")
    decodes = row.phase == "decode"
    per_token, of, unit = (
        (row.read_bytes_per_token, row.spec_bandwidth_bytes_per_s, "bytes/s")
        if decodes
        else (row.flops_per_token, SHORT_SUMS * row.spec_flops, "FLOP/s")
    )
    if row.tokens_per_s * per_token > BEYOND_CEILING * of:
        raise ProfileError(
            f"{where} ({row.device}, {row.model}, {row.phase}) implies {row.tokens_per_s * per_token:.3g} {unit}, "
            f"more than the {of:.3g} of its data sheet{'' if decodes else ' with 16-bit sums'}"
        )


def _number(value: str, name: str, path: Path, line: int) -> float:
    try:
        return float(value) if value else float("nan")
    except ValueError:
        raise ProfileError(f"{path.name} line {line} has {name} {value!r}; a number is expected") from None


def classes() -> list[str]:
    """The classes of devices that have published rates."""
    return sorted({row.transfer_class for row in published_rows()})


@lru_cache(maxsize=16)
def rule_of(transfer_class: str) -> Rule:
    """The rule of a class, from all of its rows."""
    rows = [row for row in published_rows() if row.transfer_class == transfer_class]
    if not rows:
        raise ProfileError(f"no class of devices {transfer_class!r}; there are {', '.join(classes())}")
    return fit_rule(rows)


def fit_rule(rows: list[PublishedRow]) -> Rule:
    """The rule with the least mean absolute log error on these rows of one class."""
    decode = [row for row in rows if row.phase == "decode"]
    prefill = [row for row in rows if row.phase == "prefill"]
    share, launch_s = _decode_rule(decode) if decode else (float("nan"), 0.0)
    reached = np.array([row.tokens_per_s * row.flops_per_token / matrix_flops(row) for row in prefill])
    return Rule(share, launch_s, _by_chip(reached, prefill) if prefill else float("nan"))


def _by_chip(values: np.ndarray, rows: list[PublishedRow]) -> float:
    """The median over chips of each chip's median: a chip counts once, however often it was published."""
    chips = np.array([row.chip for row in rows])
    return float(np.median([np.median(values[chips == chip]) for chip in np.unique(chips)]))


def _decode_rule(rows: list[PublishedRow]) -> tuple[float, float]:
    time_s = np.array([1.0 / row.tokens_per_s for row in rows])
    layers = np.array([row.layers for row in rows])
    spec_s = np.array([row.read_bytes_per_token / row.spec_bandwidth_bytes_per_s for row in rows])
    launches = LAUNCHES_S if rows[0].transfer_class in LAUNCHED else LAUNCHES_S[:1]
    best, least = (float("nan"), 0.0), np.inf
    for launch_s in launches:
        reading_s = time_s - layers * launch_s
        if (reading_s <= 0.0).any():
            break
        share = _by_chip(spec_s / reading_s, rows)
        error = float(np.abs(np.log((spec_s / share + layers * launch_s) / time_s)).mean())
        if error < least - 1e-12:
            best, least = (share, float(launch_s)), error
    return best


def matrix_flops(row: PublishedRow) -> float:
    """X of the module's docstring."""
    return row.spec_flops if np.isfinite(row.spec_flops) else row.spec_bandwidth_bytes_per_s


def predicted_rate(rule: Rule, row: PublishedRow) -> float:
    """Tokens a second that the rule predicts for a row's device and model."""
    if row.phase == "prefill":
        return rule.flops_share * matrix_flops(row) / row.flops_per_token
    reading_s = row.read_bytes_per_token / (rule.bandwidth_share * row.spec_bandwidth_bytes_per_s)
    return 1.0 / (reading_s + row.layers * rule.launch_s)


@lru_cache(maxsize=1)
def derived_errors() -> tuple[DerivedError, ...]:
    """Errors of the rule by class and phase; a class and phase of a single row has none."""
    table = []
    for name in classes():
        for phase in PHASES:
            rows = [row for row in published_rows() if row.transfer_class == name and row.phase == phase]
            left_out = "chip" if len({row.chip for row in rows}) > 1 else "row"
            errors = _left_out_errors(rows, left_out)
            if errors:
                groups = len({row.chip for row in rows}) if left_out == "chip" else len(rows)
                spread = (float(np.median(errors)), float(np.percentile(errors, 95)))
                table.append(DerivedError(name, phase, left_out, groups, len(errors), *spread))
    return tuple(table)


def _left_out_errors(rows: list[PublishedRow], left_out: str) -> list[float]:
    """The error of each row, by the rule of the rows of other chips, or of the other rows."""
    errors = []
    for i, row in enumerate(rows):
        rest = [other for k, other in enumerate(rows) if (other.chip != row.chip if left_out == "chip" else k != i)]
        if rest:
            errors.append(abs(predicted_rate(fit_rule(rest), row) / row.tokens_per_s - 1.0))
    return errors
