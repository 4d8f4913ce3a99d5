"""Gauss-Markov motion: hand numbers, and the law of a long step."""

import math

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network import gauss_markov as rules
from mei_gym.network.movement import GAUSS_MARKOV, movement_params

gauss_markov = plain(rules.gauss_markov)


def test_without_chance_the_velocity_dies_away_and_carries_the_user_its_integral():
    place_m, velocity_mps = gauss_markov(2.0, 0.0, 20.0, 10.0, 0.0, 0.0)
    assert velocity_mps == pytest.approx(2.0 * math.exp(-0.5))
    assert place_m == pytest.approx(2.0 * 20.0 * (1.0 - math.exp(-0.5)))


def covariance(elapsed_s, tau_s=20.0, sigma_mps=1.5):
    """Of (place, velocity) after a step, read from the rule's own weights of its two draws."""
    by_velocity = np.array(gauss_markov(0.0, sigma_mps, tau_s, elapsed_s, 1.0, 0.0))
    by_place = np.array(gauss_markov(0.0, sigma_mps, tau_s, elapsed_s, 0.0, 1.0))
    return np.outer(by_velocity, by_velocity) + np.outer(by_place, by_place)


@pytest.mark.parametrize("steps", [2, 10, 100])
def test_many_short_steps_have_the_law_of_one_long_step(steps):
    total_s = 30.0
    short_s = total_s / steps
    lost = 1.0 - math.exp(-short_s / 20.0)
    carry = np.array([[1.0, 20.0 * lost], [0.0, 1.0 - lost]])
    law = np.zeros((2, 2))
    for _ in range(steps):
        law = carry @ law @ carry.T + covariance(short_s)
    np.testing.assert_allclose(law, covariance(total_s), rtol=1e-7)


def test_mean_speed_is_the_one_asked_for():
    sigma_mps = plain(rules.velocity_sigma_mps)(1.4)
    velocities = sigma_mps * np.random.default_rng(0).standard_normal((200_000, 2))
    assert np.hypot(*velocities.T).mean() == pytest.approx(1.4, rel=5e-3)


@pytest.mark.parametrize("region", ["disk", "rectangle"])
def test_walking_keeps_the_law_of_places_and_velocities_in_any_region(crowd, moved, region):
    params, state = crowd(movement_params(region), GAUSS_MARKOV, 6.0, lanes=40, users=100)
    for step in range(1, 16):
        moved(params, state, 25.0, step)
    velocities = np.stack([state.user_velocity_x_mps, state.user_velocity_y_mps])
    assert np.hypot(*velocities).mean() == pytest.approx(6.0, rel=0.03)
    if region == "rectangle":
        law = np.stack([state.user_x_m / 1299.0 + 0.5, state.user_y_m / 750.0 + 0.5])
    else:
        squares = state.user_x_m**2 + state.user_y_m**2
        law = np.stack([(squares - 10.0**2) / (105.0**2 - 10.0**2), np.arctan2(state.user_y_m, state.user_x_m)])
        law[1] = law[1] / (2.0 * math.pi) + 0.5
    assert law.min() >= 0.0
    assert law.max() <= 1.0
    even = np.linspace(0.0, 1.0, law[0].size)
    assert np.abs(np.sort(law.reshape(2, -1)) - even).max() < 0.03


def test_a_walk_reads_the_draws_of_its_step_and_of_nobody_else(crowd, moved):
    params, state = crowd(movement_params("rectangle"), GAUSS_MARKOV, 1.0, users=2)
    _, other = crowd(params, GAUSS_MARKOV, 1.0, users=3)
    moved(params, state, 4.0, 17)
    moved(params, other, 4.0, 17)
    np.testing.assert_array_equal(state.user_x_m, other.user_x_m[:, :2])
    _, later = crowd(params, GAUSS_MARKOV, 1.0, users=2)
    moved(params, later, 4.0, 18)
    assert (later.user_x_m != state.user_x_m).all()
