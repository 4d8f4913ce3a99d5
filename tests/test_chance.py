"""Chance: draws are fixed by where they fall, lawful, and independent of one another."""

from math import erf, exp, sqrt
from statistics import NormalDist

import numba
import numpy as np
import pytest

from mei_gym import chance
from mei_gym.chance import episode_key, exponential, normal, uniform
from mei_gym.compiled import plain

DRAWS = 20_000
KEY = np.uint64(0x0123456789ABCDEF)
GOLDEN_UNIFORM = (0.8732300191118336, 0.7965998808042216, 0.8833108082136427)
GOLDEN_KEYS = (12870963724712631011, 4797102819533973150)


@pytest.fixture(autouse=True)
def _counters_may_wrap():
    """Plain Python says when 64 bits overflow; compiled code is silent, and it is meant."""
    with np.errstate(over="ignore"):
        yield


@numba.njit
def table(kind, key, steps, purposes, indices):
    """f8[steps, purposes, indices] of uniforms, normals or exponentials."""
    result = np.empty((steps, purposes, indices))
    for step in range(steps):
        for purpose in range(purposes):
            for index in range(indices):
                if kind == 0:
                    result[step, purpose, index] = uniform(key, step, purpose, index)
                elif kind == 1:
                    result[step, purpose, index] = normal(key, step, purpose, index)
                else:
                    result[step, purpose, index] = exponential(key, step, purpose, index)
    return result


@pytest.fixture(scope="module")
def draws():
    """20,000 draws of each law over steps, purposes and indices."""
    return {name: table(kind, KEY, 100, 10, 20) for kind, name in enumerate(("uniform", "normal", "exponential"))}


def kolmogorov_smirnov(sample: np.ndarray, law) -> float:
    """The largest distance between a sample's distribution and its law, times the root of its size."""
    ordered = np.sort(sample)
    expected = np.array([law(x) for x in ordered])
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()) * sqrt(len(ordered)))


LAWS = {
    "uniform": (0.5, 1 / 12, lambda x: x),
    "normal": (0.0, 1.0, lambda x: 0.5 * (1.0 + erf(x / sqrt(2.0)))),
    "exponential": (1.0, 1.0, lambda x: 1.0 - exp(-x)),
}


@pytest.mark.parametrize("name", LAWS)
def test_draws_have_the_mean_the_variance_and_the_law_of_their_name(draws, name):
    sample = draws[name].ravel()
    mean, variance, law = LAWS[name]
    assert sample.mean() == pytest.approx(mean, abs=4.0 * sqrt(variance / DRAWS))
    assert sample.var() == pytest.approx(variance, rel=0.05)
    assert kolmogorov_smirnov(sample, law) < 1.63  # 1 in 100 lawful samples lies beyond


def test_a_uniform_number_is_never_0_nor_1():
    one = 2**53
    assert 0.0 < 0.5 * chance.TWO_TO_MINUS_53 < 1e-15
    assert (float(one - 1) + 0.5) * chance.TWO_TO_MINUS_53 <= 1.0
    sample = table(0, KEY, 200, 10, 100)
    assert 0.0 < sample.min() < 2e-5
    assert 1.0 > sample.max() > 1.0 - 2e-5


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", LAWS)
def test_neighbouring_steps_purposes_and_indices_are_uncorrelated(draws, name, axis):
    sample = np.moveaxis(draws[name], axis, 0)
    for shift in (1, 2, 5):
        first, second = sample[:-shift].ravel(), sample[shift:].ravel()
        assert abs(np.corrcoef(first, second)[0, 1]) < 4.0 / sqrt(first.size)


def test_neighbouring_keys_and_episodes_are_uncorrelated():
    rows = [table(0, np.uint64(key), 50, 4, 10).ravel() for key in range(8)]
    rows += [table(0, np.uint64(episode_key(np.uint64(3), episode)), 50, 4, 10).ravel() for episode in range(8)]
    correlations = np.corrcoef(np.array(rows)) - np.eye(len(rows))
    assert np.abs(correlations).max() < 4.5 / sqrt(2000)


def test_no_two_places_share_a_draw():
    sample = table(0, KEY, 200, 10, 50).ravel()
    assert len(np.unique(sample)) == sample.size


def test_no_two_seeds_or_episodes_share_a_key():
    keys = {int(episode_key(np.uint64(seed), episode)) for seed in range(300) for episode in range(30)}
    assert len(keys) == 9000


def test_the_same_place_gives_the_same_draw_whatever_was_drawn_before():
    first = uniform(KEY, 5, 7, 9)
    for step in range(100):
        uniform(KEY, step, 1, 1)
    assert uniform(KEY, 5, 7, 9) == first


def test_the_draws_never_change():
    """Golden values: if they change, every published number changes."""
    assert uniform(KEY, 0, 0, 0) == GOLDEN_UNIFORM[0]
    assert uniform(KEY, 1, 2, 3) == GOLDEN_UNIFORM[1]
    assert uniform(np.uint64(0), 0, 0, 0) == GOLDEN_UNIFORM[2]
    assert int(episode_key(np.uint64(42), 0)) == GOLDEN_KEYS[0]
    assert int(episode_key(np.uint64(42), 1)) == GOLDEN_KEYS[1]


def test_a_draw_is_the_hash_of_its_place_in_whole_numbers():
    """The same arithmetic in Python's integers, which have no width: what finds a word that was widened or cut."""
    word = 2**64

    def mixed(bits: int) -> int:
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % word
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % word
        return bits ^ (bits >> 31)

    for key, step, purpose, index in [(0, 0, 0, 0), (2**64 - 1, 1023, 410, 7), (2**63 + 5, 77, 115, 671)]:
        counter = step * 0xD1B54A32D192ED03 + purpose * 0xABC98388FB8FAC03 + index * 0x8CB92BA72F3D8DD7
        bits = mixed((mixed((key ^ counter % word) % word) + 0x9E3779B97F4A7C15) % word)
        expected = ((bits >> 11) + 0.5) / 2**53
        assert uniform(np.uint64(key), step, purpose, index) == expected


def test_the_mixer_is_splitmix64s():
    """Seeded with 1234567, splitmix64 gives these numbers (Rosetta Code's reference output)."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    state = np.uint64(1234567)
    for number in expected:
        state = state + chance.GOLDEN
        assert int(np.uint64(plain(chance.mixed)(state))) == number


@pytest.mark.parametrize("rule", [uniform, normal, exponential])
def test_compiled_draws_equal_plain_ones(rule):
    for place in [(0, 0, 0), (1, 2, 3), (1023, 410, 95), (10**9, 5, 10**6)]:
        assert rule(KEY, *place) == pytest.approx(plain(rule)(KEY, *place), rel=1e-14)


def test_compiled_keys_equal_plain_ones():
    for seed, episode in [(0, 0), (2**63 - 1, 1), (17, 10**6)]:
        key = np.uint64(seed)
        assert int(episode_key(key, episode)) == int(plain(episode_key)(key, episode))


def test_the_normal_draw_is_box_and_mullers():
    first, second = uniform(KEY, 3, 4, 10), uniform(KEY, 3, 4, 11)
    radius = sqrt(-2.0 * np.log(first))
    assert normal(KEY, 3, 4, 5) == pytest.approx(radius * np.cos(2.0 * np.pi * second), rel=1e-12)
    assert abs(NormalDist().inv_cdf(0.5 * chance.TWO_TO_MINUS_53)) < 9.0  # no draw is farther out than about this


@numba.njit
def gammas(shape, draws):
    result = np.empty(draws)
    for step in range(draws):
        result[step] = chance.gamma(KEY, step, 3, 2, shape)
    return result


def gamma_law(shape: float, x: np.ndarray) -> np.ndarray:
    """P(X <= x) by the series of the lower incomplete gamma function, for shapes and x of moderate size."""
    from math import gamma

    term = np.ones_like(x) / shape
    total = term.copy()
    for n in range(1, 400):
        term = term * x / (shape + n)
        total += term
    return x**shape * np.exp(-x) * total / gamma(shape)


@pytest.mark.parametrize("shape", [0.25, 0.69, 1.0, 3.5, 20.0])
def test_gamma_numbers_follow_their_law(shape):
    ordered = np.sort(gammas(shape, DRAWS))
    law = gamma_law(shape, ordered)
    steps = np.arange(DRAWS + 1) / DRAWS
    assert max((steps[1:] - law).max(), (law - steps[:-1]).max()) * sqrt(DRAWS) < 1.63
    assert ordered.mean() == pytest.approx(shape, abs=4.0 * sqrt(shape / DRAWS))


def test_a_gamma_number_of_a_tiny_shape_is_small_and_never_0():
    sample = gammas(0.001, 2000)
    assert sample.min() >= chance.LEAST_GAMMA
    assert np.median(sample) < 1e-200


def test_gamma_numbers_of_neighbouring_indices_share_no_uniform():
    """The last index of one draw lies before the first of the next."""
    assert 4 * chance.GAMMA_TRIES < chance.GAMMA_INDICES
    sample = np.array([[chance.gamma(KEY, step, 3, index, 0.7) for index in range(4)] for step in range(4000)])
    assert np.abs(np.corrcoef(sample.T) - np.eye(4)).max() < 4.0 / sqrt(4000)


def test_compiled_gamma_numbers_equal_plain_ones():
    for step in range(200):
        for shape in (0.3, 1.0, 7.0):
            ours = plain(chance.gamma)(KEY, step, 3, 1, shape)
            assert chance.gamma(KEY, step, 3, 1, shape) == pytest.approx(ours, rel=1e-12)
