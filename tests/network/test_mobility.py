"""Gauss-Markov motion and its border: hand numbers, the law of a long step, uniform places stay uniform."""

import math

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network import mobility

gauss_markov = plain(mobility.gauss_markov)
walked = plain(mobility.walked)


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
    sigma_mps = plain(mobility.velocity_sigma_mps)(1.4)
    velocities = sigma_mps * np.random.default_rng(0).standard_normal((200_000, 2))
    assert np.hypot(*velocities.T).mean() == pytest.approx(1.4, rel=5e-3)


def test_a_user_who_runs_into_the_border_comes_back_and_turns_round():
    x_m, y_m, velocity_x, velocity_y = walked(95.0, 0.0, 8.0, 0.0, 3.0, 1.0, 10.0, 100.0)
    assert (x_m, y_m, velocity_x, velocity_y) == (pytest.approx(97.0), 0.0, -3.0, 1.0)
    assert walked(50.0, 0.0, 1.0, 2.0, 3.0, 1.0, 10.0, 100.0) == (51.0, 2.0, 3.0, 1.0)


def test_a_step_across_the_whole_cell_and_back_bounces_twice():
    # Along a chord 60 m from the centre, 160 m long, from its middle: 80 m out, then mirrored at (60, 80).
    x_m, y_m, _, _ = walked(60.0, 0.0, 0.0, 80.0 + 160.0 + 1.0, 0.0, 1.0, 10.0, 100.0)
    first = np.array([60.0, 80.0])
    out = first / 100.0
    direction = np.array([0.0, 1.0]) - 2.0 * 0.8 * out
    second = first + 160.0 * direction
    assert np.hypot(*second) == pytest.approx(100.0)
    turned = direction - 2.0 * (direction @ second / 100.0) * second / 100.0
    np.testing.assert_allclose((x_m, y_m), second + turned, rtol=1e-9)


def test_the_mast_itself_is_no_place_to_stand():
    assert walked(20.0, 0.0, -20.0, 0.0, 1.0, 1.0, 10.0, 100.0)[0] >= 10.0
    x_m, y_m, _, _ = walked(20.0, 0.0, -26.0, 0.0, 1.0, 0.0, 10.0, 100.0)
    assert x_m == pytest.approx(-math.sqrt(200.0 - 36.0))
    assert y_m == 0.0


def test_a_step_along_the_border_ends_inside():
    for length_m in (1.0, 1e3, 1e5):
        x_m, y_m, _, _ = walked(99.9, 0.0, 0.0, length_m, 0.0, 1.0, 10.0, 100.0)
        assert 10.0 <= math.hypot(x_m, y_m) <= 100.0


def test_uniform_places_stay_uniform_however_far_the_step():
    rng = np.random.default_rng(1)
    for step_m in (5.0, 60.0, 400.0):
        radii_m = np.sqrt(10.0**2 + rng.random(20_000) * (100.0**2 - 10.0**2))
        angles = rng.random(20_000) * 2 * math.pi
        steps = rng.standard_normal((20_000, 2)) * step_m
        after = [
            walked(r * math.cos(a), r * math.sin(a), dx, dy, 0.0, 0.0, 10.0, 100.0)[:2]
            for r, a, (dx, dy) in zip(radii_m, angles, steps)
        ]
        squares = np.sort(np.hypot(*np.array(after).T) ** 2)
        law = (squares - 100.0) / (10_000.0 - 100.0)
        assert squares[0] >= 100.0
        assert squares[-1] <= 10_000.0
        assert np.abs(law - np.linspace(0.0, 1.0, len(law))).max() < 0.02
