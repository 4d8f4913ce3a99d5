"""What weights of 8 or 4 bits change in the time of a block: measured time over the 16-bit time of the same pass.

    t(bits) = r t(16)        r of a prefill by its tokens, of a decode by batch and context

Fewer bytes are not less time in proportion: r is near the ratio of bytes only where reading weights is all there is to
do, and above 1 where a runtime's kernel for packed weights computes more slowly than the 16-bit one (costs.md, section
5). Between knots r is interpolated over log tokens (log batch, log context); beyond them it is held. Embedding and head
stay 16-bit: their r is 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mei_gym.profiles.fit import Fit, fit
from mei_gym.profiles.load import ProfileError, load_profile, measured_devices, models, precisions
from mei_gym.profiles.remembered import remembered

BITS = {8: "int8", 4: "int4"}


class Ratios(NamedTuple):
    """Time over 16-bit time at the knots of a precision's profile."""

    tokens: np.ndarray  # f8[knots]: of a prefill
    prefill: np.ndarray  # f8[knots]
    batch: np.ndarray  # f8[batches]
    context_tokens: np.ndarray  # f8[contexts]
    decode: np.ndarray  # f8[batches, contexts]


class RatioRow(NamedTuple):
    """One ratio of the table; tokens is 1 for a decode, batch 1 and context 0 for a prefill."""

    device: str
    model: str
    precision: str
    phase: str
    tokens: float
    batch: float
    context_tokens: float
    ratio: float


def prefill_ratio(device: str, model: str, bits: int, tokens: float) -> float:
    """Time of a prefill's block with weights of `bits`, over that with 16."""
    if bits == 16:
        return 1.0
    known = ratios(device, model, precision_of(bits))
    return float(np.interp(np.log(max(tokens, 1.0)), np.log(known.tokens), known.prefill))


def decode_ratio(device: str, model: str, bits: int, batch: float, context_tokens: float) -> float:
    """Time of a decode's block with weights of `bits`, over that with 16."""
    if bits == 16:
        return 1.0
    known = ratios(device, model, precision_of(bits))
    return float(_bilinear(known.batch, known.context_tokens, known.decode, batch, context_tokens))


def precision_of(bits: int) -> str:
    """The precision of weights of `bits`."""
    if bits not in BITS:
        raise ProfileError(f"no precision of {bits!r} bits; there are 16, {', '.join(str(known) for known in BITS)}")
    return BITS[bits]


@remembered
def ratios(device: str, model: str, precision: str) -> Ratios:
    """The ratios of a precision that was measured on a device."""
    packed, plain = (load_profile(device, model, name).card.csv_sha256 for name in (precision, ""))
    return _ratios_cached(device, model, precision, packed, plain)


def ratio_rows() -> list[RatioRow]:
    """The table of all devices, models and precisions that were measured."""
    rows = []
    for device in measured_devices():
        for model in models(device):
            for precision in precisions(device, model):
                known, name = ratios(device, model, precision), load_profile(device, model).card.model
                about = (device, name, precision)
                for tokens, ratio in zip(known.tokens, known.prefill, strict=True):
                    rows.append(RatioRow(*about, "prefill", float(tokens), 1.0, 0.0, float(ratio)))
                for (i, j), ratio in np.ndenumerate(known.decode):
                    where = (1.0, float(known.batch[i]), float(known.context_tokens[j]))
                    rows.append(RatioRow(*about, "decode", *where, float(ratio)))
    return rows


@lru_cache(maxsize=64)
def _ratios_cached(device: str, model: str, precision: str, _packed: str, _plain: str) -> Ratios:
    """Kept for each content of the two files."""
    packed, plain = fit(device, model, precision), fit(device, model)
    tokens, decode = packed.prefill.tokens, packed.decode
    return Ratios(
        tokens,
        packed.prefill.time_s / np.interp(np.log(tokens), np.log(plain.prefill.tokens), plain.prefill.time_s),
        decode.batch,
        decode.context_tokens,
        decode.time_s / _plain_decode(plain, decode.batch, decode.context_tokens),
    )


def _plain_decode(plain: Fit, batch: np.ndarray, context_tokens: np.ndarray) -> np.ndarray:
    grid = plain.decode
    return np.array(
        [[_bilinear(grid.batch, grid.context_tokens, grid.time_s, b, c) for c in context_tokens] for b in batch]
    )


def _bilinear(batches: np.ndarray, contexts: np.ndarray, values: np.ndarray, batch: float, context: float) -> float:
    """Interpolated over log batch and log (1 + context), held beyond the edges."""
    at_batch, at_context = np.log(max(batch, 1.0)), np.log1p(max(context, 0.0))
    along = [np.interp(at_context, np.log1p(contexts), line) for line in values]
    return float(np.interp(at_batch, np.log(batches), along))
