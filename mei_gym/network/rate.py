"""From signal-to-interference ratio to bits per second on a 5G NR carrier.

    SE = min(log2(1 + SINR / gap), cap), 0 below -7 dB            gap 2 dB, cap 7.4063 bit/s/Hz
    R  = S share SE,   S = PRB x 12 x 14 x 1000 x 2^numerology x (1 - overhead)
    p  = min(p_max, PRB P0 PL^alpha)                              uplink power control, TS 38.213

    S   symbols_per_s: resource elements a second that carry data     PL   path_loss, a ratio
    P0  target_w: wanted power of one resource block at the base      alpha  compensation

The gap stands for the modulation and coding table 2 at 10 % block errors (.5 to 2.6 dB, mean 1.7); fast
fading averages over the 100 MHz and within a request, so it is no part of this model. Source: TS 38.306
4.1.2 (overheads), TS 38.214 table 5.2.2.1-3 (the cap: 256QAM, rate 948/1024).
"""

from __future__ import annotations

from math import log2

from mei_gym.compiled import scalar

EFFICIENCY_GAP = 10.0 ** (2.0 / 10.0)  # chosen: 2 dB, a little above the measured mean of 1.7
EFFICIENCY_CAP = 7.4063  # bit/s/Hz, TS 38.214 table 5.2.2.1-3, CQI 15
SINR_FLOOR = 10.0 ** (-7.0 / 10.0)  # below it no code of the table gets through

SUBCARRIERS_PER_BLOCK = 12  # TS 38.211
SUBCARRIER_HZ = 15e3  # TS 38.211: times 2^numerology
SYMBOLS_PER_SLOT = 14  # TS 38.211, normal cyclic prefix


@scalar
def spectral_efficiency(sinr, gap, cap):
    """bit/s/Hz of one layer; 0 below -7 dB."""
    if sinr < SINR_FLOOR:
        return 0.0
    return min(log2(1.0 + sinr / gap), cap)


@scalar
def sustained_efficiency(sinr, gap, cap):
    """bit/s/Hz that is never 0 for a positive SINR.

    Below -7 dB the link is held there, by repetition or (uplink) by fewer resource blocks at the same
    power, and the efficiency falls in proportion: a bad place is slow, and a transfer that was begun ends.
    """
    if sinr < SINR_FLOOR:
        return spectral_efficiency(SINR_FLOOR, gap, cap) * sinr / SINR_FLOOR
    return spectral_efficiency(sinr, gap, cap)


@scalar
def layered_efficiency(sinr, layers, gap, cap):
    """bit/s/Hz, the best over 1..layers spatial layers that share the power and do not disturb each other."""
    best = 0.0
    for used in range(1, int(layers) + 1):
        best = max(best, used * sustained_efficiency(sinr / used, gap, cap))
    return best


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
def uplink_power_w(path_loss, resource_blocks, target_w, compensation, maximum_w):
    """W of the user's transmitter: fractional power control over `resource_blocks`."""
    return min(maximum_w, resource_blocks * target_w * path_loss**compensation)


@scalar
def sinr(signal_w, interference_w, noise_w):
    """A ratio."""
    return signal_w / (interference_w + noise_w)
