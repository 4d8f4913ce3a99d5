"""The channel of 3GPP TR 38.901 from a mast to a user: how much weaker a signal arrives than it was sent.

    path loss, dB (distances in m, f in GHz)
    UMi  line of sight  32.4 + 21 lg d3 + 20 lg f                                        up to the break point
                        32.4 + 40 lg d3 + 20 lg f - 9.5 lg(dBP^2 + (hBS - hUT)^2)        beyond it
         blocked        max(line of sight, 22.4 + 35.3 lg d3 + 21.3 lg f - .3 (hUT - 1.5))
    UMa  line of sight  28.0 + 22 lg d3 + 20 lg f                                        up to the break point
                        28.0 + 40 lg d3 + 20 lg f - 9 lg(dBP^2 + (hBS - hUT)^2)          beyond it
         blocked        max(line of sight, 13.54 + 39.08 lg d3 + 20 lg f - .6 (hUT - 1.5))
    InH  line of sight  32.4 + 17.3 lg d3 + 20 lg f
         blocked        max(line of sight, 17.3 + 38.3 lg d3 + 24.9 lg f)
    dBP = 4 (hBS - 1)(hUT - 1) f / c,  c = 3.0e8 m/s as the report fixes it

    P(line of sight)
    UMi  1 up to 18 m, then 18/d + exp(-d/36) (1 - 18/d)
    UMa  the same with 63 for 36, times 1 + C (5/4) (d/100)^3 exp(-d/150);  C = ((hUT - 13)/10)^1.5, 0 up to 13 m
    InH  mixed office  1 up to 1.2 m, exp(-(d - 1.2)/4.7) up to 6.5 m, then .32 exp(-(d - 6.5)/32.6)
         open office   1 up to 5 m, exp(-(d - 5)/70.8) up to 49 m, then .54 exp(-(d - 49)/211.7)

    d   distance_m, along the ground    d3   through the air, from antenna to antenna
    hBS base_height_m                   hUT  user_height_m

UMi: street canyon, masts below the roofs; UMa: masts above them; InH: an office, its masts at the ceiling.
Valid from 10 m to 5 km along the ground (UMi, UMa: users below 22.5 and 13 m, above which the report draws a height
of the surroundings), from 1 to 150 m (InH). Whether a place sees its mast, and how much deeper than the mean it lies
in a shadow, are standard normal numbers that decorrelate with the distance walked (an AR(1) chain; line of sight is
a Gaussian copula). Walls: `penetration.py`; fast fading: `fading.py`.
Source: TR 38.901 tables 7.4.1-1, 7.4.2-1, 7.5-6, 7.6.3.1-2, checked against CRRM 2.0.2 and Sionna 2.2.0.
"""

from __future__ import annotations

from math import erfc, exp, inf, log, log10, sqrt

import numpy as np

from mei_gym.compiled import scalar

UMI, UMA, INH_MIXED, INH_OPEN = 0, 1, 2, 3
PROPAGATIONS = {"umi": UMI, "uma": UMA, "inh_mixed": INH_MIXED, "inh_open": INH_OPEN}

LIGHT_MPS = 3.0e8  # TR 38.901, note 1 of table 7.4.1-1
ROOT_TWO = sqrt(2.0)
NEPER = log(10.0) / 10.0  # natural logarithm of one decibel
THERMAL_NOISE_W_PER_HZ = 10.0 ** (-174.0 / 10.0) / 1e3  # -174 dBm/Hz, thermal noise at 290 K

# By propagation: outdoors and blocked, in line of sight, behind a wall. An office has no user behind its outer wall.
SHADOWING_SIGMA_DB = np.array(
    [
        [7.82, 4.0, 7.0],  # UMi: TR 38.901 table 7.4.1-1; behind a wall: table 7.5-6 (recalled)
        [6.0, 4.0, 7.0],  # UMa: likewise
        [8.03, 3.0, 8.03],  # InH
        [8.03, 3.0, 8.03],
    ]
)
SHADOWING_CORRELATION_M = np.array(
    [
        [13.0, 10.0, 7.0],  # TR 38.901 table 7.5-6, UMi
        [50.0, 37.0, 7.0],  # UMa
        [6.0, 10.0, 6.0],  # InH
        [6.0, 10.0, 6.0],
    ]
)
LOS_CORRELATION_M = np.array([50.0, 50.0, 10.0, 10.0])  # TR 38.901 table 7.6.3.1-2
K_FACTOR_DB = np.array([9.0, 9.0, 7.0, 7.0])  # TR 38.901 table 7.5-6: mean of the Rician K in line of sight


@scalar
def path_loss_db(propagation, distance_m, base_height_m, user_height_m, carrier_hz, line_of_sight):
    """dB, the median; `line_of_sight` is 1 or 0."""
    break_m = break_point_m(propagation, base_height_m, user_height_m, carrier_hz)
    return path_loss_of_break_db(
        propagation, distance_m, base_height_m, user_height_m, carrier_hz, line_of_sight, break_m
    )


@scalar
def break_point_m(propagation, base_height_m, user_height_m, carrier_hz):
    """m along the ground, from where the ray that the ground reflects cancels the direct one; an office has none."""
    if propagation >= INH_MIXED:
        return inf
    return 4.0 * (base_height_m - 1.0) * (user_height_m - 1.0) * carrier_hz / LIGHT_MPS


@scalar
def path_loss_of_break_db(propagation, distance_m, base_height_m, user_height_m, carrier_hz, line_of_sight, break_m):
    """dB, the median, with the break point where it is said to be."""
    rise_m = base_height_m - user_height_m
    lg_air = log10(sqrt(distance_m * distance_m + rise_m * rise_m))
    lg_ghz = log10(carrier_hz / 1e9)
    if propagation == UMI:
        if distance_m <= break_m:
            seen_db = 32.4 + 21.0 * lg_air + 20.0 * lg_ghz
        else:
            seen_db = 32.4 + 40.0 * lg_air + 20.0 * lg_ghz - 9.5 * log10(break_m * break_m + rise_m * rise_m)
        blocked_db = 22.4 + 35.3 * lg_air + 21.3 * lg_ghz - 0.3 * (user_height_m - 1.5)
    elif propagation == UMA:
        if distance_m <= break_m:
            seen_db = 28.0 + 22.0 * lg_air + 20.0 * lg_ghz
        else:
            seen_db = 28.0 + 40.0 * lg_air + 20.0 * lg_ghz - 9.0 * log10(break_m * break_m + rise_m * rise_m)
        blocked_db = 13.54 + 39.08 * lg_air + 20.0 * lg_ghz - 0.6 * (user_height_m - 1.5)
    else:
        seen_db = 32.4 + 17.3 * lg_air + 20.0 * lg_ghz
        blocked_db = 17.3 + 38.3 * lg_air + 24.9 * lg_ghz
    return seen_db if line_of_sight else max(seen_db, blocked_db)


@scalar
def los_probability(propagation, distance_m, user_height_m):
    """A probability: that a place at this distance along the ground, outdoors, sees the mast."""
    if propagation == UMI:
        return street_los_probability(distance_m, 36.0)
    if propagation == UMA:
        seen = street_los_probability(distance_m, 63.0)
        if user_height_m <= 13.0 or distance_m <= 18.0:
            return seen
        above = ((user_height_m - 13.0) / 10.0) ** 1.5
        return seen * (1.0 + above * 1.25 * (distance_m / 100.0) ** 3 * exp(-distance_m / 150.0))
    if propagation == INH_MIXED:
        return office_los_probability(distance_m, 1.2, 4.7, 6.5, 0.32, 32.6)
    return office_los_probability(distance_m, 5.0, 70.8, 49.0, 0.54, 211.7)


@scalar
def street_los_probability(distance_m, decay_m):
    """A probability: 1 up to 18 m, and falling behind."""
    if distance_m <= 18.0:
        return 1.0
    return 18.0 / distance_m + exp(-distance_m / decay_m) * (1.0 - 18.0 / distance_m)


@scalar
def office_los_probability(distance_m, free_m, near_decay_m, far_m, far_share, far_decay_m):
    """A probability: 1 up to `free_m`, then falling, and more slowly from `far_m`."""
    if distance_m <= free_m:
        return 1.0
    if distance_m < far_m:
        return exp(-(distance_m - free_m) / near_decay_m)
    return far_share * exp(-(distance_m - far_m) / far_decay_m)


@scalar
def in_line_of_sight(propagation, distance_m, user_height_m, los_normal):
    """1 or 0: a place sees its mast when the copula's normal number falls below P(line of sight)."""
    below = 0.5 * erfc(-los_normal / ROOT_TWO)
    return 1 if below < los_probability(propagation, distance_m, user_height_m) else 0


@scalar
def shadowing_sigma_db(propagation, line_of_sight, indoors):
    """dB: standard deviation of the shadowing; behind a wall it is the same seen or blocked."""
    return SHADOWING_SIGMA_DB[propagation, 2 if indoors else line_of_sight]


@scalar
def shadowing_correlation_m(propagation, line_of_sight, indoors):
    """m: over which the shadowing decorrelates to 1/e."""
    return SHADOWING_CORRELATION_M[propagation, 2 if indoors else line_of_sight]


@scalar
def los_correlation_m(propagation):
    """m: over which the copula's number of the line of sight decorrelates to 1/e."""
    return LOS_CORRELATION_M[propagation]


@scalar
def correlated(previous, moved, correlation, draw):
    """A standard normal number: rho previous + sqrt(1 - rho^2) draw, rho = exp(-moved / correlation).

    `moved` and `correlation` are both metres or both seconds; any step length gives the same law.
    """
    rho = exp(-moved / correlation)
    return rho * previous + sqrt(1.0 - rho * rho) * draw


@scalar
def ratio(decibel):
    """A power ratio."""
    return exp(decibel * NEPER)


@scalar
def noise_power_w(bandwidth_hz, noise_figure_db):
    """W: thermal noise of the band, raised by the receiver's noise figure."""
    return THERMAL_NOISE_W_PER_HZ * bandwidth_hz * ratio(noise_figure_db)
