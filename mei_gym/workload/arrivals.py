"""When requests come: a Poisson stream whose rate has a day's shape and drifts like a production service's.

    rate(t) = base day(t / day_s + phase) (1 + wave(t)),  never below 5 % of base, constant within each second
    day(u)  = 1 + strength (.20 cos(2 pi (u - 17.2/24)) + .18 cos(4 pi (u - 9.5/24)))        mean 1
    wave    an Ornstein-Uhlenbeck chain, one value a second: s.d. .235, correlation time 118 s

The next arrival is exact: the rate is integrated until it has gathered a unit exponential. The wave's draws
are keyed by the second, the exponentials by the number of the arrival, so a stream is one fixed list of
times for each key.

A scenario may play a day in minutes (`arrival_day_s`): then the day's shape is compressed and the wave is
not.

Sources: wave fitted to the Azure LLM inference trace 2023, conversation (CC-BY 4.0, Microsoft; Patel et
al., Splitwise, ISCA 2024): index of dispersion from .1 to 120 s within 7 %. Day shape fitted to the totals
of ServeGen's workload m-small (Apache-2.0, Alibaba; arXiv 2505.09999), whose time zone is unknown: the
phase is drawn for each episode.
"""

from __future__ import annotations

from math import cos, exp, floor, inf, pi
from typing import NamedTuple

import numpy as np

from mei_gym.chance import exponential, normal, uniform
from mei_gym.compiled import scalar

OWN, BACKGROUND = 0, 1  # streams: the cell's own users, and other users of the server
STREAMS = 2

ARRIVAL_PHASE, ARRIVAL_WAVE_START, ARRIVAL_WAVE, ARRIVAL_GAP = 200, 201, 202, 203  # purposes of draws
FLOOR = 0.05  # of base: chosen, so that a stream never stops


class ArrivalParams(NamedTuple):
    """What a scenario fixes about the streams."""

    arrival_base_per_s: np.ndarray  # f8[STREAMS]: mean rate; 0: the stream is empty
    arrival_day_s: float = 86_400.0  # how long a day takes; shorter: a compressed day
    arrival_day_strength: float = 1.0  # 0: no day shape; 1: ServeGen m-small's
    arrival_wave_sd: float = 0.235  # Azure 2023 conversation, see above; relative to base
    arrival_wave_tau_s: float = 118.0  # the same


class ArrivalState(NamedTuple):
    """What changes; `key` is the episode's key of chance."""

    key: np.ndarray  # u64[lanes]; read only
    arrival_clock_s: np.ndarray  # f8[lanes, STREAMS]: time of the stream's last drawn arrival, from 0
    arrival_wave: np.ndarray  # float[lanes, STREAMS]: the wave in the second of the clock, relative to base
    arrival_wave_second: np.ndarray  # i8[lanes, STREAMS]: which second the wave belongs to
    arrival_phase: np.ndarray  # float[lanes]: time of day at which the episode begins, in days, 0 to 1


@scalar
def begin_stream(params, state, lane, stream):
    """Begin an episode: the clock at 0, the time of day drawn, the wave at its stationary law."""
    key = state.key[lane]
    state.arrival_phase[lane] = uniform(key, 0, ARRIVAL_PHASE, 0)
    state.arrival_wave[lane, stream] = params.arrival_wave_sd * normal(key, 0, ARRIVAL_WAVE_START, stream)
    state.arrival_wave_second[lane, stream] = 0
    state.arrival_clock_s[lane, stream] = 0.0


@scalar
def next_arrival(params, state, lane, stream, index):
    """s since the episode began, of arrival number `index` (0, 1, 2, ... in turn); inf for an empty stream."""
    if params.arrival_base_per_s[stream] <= 0.0:
        return inf
    key = state.key[lane]
    clock_s = state.arrival_clock_s[lane, stream]
    missing = exponential(key, index, ARRIVAL_GAP, stream)
    rate_per_s = current_rate(params, state, lane, stream)
    second = state.arrival_wave_second[lane, stream]
    gathered = rate_per_s * (second + 1.0 - clock_s)
    while gathered < missing:
        missing -= gathered
        second += 1
        clock_s = float(second)
        advance_wave(params, state, lane, stream, second)
        rate_per_s = current_rate(params, state, lane, stream)
        gathered = rate_per_s
    clock_s += missing / rate_per_s
    state.arrival_clock_s[lane, stream] = clock_s
    return clock_s


@scalar
def advance_wave(params, state, lane, stream, second):
    """Move the wave into `second`, the one after its own."""
    kept = exp(-1.0 / params.arrival_wave_tau_s)
    kick = params.arrival_wave_sd * (1.0 - kept * kept) ** 0.5
    wave = kept * np.float64(state.arrival_wave[lane, stream]) + kick * normal(
        state.key[lane], second, ARRIVAL_WAVE, stream
    )
    state.arrival_wave[lane, stream] = wave
    state.arrival_wave_second[lane, stream] = second


@scalar
def current_rate(params, state, lane, stream):
    """Requests per second in the second of the stream's last drawn arrival."""
    base_per_s = params.arrival_base_per_s[stream]
    days = state.arrival_wave_second[lane, stream] / params.arrival_day_s + np.float64(state.arrival_phase[lane])
    factor = day_shape(days, params.arrival_day_strength) * (1.0 + np.float64(state.arrival_wave[lane, stream]))
    return base_per_s * max(FLOOR, factor)


@scalar
def day_shape(days, strength):
    """A factor of mean 1 over the day; at strength 1 ServeGen m-small's fit, from .64 to 1.29."""
    hour = 24.0 * (days - floor(days))
    first = 0.20 * cos(2.0 * pi * (hour - 17.2) / 24.0)
    second = 0.18 * cos(4.0 * pi * (hour - 9.5) / 24.0)
    return 1.0 + strength * (first + second)
