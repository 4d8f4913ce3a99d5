"""The urban micro-cell channel of 3GPP TR 38.901: how much weaker a signal arrives than it was sent.

    path loss, dB (UMi street canyon; distances in m, f in GHz)
      line of sight   32.4 + 21 lg d3 + 20 lg f                                          up to the break point
                      32.4 + 40 lg d3 + 20 lg f - 9.5 lg(dBP^2 + (hBS - hUT)^2)          beyond it
      blocked         max(line of sight, 22.4 + 35.3 lg d3 + 21.3 lg f - .3 (hUT - 1.5))
    dBP = 4 (hBS - 1)(hUT - 1) f / c,  c = 3.0e8 m/s as the report fixes it
    P(line of sight) = 1 up to 18 m, then 18/d + exp(-d/36) (1 - 18/d)

    d   distance_m, along the ground    d3   through the air, from antenna to antenna
    hBS base_height_m                   hUT  user_height_m

Whether a place sees its base station, and how much deeper than the mean it lies in a shadow, are standard
normal numbers that decorrelate with the distance walked (an AR(1) chain; line of sight is a Gaussian copula).
Source: TR 38.901 tables 7.4.1-1, 7.4.2-1, 7.5-6, 7.6.3.1-2, checked against CRRM 2.0.2 and Sionna 2.2.0.
"""

from __future__ import annotations

from math import erfc, exp, log10, sqrt

from mei_gym.compiled import scalar

LIGHT_MPS = 3.0e8  # TR 38.901, note 1 of table 7.4.1-1
ROOT_TWO = sqrt(2.0)
THERMAL_NOISE_W_PER_HZ = 10.0 ** (-174.0 / 10.0) / 1e3  # -174 dBm/Hz, thermal noise at 290 K

SHADOWING_SIGMA_LOS_DB = 4.0  # TR 38.901 table 7.4.1-1, UMi
SHADOWING_SIGMA_BLOCKED_DB = 7.82  # the same
SHADOWING_CORRELATION_LOS_M = 10.0  # TR 38.901 table 7.5-6, UMi
SHADOWING_CORRELATION_BLOCKED_M = 13.0  # the same
LOS_CORRELATION_M = 50.0  # TR 38.901 table 7.6.3.1-2, UMi


@scalar
def umi_path_loss_db(distance_m, base_height_m, user_height_m, carrier_hz, line_of_sight):
    """dB, the median; `line_of_sight` is 1 or 0. Valid from 10 m to 5 km along the ground."""
    rise_m = base_height_m - user_height_m
    air_m = sqrt(distance_m * distance_m + rise_m * rise_m)
    frequency_db = 20.0 * log10(carrier_hz / 1e9)
    break_m = 4.0 * (base_height_m - 1.0) * (user_height_m - 1.0) * carrier_hz / LIGHT_MPS
    if distance_m <= break_m:
        seen_db = 32.4 + 21.0 * log10(air_m) + frequency_db
    else:
        seen_db = 32.4 + 40.0 * log10(air_m) + frequency_db - 9.5 * log10(break_m * break_m + rise_m * rise_m)
    if line_of_sight:
        return seen_db
    blocked_db = 22.4 + 35.3 * log10(air_m) + 1.065 * frequency_db - 0.3 * (user_height_m - 1.5)
    return max(seen_db, blocked_db)


@scalar
def umi_los_probability(distance_m):
    """A probability: that a place at this distance along the ground sees the base station."""
    if distance_m <= 18.0:
        return 1.0
    return 18.0 / distance_m + exp(-distance_m / 36.0) * (1.0 - 18.0 / distance_m)


@scalar
def umi_line_of_sight(distance_m, los_normal):
    """1 or 0: a place sees its base station when the copula's normal number falls below P(line of sight)."""
    below = 0.5 * erfc(-los_normal / ROOT_TWO)
    return 1 if below < umi_los_probability(distance_m) else 0


@scalar
def umi_shadowing_sigma_db(line_of_sight):
    """dB: standard deviation of the shadowing."""
    return SHADOWING_SIGMA_LOS_DB if line_of_sight else SHADOWING_SIGMA_BLOCKED_DB


@scalar
def umi_shadowing_correlation_m(line_of_sight):
    """m: over which the shadowing decorrelates to 1/e."""
    return SHADOWING_CORRELATION_LOS_M if line_of_sight else SHADOWING_CORRELATION_BLOCKED_M


@scalar
def correlated(previous, moved, correlation, draw):
    """A standard normal number: rho previous + sqrt(1 - rho^2) draw, rho = exp(-moved / correlation).

    `moved` and `correlation` are both metres or both seconds; any step length gives the same law.
    """
    rho = exp(-moved / correlation)
    return rho * previous + sqrt(1.0 - rho * rho) * draw


@scalar
def noise_power_w(bandwidth_hz, noise_figure_db):
    """W: thermal noise of the band, raised by the receiver's noise figure."""
    return THERMAL_NOISE_W_PER_HZ * bandwidth_hz * 10.0 ** (noise_figure_db / 10.0)
