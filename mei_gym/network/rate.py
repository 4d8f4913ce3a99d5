"""From signal-to-interference ratio to bits per second on a 5G NR carrier, while the channel holds still.

    SE = min(a log2(1 + SINR / gap), cap)  or the best code that gets through; 0 below the floor
    R  = S share SE,   S = PRB x 12 x 14 x 1000 x 2^numerology x (1 - overhead)
    p  = min(p_max, PRB P0 PL^alpha)                              uplink power control, TS 38.213

    a   efficiency_factor, gap  efficiency_gap, cap  efficiency_cap, floor  sinr_floor: named in `codes.py`
    S   symbols_per_s: resource elements a second that carry data     PL   path_loss, a ratio
    P0  target_w: wanted power of one resource block at the base      alpha  compensation

What fast fading makes of it is in `fading.py`. Source: TS 38.306 4.1.2 (overheads).
"""

from __future__ import annotations

from math import log2

from mei_gym.compiled import scalar

SUBCARRIERS_PER_BLOCK = 12  # TS 38.211
SUBCARRIER_HZ = 15e3  # TS 38.211: times 2^numerology
SYMBOLS_PER_SLOT = 14  # TS 38.211, normal cyclic prefix


@scalar
def spectral_efficiency(params, sinr):
    """bit/s/Hz of one layer; 0 below the floor."""
    if sinr < params.sinr_floor:
        return 0.0
    if params.code_sinr.shape[0] > 0:
        return coded_efficiency(params, sinr)
    return truncated_shannon(sinr, params.efficiency_factor, params.efficiency_gap, params.efficiency_cap)


@scalar
def truncated_shannon(sinr, factor, gap, cap):
    """bit/s/Hz of one layer, by Shannon's bound with a gap and an end."""
    return min(factor * log2(1.0 + sinr / gap), cap)


@scalar
def coded_efficiency(params, sinr):
    """bit/s/Hz of the best code that gets through; the SINR is that of the lowest at least."""
    low, high = 0, params.code_sinr.shape[0]
    while high - low > 1:
        middle = (low + high) >> 1
        if params.code_sinr[middle] <= sinr:
            low = middle
        else:
            high = middle
    return params.code_efficiency[low]


@scalar
def sustained_efficiency(params, sinr):
    """bit/s/Hz of one layer that is never 0 for a positive SINR.

    Below the floor the link is held there, by repetition or (uplink) by fewer resource blocks at the same
    power, and the efficiency falls in proportion: a bad place is slow, and a transfer that was begun ends.
    """
    if sinr < params.sinr_floor:
        return spectral_efficiency(params, params.sinr_floor) * sinr / params.sinr_floor
    return spectral_efficiency(params, sinr)


@scalar
def in_outage(params, sinr):
    """1 or 0: whether no code gets through at once, so that the link lives by repetition only."""
    return 1 if sinr < params.sinr_floor else 0


@scalar
def carrier_bandwidth_hz(resource_blocks, numerology):
    """Hz that the resource blocks fill: 98.28 MHz of the 100 MHz carrier for 273 blocks at 30 kHz."""
    return resource_blocks * SUBCARRIERS_PER_BLOCK * SUBCARRIER_HZ * 2.0**numerology


@scalar
def symbols_per_s(resource_blocks, numerology, overhead):
    """Resource elements a second that carry data on a one-way carrier: 78.9e6 for 273 blocks at 30 kHz."""
    slots_per_s = 1000.0 * 2.0**numerology
    return resource_blocks * SUBCARRIERS_PER_BLOCK * SYMBOLS_PER_SLOT * slots_per_s * (1.0 - overhead)


@scalar
def cell_rate_bps(symbol_rate, share, efficiency):
    """Bits per second of one user who has the cell alone; `share`: the direction's part of the TDD frame."""
    return symbol_rate * share * efficiency


@scalar
def controlled_power_w(path_loss, resource_blocks, target_w, compensation, maximum_w):
    """W of the user's transmitter: fractional power control over `resource_blocks`."""
    return min(maximum_w, resource_blocks * target_w * path_loss**compensation)


@scalar
def signal_ratio(signal_w, interference_w, noise_w):
    """A ratio."""
    return signal_w / (interference_w + noise_w)
