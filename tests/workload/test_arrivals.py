"""Arrivals: exact against hand integration, and as bursty as the trace they were fitted to."""

import math

import numpy as np
import pytest

from mei_gym.chance import exponential
from mei_gym.compiled import plain
from mei_gym.workload import arrivals
from mei_gym.workload.arrival_laws import ArrivalLaw, arrival_params
from mei_gym.workload.arrivals import BACKGROUND, OWN
from mei_gym.workload.fits import ARRIVAL_FILES, arrival_fit, arrival_state, counts_in, dispersion
from mei_gym.workload.fits import arrival_times as times
from mei_gym.workload.trace import read_trace


def empty_state(lanes=1):
    return arrival_state(lanes, first_key=3)


def params_of(rate_per_s, law="conversation", **others):
    return arrival_params(rate_per_s, rate_per_s, own=law, background=law, **others)


def formula(window_s, rate_per_s, sd=0.235, tau_s=118.0):
    ratio = window_s / tau_s
    return 1.0 + rate_per_s * sd**2 * 2.0 * tau_s**2 / window_s * (ratio - 1.0 + math.exp(-ratio))


def test_with_a_steady_rate_gaps_are_the_exponentials_themselves():
    params, state = params_of(0.3, "poisson", day_strength=0.0), empty_state()
    found = times(params, state, 0, OWN, 200.0)
    gaps = [exponential(state.key[0], index, arrivals.ARRIVAL_GAP, OWN) / 0.3 for index in range(len(found))]
    np.testing.assert_allclose(found, np.cumsum(gaps), rtol=1e-12)


ALL_AT_ONCE = ArrivalLaw(gap_cv=1.5, on_s=20.0, off_s=15.0, burst_cv=0.6, wave_sd=0.235, slow_sd=0.3)


def test_the_rate_between_two_arrivals_integrates_to_the_gap_drawn():
    """Every part of the rate at once, integrated a second time: piece by piece between seconds and bursts."""
    params, state = params_of(0.4, ALL_AT_ONCE, day_s=300.0), empty_state()
    found = times(params, state, 0, OWN, 200.0)
    assert len(found) > 30
    replay = empty_state()
    arrivals.begin_stream(params, replay, 0, OWN)
    time_s, gathered = 0.0, 0.0
    at_s, upto = [0.0], [0.0]
    while time_s < 220.0:
        second_ends_s = replay.arrival_wave_second[0, OWN] + 1.0
        ends_s = min(second_ends_s, replay.arrival_burst_ends_s[0, OWN])
        gathered += arrivals.current_rate(params, replay, 0, OWN) * (ends_s - time_s)
        time_s = ends_s
        at_s.append(time_s)
        upto.append(gathered)
        if ends_s < second_ends_s:
            arrivals.begin_burst(params, replay, 0, OWN, ends_s, replay.arrival_burst_factor[0, OWN] == 0.0)
        else:
            arrivals.advance_waves(params, replay, 0, OWN, int(second_ends_s))
    integral = np.interp(found, at_s, upto)
    drawn = np.cumsum([arrivals.unit_gap(params, state, 0, OWN, number) for number in range(len(found))])
    np.testing.assert_allclose(integral, drawn, rtol=1e-9)


def test_counts_have_the_mean_and_the_dispersion_of_the_fitted_wave():
    rate_per_s, until_s, lanes = 5.53, 24_000.0, 12
    params, state = params_of(rate_per_s, day_strength=0.0), empty_state(lanes)
    found = [times(params, state, lane, OWN, until_s) for lane in range(lanes)]
    assert sum(map(len, found)) / (lanes * until_s) == pytest.approx(rate_per_s, rel=0.03)
    for window_s in (1.0, 10.0, 60.0):
        assert dispersion(counts_in(found, until_s, window_s)) == pytest.approx(formula(window_s, rate_per_s), rel=0.12)


@pytest.mark.parametrize("law", sorted(ARRIVAL_FILES))
def test_a_fitted_law_is_as_bursty_as_its_trace(law, traces):
    fit = arrival_fit(law, read_trace(traces / ARRIVAL_FILES[law]))
    np.testing.assert_allclose(fit.model_idc, fit.trace_idc, rtol=0.15)
    assert fit.model_empty == pytest.approx(fit.trace_empty, abs=0.02)


def test_code_comes_in_bursts_with_nothing_between_them():
    """Without its trace: on a quarter of the time, its mean rate kept, and three seconds of four empty."""
    params, state, until_s = params_of(2.54, "code", day_strength=0.0), empty_state(8), 40_000.0
    found = [times(params, state, lane, OWN, until_s) for lane in range(8)]
    assert sum(map(len, found)) / (8 * until_s) == pytest.approx(2.54, rel=0.06)
    assert np.mean(counts_in(found, until_s, 1.0) == 0) == pytest.approx(0.73, abs=0.03)
    silences = np.concatenate([np.diff(each) for each in found])
    assert np.mean(silences[silences > 10.0]) == pytest.approx(10.0 + 27.1, rel=0.1)


@pytest.mark.parametrize("cv", [0.5, 1.2, 2.2])
def test_gamma_gaps_have_their_mean_and_their_cv(cv):
    params, state = params_of(2.0, ArrivalLaw(gap_cv=cv), day_strength=0.0), empty_state()
    gaps = np.diff(times(params, state, 0, OWN, 50_000.0))
    assert gaps.mean() == pytest.approx(0.5, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.03)


def test_a_gamma_stream_is_stationary_from_its_start():
    """As many requests in the first second as the mean rate says: an ordinary renewal would begin with a cluster."""
    params, state = params_of(1.0, "extreme_client", day_strength=0.0), empty_state(4000)
    first = [len(times(params, state, lane, OWN, 1.0)) for lane in range(4000)]
    assert np.mean(first) == pytest.approx(1.0, abs=4.0 * np.std(first) / math.sqrt(4000))
    assert np.mean(first) < 2.0


def test_a_slow_wave_moves_the_rate_of_an_hour_and_not_its_mean():
    params = params_of(1.0, ArrivalLaw(slow_sd=0.3, slow_tau_s=3600.0), day_strength=0.0)
    state, until_s = empty_state(40), 200_000.0
    hours = counts_in([times(params, state, lane, OWN, until_s) for lane in range(40)], until_s, 600.0)
    assert hours.mean() == pytest.approx(600.0, rel=0.03)
    # Var(ln rate) = .09: exp(.09) - 1 of the squared mean, hardly less over 10 minutes, and the Poisson part.
    assert hours.var() == pytest.approx(600.0 + 600.0**2 * (math.exp(0.09) - 1.0) * 0.95, rel=0.1)


def test_a_day_has_mean_one_and_repeats_whatever_its_length():
    days = np.arange(2400) / 2400.0
    shape = np.array([plain(arrivals.day_shape)(each, 1.0) for each in days])
    assert shape.mean() == pytest.approx(1.0, abs=1e-9)
    assert 0.6 < shape.min() < 0.75
    assert 1.25 < shape.max() < 1.3
    assert plain(arrivals.day_shape)(3.25, 1.0) == pytest.approx(plain(arrivals.day_shape)(0.25, 1.0))
    assert plain(arrivals.day_shape)(0.4, 0.0) == 1.0


def test_a_compressed_day_moves_arrivals_to_its_busy_hours():
    params, state = params_of(4.0, "poisson", day_s=600.0), empty_state(8)
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
    params, state = params_of(2.0, ArrivalLaw(wave_sd=0.1)), empty_state()
    arrivals.begin_stream(params, state, 0, OWN)
    state.arrival_wave[0, OWN] = -3.0
    assert arrivals.current_rate(params, state, 0, OWN) == pytest.approx(0.1)


def test_an_empty_stream_never_brings_anyone():
    params, state = params_of(0.0), empty_state()
    arrivals.begin_stream(params, state, 0, OWN)
    assert arrivals.next_arrival(params, state, 0, OWN, 0) == math.inf


def test_the_two_streams_may_have_laws_of_their_own():
    params = arrival_params(2.0, 2.0, own="code", background="poisson", day_strength=0.0)
    state = empty_state()
    own, background = (times(params, state, 0, stream, 3000.0) for stream in (OWN, BACKGROUND))
    assert np.mean(counts_in([own], 3000.0, 1.0) == 0) > 0.5
    assert np.mean(counts_in([background], 3000.0, 1.0) == 0) == pytest.approx(math.exp(-2.0), abs=0.03)


def test_streams_do_not_disturb_each_other():
    params = params_of(1.0)
    alone, together = empty_state(), empty_state()
    own = times(params, alone, 0, OWN, 50.0)
    background = times(params, together, 0, BACKGROUND, 500.0)
    np.testing.assert_array_equal(own, times(params, together, 0, OWN, 50.0))
    assert own[0] != background[0]


def test_compiled_arrivals_equal_plain_ones():
    params, compiled, interpreted = params_of(0.5, ALL_AT_ONCE), empty_state(), empty_state()
    ours = times(params, compiled, 0, OWN, 120.0)
    with np.errstate(over="ignore"):
        plain(arrivals.begin_stream)(params, interpreted, 0, OWN)
        theirs = [plain(arrivals.next_arrival)(params, interpreted, 0, OWN, index) for index in range(len(ours))]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
