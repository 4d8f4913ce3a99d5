"""Arrivals: exact against hand integration, and as bursty as the trace they were fitted to."""

import math
from pathlib import Path

import numba
import numpy as np
import pytest

from mei_gym.chance import episode_key, exponential
from mei_gym.compiled import plain
from mei_gym.workload import arrivals
from mei_gym.workload.arrivals import BACKGROUND, OWN, STREAMS, ArrivalParams, ArrivalState

AZURE = Path(__file__).parents[3] / "shared" / "traces" / "azure_llm_2023_conv.csv"


def empty_state(lanes=1, seed=3, dtype=np.float32):
    with np.errstate(over="ignore"):
        keys = np.array([plain(episode_key)(seed, lane) for lane in range(lanes)], dtype=np.uint64)
    return ArrivalState(
        key=keys,
        arrival_clock_s=np.full((lanes, STREAMS), np.nan),
        arrival_wave=np.full((lanes, STREAMS), np.nan, dtype),
        arrival_wave_second=np.zeros((lanes, STREAMS), np.int64),
        arrival_phase=np.full(lanes, np.nan, dtype),
    )


@numba.njit
def times(params, state, lane, stream, until_s):
    arrivals.begin_stream(params, state, lane, stream)
    found = [0.0]
    while found[-1] < until_s:
        found.append(arrivals.next_arrival(params, state, lane, stream, len(found) - 1))
    return np.array(found[1:-1])


def params_of(rate_per_s, **others):
    return ArrivalParams(arrival_base_per_s=np.array([rate_per_s, rate_per_s]), **others)


def dispersion(counts):
    return counts.var() / counts.mean()


def formula(window_s, rate_per_s, sd=0.235, tau_s=118.0):
    ratio = window_s / tau_s
    return 1.0 + rate_per_s * sd**2 * 2.0 * tau_s**2 / window_s * (ratio - 1.0 + math.exp(-ratio))


def test_with_a_steady_rate_gaps_are_the_exponentials_themselves():
    params, state = params_of(0.3, arrival_day_strength=0.0, arrival_wave_sd=0.0), empty_state()
    found = times(params, state, 0, OWN, 200.0)
    gaps = [exponential(state.key[0], index, arrivals.ARRIVAL_GAP, OWN) / 0.3 for index in range(len(found))]
    np.testing.assert_allclose(found, np.cumsum(gaps), rtol=1e-12)


def test_the_rate_between_two_arrivals_integrates_to_the_exponential_drawn():
    params, state = params_of(0.4, arrival_day_s=300.0), empty_state()
    found = times(params, state, 0, OWN, 100.0)
    replay = empty_state()
    arrivals.begin_stream(params, replay, 0, OWN)
    rates = []
    for second in range(110):
        if second:
            arrivals.advance_wave(params, replay, 0, OWN, second)
        rates.append(arrivals.current_rate(params, replay, 0, OWN))
    gathered = np.concatenate([[0.0], np.cumsum(rates)])
    integral = np.interp(found, np.arange(len(gathered)), gathered)
    drawn = np.cumsum([exponential(state.key[0], n, arrivals.ARRIVAL_GAP, OWN) for n in range(len(found))])
    np.testing.assert_allclose(integral, drawn, rtol=1e-9)


def test_counts_have_the_mean_and_the_dispersion_of_the_fitted_wave():
    rate_per_s, until_s, lanes = 5.53, 24_000.0, 12
    params, state = params_of(rate_per_s, arrival_day_strength=0.0), empty_state(lanes)
    found = [times(params, state, lane, OWN, until_s) for lane in range(lanes)]
    assert sum(map(len, found)) / (lanes * until_s) == pytest.approx(rate_per_s, rel=0.03)
    for window_s in (1.0, 10.0, 60.0):
        edges = np.arange(0.0, until_s + 0.5, window_s)
        counts = np.concatenate([np.histogram(each, edges)[0] for each in found])
        assert dispersion(counts) == pytest.approx(formula(window_s, rate_per_s), rel=0.12)


@pytest.mark.skipif(not AZURE.exists(), reason="the Azure trace is not beside this checkout")
def test_the_fitted_wave_is_as_bursty_as_the_azure_conversation_trace():
    stamps = np.loadtxt(AZURE, delimiter=",", skiprows=1, usecols=0)
    rate_per_s = len(stamps) / stamps[-1]
    for window_s in (1.0, 10.0, 60.0):
        counts = np.histogram(stamps, np.arange(0.0, stamps[-1], window_s))[0]
        assert dispersion(counts) == pytest.approx(formula(window_s, rate_per_s), rel=0.15)


def test_a_day_has_mean_one_and_repeats_whatever_its_length():
    days = np.arange(2400) / 2400.0
    shape = np.array([plain(arrivals.day_shape)(each, 1.0) for each in days])
    assert shape.mean() == pytest.approx(1.0, abs=1e-9)
    assert 0.6 < shape.min() < 0.75
    assert 1.25 < shape.max() < 1.3
    assert plain(arrivals.day_shape)(3.25, 1.0) == pytest.approx(plain(arrivals.day_shape)(0.25, 1.0))
    assert plain(arrivals.day_shape)(0.4, 0.0) == 1.0


def test_a_compressed_day_moves_arrivals_to_its_busy_hours():
    params, state = params_of(4.0, arrival_day_s=600.0, arrival_wave_sd=0.0), empty_state(8)
    busy, calm = 0, 0
    for lane in range(8):
        hours = (times(params, state, lane, OWN, 6000.0) / 600.0 + state.arrival_phase[lane]) % 1.0 * 24.0
        busy += np.sum(np.abs(hours - 20.0) < 2.0)
        calm += np.sum(np.abs(hours - 3.5) < 2.0)
    expected = [
        np.mean([plain(arrivals.day_shape)((h + d) / 24, 1.0) for d in np.linspace(-2, 2, 81)]) for h in (20, 3.5)
    ]
    assert busy / calm == pytest.approx(expected[0] / expected[1], rel=0.05)


def test_the_rate_never_falls_below_a_twentieth_of_its_base():
    params, state = params_of(2.0, arrival_wave_sd=0.1), empty_state()
    arrivals.begin_stream(params, state, 0, OWN)
    state.arrival_wave[0, OWN] = -3.0
    assert arrivals.current_rate(params, state, 0, OWN) == pytest.approx(0.1)


def test_an_empty_stream_never_brings_anyone():
    params, state = params_of(0.0), empty_state()
    arrivals.begin_stream(params, state, 0, OWN)
    assert arrivals.next_arrival(params, state, 0, OWN, 0) == math.inf


def test_streams_do_not_disturb_each_other():
    params = params_of(1.0)
    alone, together = empty_state(), empty_state()
    own = times(params, alone, 0, OWN, 50.0)
    background = times(params, together, 0, BACKGROUND, 500.0)
    np.testing.assert_array_equal(own, times(params, together, 0, OWN, 50.0))
    assert own[0] != background[0]


def test_compiled_arrivals_equal_plain_ones():
    params, compiled, interpreted = params_of(0.5), empty_state(), empty_state()
    ours = times(params, compiled, 0, OWN, 120.0)
    with np.errstate(over="ignore"):
        plain(arrivals.begin_stream)(params, interpreted, 0, OWN)
        theirs = [plain(arrivals.next_arrival)(params, interpreted, 0, OWN, index) for index in range(len(ours))]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
