"""The mean efficiency under fast fading, laid once into the table that the rules read.

    E[min(a log2(1 + g h / gap), cap)] = (a / ln 2) e^q [E1(q) - E1(q + hc)]      h exponential: Rayleigh, exact
    q = gap / g,  hc = q (2^(cap / a) - 1): from there on the cap
    E[SE(g h)] = integral of SE(g h) p(h) dh                                      otherwise, over decibels of h
    p(h) = (1 + K) exp(-K - (1 + K) h) I0(2 sqrt(K (1 + K) h))                    Rician power; K = 0: Rayleigh

    g  mean SINR, a ratio     h  power gain of mean 1     E1  the exponential integral

A bound such as Shannon's holds for a code that is spread over good and bad instants, so the floor does not cut into
it; a step of an MCS table is chosen fade by fade, so there it does. Source: Alouini and Goldsmith 1999 (Rayleigh);
Abramowitz and Stegun 5.1.11 and 5.1.22 (E1).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import exp, log

import numpy as np

from mei_gym.compiled import plain
from mei_gym.network.cell import CellParams
from mei_gym.network.fading import KNOT_STEP_DB, KNOTS, LOWEST_KNOT_DB, mean_k_factor
from mei_gym.network.rate import sustained_efficiency, truncated_shannon

EULER_GAMMA = 0.5772156649015329
STEPS_A_KNOT = 10  # of the integral, .025 dB each: within 2e-4 bit/s/Hz at the steps of a code table
STEP_DB = KNOT_STEP_DB / STEPS_A_KNOT
DEEPEST_FADE_DB, HIGHEST_FADE_DB = -60.0, 14.0  # chosen: beyond them lies less than 2e-6 of the chance


def ergodic_efficiencies(params: CellParams) -> np.ndarray:
    """f8[2, knots], bit/s/Hz of one layer by mean SINR: blocked, in line of sight."""
    k_factor = plain(mean_k_factor)(params.propagation, 1)
    if len(params.code_sinr) > 0:
        coded = partial(plain(sustained_efficiency), params)
        return np.stack([over_fades(coded, 0.0), over_fades(coded, k_factor)])
    factor, gap, cap = params.efficiency_factor, params.efficiency_gap, params.efficiency_cap
    knots_db = LOWEST_KNOT_DB + KNOT_STEP_DB * np.arange(KNOTS)
    blocked = np.array([rayleigh_efficiency(10.0 ** (each / 10.0), factor, gap, cap) for each in knots_db])
    return np.stack([blocked, over_fades(lambda sinr: plain(truncated_shannon)(sinr, factor, gap, cap), k_factor)])


def rayleigh_efficiency(sinr: float, factor: float, gap: float, cap: float) -> float:
    """bit/s/Hz: Shannon's bound with a gap and an end, its mean over Rayleigh fading."""
    near = gap / sinr
    to_cap = near * (2.0 ** (cap / factor) - 1.0)
    return factor / log(2.0) * (scaled_e1(near) - exp(-to_cap) * scaled_e1(near + to_cap))


def scaled_e1(x: float) -> float:
    """e^x E1(x) for x > 0: the series up to 1, the continued fraction beyond it."""
    if x <= 1.0:
        total, term = -EULER_GAMMA - log(x), 1.0
        for n in range(1, 25):
            term *= -x / n
            total -= term / n
        return exp(x) * total
    fraction = 0.0
    for n in range(120, 0, -1):
        fraction = n / (1.0 + n / (x + fraction))
    return 1.0 / (x + fraction)


def over_fades(efficiency: Callable[[float], float], k_factor: float) -> np.ndarray:
    """f8[knots]: the mean of an efficiency over Rician fading, by the trapezoidal rule over decibels of the gain.

    Knots and fades stand on one grid of decibels, so each efficiency is computed once and the mean is a correlation.
    """
    fades_db = np.arange(DEEPEST_FADE_DB, HIGHEST_FADE_DB + STEP_DB / 2, STEP_DB)
    gains = 10.0 ** (fades_db / 10.0)
    density = np.exp(-k_factor - (1.0 + k_factor) * gains) * np.i0(2.0 * np.sqrt(k_factor * (1.0 + k_factor) * gains))
    shares = density * gains  # dh is proportional to h d(dB)
    lowest_db = LOWEST_KNOT_DB + DEEPEST_FADE_DB
    grid_db = lowest_db + STEP_DB * np.arange(len(fades_db) + STEPS_A_KNOT * (KNOTS - 1))
    values = np.array([efficiency(10.0 ** (each / 10.0)) for each in grid_db])
    return np.correlate(values, shares / shares.sum(), "valid")[::STEPS_A_KNOT].copy()
