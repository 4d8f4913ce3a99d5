"""When requests come: streams whose rate has a day's shape, drifts like a production service's, and may burst.

    rate(t) = base max(FLOOR, day(t) (1 + wave(t)) slow(t)) burst(t)       constant within each second and burst
    day(u)  = 1 + strength (.20 cos(2 pi (u - 17.2/24)) + .18 cos(4 pi (u - 9.5/24)))        mean 1
    wave    an Ornstein-Uhlenbeck chain, one value a second: s.d. wave_sd, correlation time wave_tau_s
    slow    exp(x - sd^2 / 2), x a like chain with one value a minute: slow_sd, slow_tau_s    mean 1
    burst   (on + off) / on  times a lognormal of mean 1 and CV burst_cv while on, 0 while off; mean 1
            both last exponential times of means on_s and off_s; off_s 0: always on

    integral of rate from one arrival to the next = a unit gap: exponential, or Gamma with CV gap_cv

The next arrival is exact: the rate is integrated until it has gathered the gap. So day, waves and bursts modulate a
Gamma renewal stream in its own operational time; its first gap is what is left of one that had begun before
(u times a gap of Gamma shape + 1), so the stream is stationary from the start. Draws are keyed by the second, the
minute, the number of the burst and the number of the arrival: a stream is one fixed list of times for each key. A
stream may replay a trace instead (see `replay.py`); then nothing of the above holds.

A scenario may play a day in minutes (`arrival_day_s`): then the day's shape is compressed and the waves are not. The
laws by name, and where each number is from: `arrival_laws.py`. Day shape fitted to the totals of ServeGen's workload
m-small (Apache-2.0, Alibaba; arXiv 2505.09999), whose time zone is unknown: the phase is drawn for each episode.
"""

from __future__ import annotations

from math import cos, exp, floor, inf, log, pi, sqrt
from typing import NamedTuple

import numpy as np

from mei_gym.chance import exponential, gamma, normal, uniform
from mei_gym.compiled import scalar
from mei_gym.workload.replay import begin_replay, replayed_arrival

OWN, BACKGROUND = 0, 1  # streams: the cell's own users, and other users of the server
STREAMS = 2

# Purposes of draws.
ARRIVAL_PHASE, ARRIVAL_WAVE_START, ARRIVAL_WAVE, ARRIVAL_GAP, ARRIVAL_GAMMA_GAP = 200, 201, 202, 203, 204
ARRIVAL_SLOW_START, ARRIVAL_SLOW, ARRIVAL_BURST_START, ARRIVAL_BURST, ARRIVAL_STRENGTH = 205, 206, 207, 208, 209
FLOOR = 0.05  # of base: chosen, so that a stream never stops
SLOW_STEP_S = 60  # chosen: the slow wave moves by a fiftieth of its correlation time


class ArrivalParams(NamedTuple):
    """What a scenario fixes about the streams; `arrival_laws.arrival_params` makes it."""

    arrival_base_per_s: np.ndarray  # f8[STREAMS]: mean rate; 0: the stream is empty
    arrival_gap_cv: np.ndarray  # f8[STREAMS]: of the unit gaps; 1: exponential
    arrival_on_s: np.ndarray  # f8[STREAMS]: mean time that a burst lasts
    arrival_off_s: np.ndarray  # f8[STREAMS]: mean time between bursts; 0: always on
    arrival_burst_cv: np.ndarray  # f8[STREAMS]: of a burst's rate
    arrival_wave_sd: np.ndarray  # f8[STREAMS]: relative to base
    arrival_wave_tau_s: np.ndarray  # f8[STREAMS]
    arrival_slow_sd: np.ndarray  # f8[STREAMS]: of the logarithm
    arrival_slow_tau_s: np.ndarray  # f8[STREAMS]
    arrival_replays: np.ndarray  # i8[STREAMS]: 1: the trace below is replayed
    arrival_day_s: float  # how long a day takes; shorter than 86,400: a compressed day
    arrival_day_strength: float  # 0: no day shape; 1: ServeGen m-small's
    trace_time_s: np.ndarray  # f8[rows] from 0, never falling; without a trace one row
    trace_prompt_tokens: np.ndarray  # f8[rows]
    trace_answer_tokens: np.ndarray  # f8[rows]
    trace_period_s: float  # from the first row to the first row of the next round


class ArrivalState(NamedTuple):
    """What changes; `key` is the episode's key of chance."""

    key: np.ndarray  # u64[lanes]; read only
    arrival_clock_s: np.ndarray  # f8[lanes, STREAMS]: time of the stream's last drawn arrival, from 0
    arrival_wave: np.ndarray  # float[lanes, STREAMS]: the wave in the second of the clock, relative to base
    arrival_slow_wave: np.ndarray  # float[lanes, STREAMS]: the slow wave's logarithm x in the minute of the clock
    arrival_wave_second: np.ndarray  # i8[lanes, STREAMS]: which second the waves belong to
    arrival_burst: np.ndarray  # i8[lanes, STREAMS]: number of the time on or off
    arrival_burst_ends_s: np.ndarray  # f8[lanes, STREAMS]: when it ends; inf: never
    arrival_burst_factor: np.ndarray  # float[lanes, STREAMS]: of the rate; 0: off
    arrival_first_row: np.ndarray  # i8[lanes, STREAMS]: the trace's row of request 0
    arrival_phase: np.ndarray  # float[lanes]: time of day at which the episode begins, in days, 0 to 1


@scalar
def begin_stream(params, state, lane, stream):
    """Begin an episode: the clock at 0, the time of day drawn, waves and bursts at their stationary laws."""
    key = state.key[lane]
    state.arrival_phase[lane] = uniform(key, 0, ARRIVAL_PHASE, 0)
    state.arrival_wave[lane, stream] = params.arrival_wave_sd[stream] * normal(key, 0, ARRIVAL_WAVE_START, stream)
    state.arrival_slow_wave[lane, stream] = params.arrival_slow_sd[stream] * normal(key, 0, ARRIVAL_SLOW_START, stream)
    state.arrival_wave_second[lane, stream] = 0
    state.arrival_clock_s[lane, stream] = 0.0
    state.arrival_burst[lane, stream] = 0
    if params.arrival_off_s[stream] > 0.0:
        on_share = params.arrival_on_s[stream] / (params.arrival_on_s[stream] + params.arrival_off_s[stream])
        begin_burst(params, state, lane, stream, 0.0, uniform(key, 0, ARRIVAL_BURST_START, stream) < on_share)
    else:
        state.arrival_burst_ends_s[lane, stream] = inf
        state.arrival_burst_factor[lane, stream] = 1.0
    begin_replay(params, state, lane, stream)


@scalar
def next_arrival(params, state, lane, stream, index):
    """s since the episode began, of arrival number `index` (0, 1, 2, ... in turn); inf for an empty stream."""
    if params.arrival_replays[stream] != 0:
        return replayed_arrival(params, state, lane, stream, index)
    if params.arrival_base_per_s[stream] <= 0.0:
        return inf
    clock_s = state.arrival_clock_s[lane, stream]
    missing = unit_gap(params, state, lane, stream, index)
    rate_per_s = current_rate(params, state, lane, stream)
    second_ends_s = state.arrival_wave_second[lane, stream] + 1.0
    burst_ends_s = state.arrival_burst_ends_s[lane, stream]
    gathered = rate_per_s * (min(second_ends_s, burst_ends_s) - clock_s)
    while gathered < missing:
        missing -= gathered
        clock_s = min(second_ends_s, burst_ends_s)
        if burst_ends_s <= second_ends_s:
            begin_burst(params, state, lane, stream, clock_s, state.arrival_burst_factor[lane, stream] == 0.0)
            burst_ends_s = state.arrival_burst_ends_s[lane, stream]
        else:
            advance_waves(params, state, lane, stream, int(second_ends_s))
            second_ends_s += 1.0
        rate_per_s = current_rate(params, state, lane, stream)
        gathered = rate_per_s * (min(second_ends_s, burst_ends_s) - clock_s)
    clock_s += missing / rate_per_s
    state.arrival_clock_s[lane, stream] = clock_s
    return clock_s


@scalar
def unit_gap(params, state, lane, stream, index):
    """Of mean 1: what the rate has to gather before arrival `index`; more than 0."""
    key, cv = state.key[lane], params.arrival_gap_cv[stream]
    if cv == 1.0:
        return exponential(key, index, ARRIVAL_GAP, stream)
    shape = 1.0 / (cv * cv)
    if index == 0:
        left = uniform(key, 0, ARRIVAL_GAP, stream)
        return left * gamma(key, 0, ARRIVAL_GAMMA_GAP, stream, shape + 1.0) / shape
    return gamma(key, index, ARRIVAL_GAMMA_GAP, stream, shape) / shape


@scalar
def begin_burst(params, state, lane, stream, now_s, on):
    """Begin a time on or a time off: how long it lasts, and how strong it is."""
    key, number = state.key[lane], state.arrival_burst[lane, stream] + 1
    on_s, off_s, cv = params.arrival_on_s[stream], params.arrival_off_s[stream], params.arrival_burst_cv[stream]
    factor = 0.0
    if on:
        variance = log(1.0 + cv * cv)
        strength = exp(sqrt(variance) * normal(key, number, ARRIVAL_STRENGTH, stream) - 0.5 * variance)
        factor = strength * (on_s + off_s) / on_s
    state.arrival_burst[lane, stream] = number
    state.arrival_burst_factor[lane, stream] = factor
    state.arrival_burst_ends_s[lane, stream] = now_s + (on_s if on else off_s) * exponential(
        key, number, ARRIVAL_BURST, stream
    )


@scalar
def advance_waves(params, state, lane, stream, second):
    """Move the waves into `second`, the one after their own."""
    key = state.key[lane]
    state.arrival_wave_second[lane, stream] = second
    if params.arrival_wave_sd[stream] > 0.0:
        state.arrival_wave[lane, stream] = drifted(
            np.float64(state.arrival_wave[lane, stream]), params.arrival_wave_sd[stream],
            1.0 / params.arrival_wave_tau_s[stream], normal(key, second, ARRIVAL_WAVE, stream),
        )  # fmt: skip
    if params.arrival_slow_sd[stream] > 0.0 and second % SLOW_STEP_S == 0:
        state.arrival_slow_wave[lane, stream] = drifted(
            np.float64(state.arrival_slow_wave[lane, stream]), params.arrival_slow_sd[stream],
            SLOW_STEP_S / params.arrival_slow_tau_s[stream], normal(key, second, ARRIVAL_SLOW, stream),
        )  # fmt: skip


@scalar
def drifted(value, sd, times_tau, draw):
    """An Ornstein-Uhlenbeck value after `times_tau` correlation times."""
    kept = exp(-times_tau)
    return kept * value + sd * sqrt(1.0 - kept * kept) * draw


@scalar
def current_rate(params, state, lane, stream):
    """Requests per second in the second, and in the burst, of the stream's last drawn arrival."""
    days = state.arrival_wave_second[lane, stream] / params.arrival_day_s + np.float64(state.arrival_phase[lane])
    factor = day_shape(days, params.arrival_day_strength) * (1.0 + np.float64(state.arrival_wave[lane, stream]))
    slow_sd = params.arrival_slow_sd[stream]
    if slow_sd > 0.0:
        factor *= exp(np.float64(state.arrival_slow_wave[lane, stream]) - 0.5 * slow_sd * slow_sd)
    burst = np.float64(state.arrival_burst_factor[lane, stream])
    return params.arrival_base_per_s[stream] * max(FLOOR, factor) * burst


@scalar
def day_shape(days, strength):
    """A factor of mean 1 over the day; at strength 1 ServeGen m-small's fit, from .64 to 1.29."""
    if strength == 0.0:
        return 1.0
    hour = 24.0 * (days - floor(days))
    first = 0.20 * cos(2.0 * pi * (hour - 17.2) / 24.0)
    second = 0.18 * cos(4.0 * pi * (hour - 9.5) / 24.0)
    return 1.0 + strength * (first + second)
