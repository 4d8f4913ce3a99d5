"""Fast fading: what the sum of a signal's many paths does to the efficiency of a link of given mean SINR.

    SE(fading) = E[SE(SINR h)]                    ergodic: all of the fading is seen within one request
    SE(fading) = (1/L) sum of SE(SINR h_l)        block: L independent pieces of time and band, drawn a request
    SE(fading) = SE(SINR h),                      ar1: one gain of user and mast, h = |g|^2
                 s' = rho s + sqrt(1 - rho^2) w,  rho = J0(2 pi v f t / c)
    g = sqrt(K / (K + 1)) + s / sqrt(K + 1)       Rician in line of sight, K = 0 (Rayleigh) where it is blocked

    h  power gain of mean 1     s, w  standard complex normal     v  speed, t  time between two looks
    L  fading_blocks, about (1 + T / Tc)(1 + B / Bc)    Tc = .423 c / (v f)    Bc  1 to 3 MHz

Ergodic, the default, is right for requests of 50 ms and more on a wide band: beyond 100 ms the gains of a walker at
3.5 GHz are strangers to each other (J0 = .18). `ar1` means something for slots of 1 to 10 ms and bands below Bc only;
its correlation is Clarke's between any two looks in a row, and AR(1) over more. Users who stand still fade with the
world around them, at `fading_least_speed_mps`. The interferers' fading averages out in their sum. Up and down share
the gain, as TDD's reciprocity wants. The ergodic efficiency is read from a table laid at set-up (`ergodic.py`).
Source: Clarke 1968; Jakes 1974; TR 38.901 table 7.5-6 (K); Abramowitz and Stegun 9.4.1, 9.4.3 (J0 within 1e-7).
"""

from __future__ import annotations

from math import cos, log10, pi, sqrt

import numpy as np

from mei_gym.chance import normal
from mei_gym.compiled import scalar
from mei_gym.network.channel import K_FACTOR_DB, LIGHT_MPS, ratio
from mei_gym.network.rate import sustained_efficiency

STILL, ERGODIC, BLOCK, AR1 = 0, 1, 2, 3
FADINGS = {"none": STILL, "ergodic": ERGODIC, "block": BLOCK, "ar1": AR1}

# The table of ergodic efficiencies: knots of equal distance in dB.
LOWEST_KNOT_DB, KNOT_STEP_DB, KNOTS = -30.0, 0.25, 361  # chosen: linear between them, within 2e-4 bit/s/Hz
LOWEST_KNOT = 10.0 ** (LOWEST_KNOT_DB / 10.0)

ROOT_HALF = sqrt(0.5)
COHERENCE_TIMES_DOPPLER = 0.423  # Rappaport: the time over which the correlation stays above a half, about

# Purposes of draws, within the network's 100-199.
FADING_START, FADING_STEP, FADING_BLOCK = 120, 121, 122


@scalar
def start_fading(params, state, lane, user):
    """Begin an episode: the scattered gain at its stationary law."""
    key = state.key[lane]
    state.user_faded_step[lane, user] = 0
    state.user_fading_re[lane, user] = ROOT_HALF * normal(key, 0, FADING_START, 2 * user)
    state.user_fading_im[lane, user] = ROOT_HALF * normal(key, 0, FADING_START, 2 * user + 1)


@scalar
def pass_fading(params, state, lane, user, elapsed_s, step):
    """Let the user's scattered gain change for `elapsed_s`, and remember which request's blocks to draw."""
    state.user_faded_step[lane, user] = step
    if params.fading != AR1:
        return
    key = state.key[lane]
    speed_mps = max(params.fading_least_speed_mps, np.float64(state.user_mean_speed_mps[lane, user]))
    rho = bessel_j0(2.0 * pi * doppler_hz(speed_mps, params.carrier_hz) * elapsed_s)
    new = ROOT_HALF * sqrt(1.0 - rho * rho)
    re, im = np.float64(state.user_fading_re[lane, user]), np.float64(state.user_fading_im[lane, user])
    state.user_fading_re[lane, user] = rho * re + new * normal(key, step, FADING_STEP, 2 * user)
    state.user_fading_im[lane, user] = rho * im + new * normal(key, step, FADING_STEP, 2 * user + 1)


@scalar
def faded_efficiency(params, state, lane, user, sinr, layers, line_of_sight):
    """bit/s/Hz, the best over 1..layers spatial layers that share the power and do not disturb each other."""
    if params.fading == AR1:
        sinr = sinr * fading_gain(params, state, lane, user, line_of_sight)
    best = 0.0
    for used in range(1, int(layers) + 1):
        if params.fading == ERGODIC:
            one = ergodic_efficiency(params, sinr / used, line_of_sight)
        elif params.fading == BLOCK:
            one = block_efficiency(params, state, lane, user, sinr / used, line_of_sight)
        else:
            one = sustained_efficiency(params, sinr / used)
        best = max(best, used * one)
    return best


@scalar
def ergodic_efficiency(params, sinr, line_of_sight):
    """bit/s/Hz of one layer, from the table; below its first knot in proportion, beyond its last the same."""
    if sinr < LOWEST_KNOT:
        return params.efficiency_of_knot[line_of_sight, 0] * sinr / LOWEST_KNOT
    place = (10.0 * log10(sinr) - LOWEST_KNOT_DB) / KNOT_STEP_DB
    knot = int(min(place, KNOTS - 2.0))
    low, high = params.efficiency_of_knot[line_of_sight, knot], params.efficiency_of_knot[line_of_sight, knot + 1]
    return low + min(1.0, place - knot) * (high - low)


@scalar
def block_efficiency(params, state, lane, user, sinr, line_of_sight):
    """bit/s/Hz of one layer, the mean over the request's blocks."""
    key, step = state.key[lane], state.user_faded_step[lane, user]
    k_factor = mean_k_factor(params.propagation, line_of_sight)
    total = 0.0
    for block in range(params.fading_blocks):
        index = 2 * (user * params.fading_blocks + block)
        re = ROOT_HALF * normal(key, step, FADING_BLOCK, index)
        im = ROOT_HALF * normal(key, step, FADING_BLOCK, index + 1)
        total += sustained_efficiency(params, sinr * rician_gain(k_factor, re, im))
    return total / params.fading_blocks


@scalar
def fading_gain(params, state, lane, user, line_of_sight):
    """A ratio of mean 1: the power gain of the user's one fading path of now (`ar1`)."""
    k_factor = mean_k_factor(params.propagation, line_of_sight)
    return rician_gain(
        k_factor, np.float64(state.user_fading_re[lane, user]), np.float64(state.user_fading_im[lane, user])
    )


@scalar
def rician_gain(k_factor, scattered_re, scattered_im):
    """A ratio of mean 1: |sqrt(K / (K + 1)) + s / sqrt(K + 1)|^2 with a standard complex normal s."""
    re = sqrt(k_factor) + scattered_re
    return (re * re + scattered_im * scattered_im) / (k_factor + 1.0)


@scalar
def mean_k_factor(propagation, line_of_sight):
    """A ratio: power of the direct path over that of the scattered ones; 0 where it is blocked."""
    return ratio(K_FACTOR_DB[propagation]) if line_of_sight else 0.0


@scalar
def doppler_hz(speed_mps, carrier_hz):
    """Hz: the greatest shift."""
    return speed_mps * carrier_hz / LIGHT_MPS


@scalar
def independent_blocks(window_s, speed_mps, carrier_hz, bandwidth_hz, coherence_hz):
    """A count >= 1: (1 + T / Tc)(1 + B / Bc), the independent fades that a transfer of T seconds meets."""
    coherence_s = COHERENCE_TIMES_DOPPLER / doppler_hz(speed_mps, carrier_hz)
    return (1.0 + window_s / coherence_s) * (1.0 + bandwidth_hz / coherence_hz)


@scalar
def bessel_j0(x):
    """A ratio: Clarke's correlation J0(x) of a gain with itself, x >= 0."""
    if x <= 3.0:
        y = x * x / 9.0
        return 1.0 + y * (
            -2.2499997 + y * (1.2656208 + y * (-0.3163866 + y * (0.0444479 + y * (-0.0039444 + y * 0.0002100))))
        )
    y = 3.0 / x
    size = 0.79788456 + y * (
        -0.00000077 + y * (-0.00552740 + y * (-0.00009512 + y * (0.00137237 + y * (-0.00072805 + y * 0.00014476))))
    )
    turn = -0.78539816 + y * (
        -0.04166397 + y * (-0.00003954 + y * (0.00262573 + y * (-0.00054125 + y * (-0.00029333 + y * 0.00013558))))
    )
    return size * cos(x + turn) / sqrt(x)
