"""What fewer bits brought on devices that others measured: decode time of packed weights over that of 16-bit ones.

A pair is two published rates of one device and model, one with 16-bit weights. Its time ratio is not the ratio of
bytes read: launches stay, and kernels for packed weights can be slower. Beside it stands what the rule of the class
says (`profiles/published.py`), from the other chips where the class has any.

Nothing carries the difference from one chip to another. A bandwidth share apart for packed weights errs more in the
median on chips left out (three classes of five; one the same), and so does one factor on the ratio of bytes, so the
rule has neither: between precisions of a derived device it overstates what fewer bits bring, on an A100 most.

What this project measured itself is in `profiles/precision.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from mei_gym.profiles.published import PublishedRow, fit_rule, predicted_rate, published_rows

PLAIN = ("F16", "FP16", "BF16")  # the table's words for 16-bit weights


class PrecisionPair(NamedTuple):
    """Packed over 16-bit, decoding one request."""

    device: str
    chip: str
    transfer_class: str
    model: str
    weights: str  # the packed format
    same_runtime: bool
    bytes_ratio: float
    time_ratio: float
    ruled_ratio: float  # by the rule of the class, without this chip where there are others


def precision_pairs() -> list[PrecisionPair]:
    """All pairs of the published rates, in the order of the table."""
    rows = [row for row in published_rows() if row.phase == "decode"]
    return [
        _pair(packed, plain, rows)
        for plain in rows
        for packed in rows
        if plain.weights in PLAIN
        and packed.weights not in PLAIN
        and (packed.device, packed.model) == (plain.device, plain.model)
    ]


def _pair(packed: PublishedRow, plain: PublishedRow, rows: list[PublishedRow]) -> PrecisionPair:
    alike = [row for row in rows if row.transfer_class == plain.transfer_class]
    rule = fit_rule([row for row in alike if row.chip != plain.chip] or alike)
    return PrecisionPair(
        packed.device,
        packed.chip,
        packed.transfer_class,
        packed.model,
        packed.weights,
        packed.runtime == plain.runtime,
        packed.read_bytes_per_token / plain.read_bytes_per_token,
        plain.tokens_per_s / packed.tokens_per_s,
        predicted_rate(rule, plain) / predicted_rate(rule, packed),
    )
