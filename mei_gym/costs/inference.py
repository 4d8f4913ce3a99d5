"""A whole model's prompt and tokens on an accelerator, by base and precision: tables of seconds and joules.

    prefill   T(n) = L t_p'(n) + t_h(1)                  of a prompt of n tokens
    decode    tau(b) = L t_d'(b, c) + t_h(b)             of one token of each of b answers at context c
    energy    E = P(use) T, a request's share of it      P  power of the device at the work's use (energy.py)

    packed    t' = min(r t, t + u)      u = (b/8 + 4) w / W       of a block's pass, with weights of b < 16 bits

    L  layers   t_p, t_d, t_h  times of a block and of the head in 16 bits (compute.py)    r  measured ratio
    u  unpacking a block's w weights first: read b bits each, write and read 16; W  bandwidth reached

The measured kernel for packed weights reads little and computes slowly: it wins while few tokens are in a pass; a long
prompt is faster with the weights unpacked for it, which is derived, not measured. A precision that was not measured for
a model takes the ratio of the model of the nearest size that was measured on the device.

Both times are read on lines between measured knots: prompts at a position among the knots, which is found once for all
tables, and answers from a table of every batch. Decoding runs straight there. Prompts climb in steps, which a line
cuts: up to 18 % are lacking just after a step (Llama-3-8B at 645 tokens: 3 ms), 2 % in the mean over all lengths. The
context of decoding is one for a table: that of the scenario's mean request.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import numpy as np

from mei_gym.architectures import Architecture
from mei_gym.compiled import plain, scalar
from mei_gym.costs.compute import (
    ComputeCosts,
    block_decode_time,
    block_prefill_time,
    compute_costs,
    decode_bytes,
    decode_flops,
    head_time,
    prefill_bytes,
    prefill_flops,
)
from mei_gym.costs.energy import device_power, energy_costs
from mei_gym.profiles.load import ProfileError, architecture_of, measured_devices, models, precisions
from mei_gym.profiles.precision import decode_ratio, precision_of, prefill_ratio
from mei_gym.profiles.remembered import reading_once, remembered

PROMPT_KNOTS = (1.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0)  # those of the profiles
BATCH_KNOTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # likewise
MOST_AT_ONCE = int(BATCH_KNOTS[-1])  # answers in a batch
SERVER = 0


class InferenceParams(NamedTuple):
    """The tables; the first index is the base, the second the precision."""

    prompt_knot_tokens: np.ndarray  # f8[knots]
    whole_prefill_s: np.ndarray  # f8[bases, precisions, knots]
    whole_prefill_j: np.ndarray  # f8[bases, precisions, knots]
    whole_decode_s: np.ndarray  # f8[bases, precisions, batch]: of an iteration; batch 0 as 1
    whole_decode_j: np.ndarray  # f8[bases, precisions, batch]: of one answer's token in it


def inference_params(
    bases: Sequence[str], bits: Sequence[float], device: str, context_tokens: float
) -> InferenceParams:
    """The tables of some models on a device.

    Raises:
        ProfileError: an unknown model or device, or a precision that was measured for no model there.
    """
    with reading_once():
        tables = [[table_of(base, int(each), device, context_tokens) for each in bits] for base in bases]

    def stacked(place: int) -> np.ndarray:
        return np.array([[table[place] for table in row] for row in tables])

    return InferenceParams(np.array(PROMPT_KNOTS), *(stacked(place) for place in range(4)))


@remembered
def table_of(
    base: str, bits: int, device: str, context_tokens: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Prefill s and J by prompt, decode s and J by batch, of one model at one precision."""
    card = architecture_of(base)
    costs, energy = compute_costs(base, device, ()), energy_costs(base, device, ())
    lender = ratio_model(card, bits, device)
    unpack_s = (bits / 8.0 + 4.0) * card.block_matrix_weights / costs.bandwidth_bytes_per_s[SERVER]
    prefill_s, prefill_j, decode_s, decode_j = [], [], [], []
    for tokens in PROMPT_KNOTS:
        plain_s = plain(block_prefill_time)(costs, SERVER, tokens, 0.0)
        block_s = min(prefill_ratio(device, lender, bits, tokens) * plain_s, plain_s + unpack_s)
        work = plain(prefill_flops)(costs, SERVER, tokens, 0.0), plain(prefill_bytes)(costs, SERVER, tokens, 0.0)
        prefill_s.append(card.layers * block_s + plain(head_time)(costs, SERVER, 1.0))
        prefill_j.append(prefill_s[-1] * power_w(costs, energy, *work, block_s))
    for batch in BATCH_KNOTS:
        plain_s = plain(block_decode_time)(costs, SERVER, batch, context_tokens)
        block_s = min(decode_ratio(device, lender, bits, batch, context_tokens) * plain_s, plain_s + unpack_s)
        flops = plain(decode_flops)(costs, SERVER, batch, context_tokens)
        moved = plain(decode_bytes)(costs, SERVER, batch, context_tokens)
        decode_s.append(card.layers * block_s + plain(head_time)(costs, SERVER, batch))
        decode_j.append(decode_s[-1] * power_w(costs, energy, flops, moved, block_s) / batch)
    every = np.arange(MOST_AT_ONCE + 1)
    return (
        np.array(prefill_s),
        np.array(prefill_j),
        np.interp(every, BATCH_KNOTS, decode_s),
        np.interp(every, BATCH_KNOTS, decode_j),
    )


def power_w(costs: ComputeCosts, energy: object, flops: float, moved_bytes: float, time_s: float) -> float:
    """W while a block runs; packed weights move fewer bytes, which the bound on the shares keeps possible."""
    flops_share = min(1.0, flops / (time_s * costs.peak_flops[SERVER]))
    bytes_share = min(1.0, moved_bytes / (time_s * costs.bandwidth_bytes_per_s[SERVER]))
    return plain(device_power)(energy, SERVER, flops_share, bytes_share)


def ratio_model(card: Architecture, bits: int, device: str) -> str:
    """The model whose measured ratio of a precision is taken: its own, or that of the nearest size."""
    if bits == 16:
        return card.name
    measured = [architecture_of(slug) for slug in models(device) if precision_of(bits) in precisions(device, slug)]
    if not measured:
        able = [
            each for each in measured_devices() if any(precision_of(bits) in precisions(each, m) for m in models(each))
        ]
        raise ProfileError(
            f"Weights of {bits} bits were measured for no model on the device {device!r}; accepted are"
            f" {', '.join(able)}."
        )
    return min(measured, key=lambda each: abs(log(each.weights / card.weights))).name


@scalar
def prompt_position(params, tokens):
    """Where a prompt stands among the knots: the knot before it, and the share of the way to the next; beyond, more."""
    knots = params.prompt_knot_tokens
    place = 0
    while place < knots.shape[0] - 2 and knots[place + 1] < tokens:
        place += 1
    return place + (tokens - knots[place]) / (knots[place + 1] - knots[place])


@scalar
def on_line(params, values, base, precision, position):
    """A table's value at a position, on the line between its knots; beyond the last on the last line."""
    place = min(int(position), params.prompt_knot_tokens.shape[0] - 2)
    below = values[base, precision, place]
    return below + (position - place) * (values[base, precision, place + 1] - below)


@scalar
def prefill_time(params, base, precision, position):
    """s of a prompt."""
    return on_line(params, params.whole_prefill_s, base, precision, position)


@scalar
def prefill_energy(params, base, precision, position):
    """J of a prompt."""
    return on_line(params, params.whole_prefill_j, base, precision, position)


@scalar
def decode_time(params, base, precision, batch):
    """s of an iteration: one token of each of `batch` answers, a whole number."""
    return params.whole_decode_s[base, precision, batch]


@scalar
def decode_energy(params, base, precision, batch):
    """J of one answer's token in a batch."""
    return params.whole_decode_j[base, precision, batch]
