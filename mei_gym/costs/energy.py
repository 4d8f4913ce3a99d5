"""Joules: power while work runs, idle power otherwise.

    P = min(P_max, P_0 + a F/(t P_peak) + b B/(t W))        E = P t

    P_max  max_power_w     P_0  busy_power_w     a  flops_power_w     b  bytes_power_w
    F, B   FLOPs and bytes of the work, done in t seconds; P_peak, W  the roofline's peaks

Fitted where a profile has power points; a card that only cites an active power has P_0 = P_max and a = b = 0.
Linear power with a cap is the form that datacentre measurements support; the scope (GPU, board, ...) is the card's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.costs.compute import (
    block_decode_time,
    block_prefill_time,
    decode_bytes,
    decode_flops,
    prefill_bytes,
    prefill_flops,
)
from mei_gym.profiles.power import power_of


class EnergyCosts(NamedTuple):
    """The power of each processor; the first index is the processor."""

    idle_power_w: np.ndarray  # f8[processors]
    busy_power_w: np.ndarray  # f8[processors]
    flops_power_w: np.ndarray  # f8[processors], at full use of the FLOP/s
    bytes_power_w: np.ndarray  # f8[processors], at full use of the bandwidth
    max_power_w: np.ndarray  # f8[processors]


def energy_costs(model: str, server: str, devices: Sequence[str]) -> EnergyCosts:
    """Power of a server (processor 0) and of device classes (1..) while they run a model."""
    powers = [power_of(slug, model) for slug in (server, *devices)]
    return EnergyCosts(*(np.array(values, dtype=np.float64) for values in zip(*powers)))


@scalar
def device_power(costs, processor, flops_share, bytes_share):
    """W while work runs that reaches these shares of the peak FLOP/s and of the bandwidth."""
    power_w = costs.busy_power_w[processor]
    power_w += flops_share * costs.flops_power_w[processor] + bytes_share * costs.bytes_power_w[processor]
    return min(costs.max_power_w[processor], power_w)


@scalar
def work_energy(costs, processor, flops, moved_bytes, time_s):
    """J of work that takes `time_s`; costs hold the fields of ComputeCosts and EnergyCosts."""
    if time_s <= 0.0:
        return 0.0
    flops_share = flops / (time_s * costs.peak_flops[processor])
    bytes_share = moved_bytes / (time_s * costs.bandwidth_bytes_per_s[processor])
    return time_s * device_power(costs, processor, flops_share, bytes_share)


@scalar
def block_prefill_energy(costs, processor, tokens, context_tokens):
    """J of one block over a prompt's new tokens."""
    time_s = block_prefill_time(costs, processor, tokens, context_tokens)
    flops = prefill_flops(costs, processor, tokens, context_tokens)
    return work_energy(costs, processor, flops, prefill_bytes(costs, processor, tokens, context_tokens), time_s)


@scalar
def block_decode_energy(costs, processor, batch, context_tokens):
    """J of one block over one token of each request; below one request, its share."""
    share, batch = min(batch, 1.0), max(batch, 1.0)
    time_s = block_decode_time(costs, processor, batch, context_tokens)
    flops = decode_flops(costs, processor, batch, context_tokens)
    moved = decode_bytes(costs, processor, batch, context_tokens)
    return max(0.0, share) * work_energy(costs, processor, flops, moved, time_s)


@scalar
def idle_energy(costs, processor, time_s):
    """J of waiting."""
    return max(0.0, time_s) * costs.idle_power_w[processor]
