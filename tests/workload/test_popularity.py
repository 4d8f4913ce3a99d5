"""Popularity: Zipf's shares, sites that differ in part, and a drift that is one law however often one looks."""

import numba
import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.workload import popularity
from mei_gym.workload.popularity import DAY_S, PopularityState, popularity_params

STILL = {"drift_sd": 0.0, "newcomers_per_s": 0.0, "ring_share": 0.0}


def empty_state(models, sites=1, lanes=1):
    return PopularityState(
        key=np.arange(5, 5 + lanes).astype(np.uint64),
        popularity_clock_s=np.zeros(lanes),
        popularity_newcomer=np.zeros(lanes, np.int64),
        popularity_newcomer_s=np.zeros(lanes),
        popularity_rank=np.zeros((lanes, models), np.int32),
        popularity_drift=np.zeros((lanes, models)),
        popularity_version=np.zeros((lanes, models), np.int32),
        popularity_ring_model=np.zeros((lanes, sites, models), np.int32),
        popularity_cumulative=np.zeros((lanes, sites, models)),
    )


def begun(params, sites=1, lanes=1):
    state = empty_state(len(params.popularity_log_weight), sites, lanes)
    for lane in range(lanes):
        popularity.begin_popularity(params, state, lane)
    return state


def shares_of(state, lane=0, site=0):
    return np.diff(state.popularity_cumulative[lane, site], prepend=0.0)


@numba.njit
def requested(params, state, site, requests):
    counts = np.zeros(state.popularity_cumulative.shape[2])
    for request in range(requests):
        counts[popularity.requested_model(params, state, 0, site, request)] += 1.0
    return counts / requests


@pytest.mark.parametrize(
    ("law", "models", "top_1", "top_10"),
    [
        ((1.0, 0.0), 100, 1.0 / 5.18738, 2.92897 / 5.18738),  # harmonic numbers H_100 and H_10
        ((0.0, 0.0), 50, 1.0 / 50.0, 10.0 / 50.0),
        ((2.0, 0.0), 100, 1.0 / 1.63498, 1.54977 / 1.63498),  # sums of 1 / r^2
        ((1.0, 9.0), 1000, 0.1 / (7.49446 - 2.82897), (3.54774 - 2.82897) / (7.49446 - 2.82897)),  # H_1009, H_19, H_9
    ],
)
def test_the_first_and_the_first_ten_have_the_shares_of_zipf_and_mandelbrot(law, models, top_1, top_10):
    shares = np.sort(shares_of(begun(popularity_params(models, law, **STILL))))[::-1]
    assert shares[0] == pytest.approx(top_1, rel=1e-3)
    assert shares[:10].sum() == pytest.approx(top_10, rel=1e-3)
    assert shares.sum() == pytest.approx(1.0)


def test_tenants_are_as_skewed_as_the_clients_that_they_were_fitted_to():
    """ServeGen m-mid, 108 clients: .52, .79 and .89 to the first, ten and twenty."""
    shares = np.sort(shares_of(begun(popularity_params(108, "tenants", **STILL))))[::-1]
    assert shares[0] == pytest.approx(0.52, abs=0.15)
    assert shares[:10].sum() == pytest.approx(0.79, abs=0.05)
    assert shares[:20].sum() == pytest.approx(0.89, abs=0.03)


def test_models_are_requested_as_often_as_their_popularity_says():
    params = popularity_params(40, ring_share=0.5)
    state = begun(params, sites=2)
    for site in range(2):
        told = [popularity.model_popularity(state, 0, site, model) for model in range(40)]
        np.testing.assert_allclose(requested(params, state, site, 200_000), told, atol=0.004)


def test_ranks_are_a_shuffle_that_each_episode_draws():
    params = popularity_params(30, **STILL)
    state = begun(params, lanes=400)
    assert (np.sort(state.popularity_rank, axis=1) == np.arange(30)).all()
    first = np.bincount(np.argmin(state.popularity_rank, axis=1), minlength=30)
    assert len(first) == 30
    assert first.max() < 35  # 13 of 400 expected


def test_sites_without_rings_are_alike_and_with_them_differ_in_just_the_ring():
    alike = begun(popularity_params(50, **STILL), sites=3)
    np.testing.assert_array_equal(alike.popularity_cumulative[0, 0], alike.popularity_cumulative[0, 2])
    state = begun(popularity_params(50, **{**STILL, "ring_share": 0.4}), sites=2)
    everywhere = shares_of(begun(popularity_params(50, **STILL)))
    for site in range(2):
        here = shares_of(state, site=site)
        assert np.sum(~np.isclose(here, everywhere)) == 20
        np.testing.assert_allclose(np.sort(here), np.sort(everywhere))
    assert set(state.popularity_ring_model[0, 0, :20]) != set(state.popularity_ring_model[0, 1, :20])


def test_a_days_drift_is_a_third_and_a_months_nine_tenths_whatever_the_looks_between():
    params = popularity_params(4000, newcomers_per_s=0.0)
    for days, looks, expected in ((1.0, 1, 0.3), (1.0, 24, 0.3), (30.0, 1, 0.9), (30.0, 10, 0.9)):
        state = begun(params)
        before = state.popularity_drift[0].copy()
        for look in range(looks):
            popularity.drift_popularity(params, state, 0, days * DAY_S * (look + 1) / looks, look)
        assert np.std(state.popularity_drift[0] - before) == pytest.approx(expected, rel=0.05)
        assert state.popularity_drift[0].std() == pytest.approx(popularity.DRIFT_SD, rel=0.05)


def test_seven_newcomers_a_month_leave_the_law_of_the_ranks_as_it_is():
    params = popularity_params(200, drift_sd=0.0)
    state = begun(params, lanes=200)
    before = np.sort(shares_of(state))
    for lane in range(200):
        popularity.drift_popularity(params, state, lane, 30.0 * DAY_S, 0)
    assert state.popularity_version.sum() / 200 == pytest.approx(7.0, abs=0.6)
    assert (np.sort(state.popularity_rank, axis=1) == np.arange(200)).all()
    np.testing.assert_allclose(np.sort(shares_of(state)), before)


def test_newcomers_do_not_depend_on_how_often_one_looks():
    params = popularity_params(20, newcomers_per_s=1.0 / DAY_S)
    once, often = begun(params), begun(params)
    popularity.drift_popularity(params, once, 0, 20.0 * DAY_S, 0)
    for look in range(40):
        popularity.drift_popularity(params, often, 0, 0.5 * DAY_S * (look + 1), look)
    assert once.popularity_version.sum() > 5
    np.testing.assert_array_equal(once.popularity_rank, often.popularity_rank)
    np.testing.assert_array_equal(once.popularity_version, often.popularity_version)


def test_the_least_popular_leaves_and_a_newcomer_moves_those_below_it_down():
    params = popularity_params(5, **STILL)
    state = begun(params)
    state.popularity_rank[0] = [3, 0, 4, 1, 2]
    popularity.admit_newcomer(params, state, 0)
    rank = state.popularity_rank[0, 2]
    expected = [place + (place >= rank) for place in (3, 0, 1, 2)]
    assert state.popularity_rank[0, [0, 1, 3, 4]].tolist() == expected
    assert state.popularity_version[0].tolist() == [0, 0, 1, 0, 0]


def test_with_room_for_more_models_those_that_there_are_are_asked_for_as_without_it():
    params = popularity_params(6, "zipf", ring_share=0.5, newcomers_per_s=1e-3)
    room, fitting = empty_state(9, sites=2), begun(params, sites=2)
    popularity.begin_popularity(params, room, 0)
    for look in range(1, 4):
        for state in (room, fitting):
            popularity.drift_popularity(params, state, 0, look * 2000.0, look)
        assert np.array_equal(room.popularity_cumulative[:, :, :6], fitting.popularity_cumulative)
        assert np.array_equal(room.popularity_version[:, :6], fitting.popularity_version)
    assert requested(params, room, 1, 2000)[6:].sum() == 0.0


def test_one_model_is_always_requested():
    params = popularity_params(1)
    state = begun(params)
    popularity.drift_popularity(params, state, 0, 90.0 * DAY_S, 0)
    assert shares_of(state).tolist() == [1.0]
    assert popularity.requested_model(params, state, 0, 0, 3) == 0


def test_compiled_popularity_equals_plain():
    params = popularity_params(30, newcomers_per_s=1.0 / DAY_S)
    compiled, interpreted = begun(params, sites=2), empty_state(30, sites=2)
    with np.errstate(over="ignore"):
        plain(popularity.begin_popularity)(params, interpreted, 0)
        plain(popularity.drift_popularity)(params, interpreted, 0, 6.0 * DAY_S, 0)
        theirs = [plain(popularity.requested_model)(params, interpreted, 0, 1, request) for request in range(100)]
    popularity.drift_popularity(params, compiled, 0, 6.0 * DAY_S, 0)
    for ours, other in zip(compiled, interpreted):
        np.testing.assert_allclose(ours, other, rtol=1e-12)
    assert theirs == [popularity.requested_model(params, compiled, 0, 1, request) for request in range(100)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"models": 0}, "models is 0"),
        ({"law": "zip"}, "did you mean 'zipf'"),
        ({"law": (-1.0, 0.0)}, r"exponent is -1\.0"),
        ({"law": (1.0, float("nan"))}, "offset is nan"),
        ({"drift_sd": -0.1}, r"drift_sd is -0\.1"),
        ({"drift_tau_s": 0.0}, r"drift_tau_s is 0\.0"),
        ({"newcomers_per_s": float("inf")}, "newcomers_per_s is inf"),
        ({"ring_share": 1.5}, r"ring_share is 1\.5"),
    ],
)
def test_what_is_no_popularity_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        popularity_params(**{"models": 10, **values})
