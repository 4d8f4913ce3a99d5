"""The region: its mirrors keep uniform places uniform, and its mean leg is that of a simulation."""

import math

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network import region as rules
from mei_gym.network.movement import movement_params

walked = plain(rules.walked)
folded = plain(rules.folded)


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


def test_between_two_walls_a_long_step_is_folded_like_a_strip_of_paper():
    assert folded(4.0, 1.0, 10.0) == (4.0, 1.0)
    assert folded(13.0, 1.0, 10.0) == (7.0, -1.0)
    assert folded(-13.0, -2.0, 10.0) == (-7.0, 2.0)
    assert folded(33.0, 1.0, 10.0) == (-7.0, 1.0)  # once off each wall: 10, -10, then 3 m back
    assert folded(4.0 - 40.0 * 7, 1.0, 10.0) == (4.0, 1.0)
    assert folded(10.0, 1.0, 10.0)[0] == 10.0


def test_uniform_places_of_a_rectangle_stay_uniform_however_far_the_step():
    rng = np.random.default_rng(2)
    for step_m in (5.0, 60.0, 4000.0):
        after = [folded(x, 0.0, 50.0)[0] for x in rng.uniform(-50, 50, 20_000) + step_m * rng.standard_normal(20_000)]
        assert np.abs((np.sort(after) + 50.0) / 100.0 - np.linspace(0.0, 1.0, 20_000)).max() < 0.015


def test_uniform_places_fill_the_region_and_no_more():
    draws = np.random.default_rng(3).random((20_000, 2))
    ring, box = movement_params("disk", region_inner_m=40.0), movement_params("rectangle")
    radii_m = np.hypot(*np.array([plain(rules.uniform_place)(ring, *pair) for pair in draws]).T)
    assert 40.0 <= radii_m.min() < 40.5
    assert 104.5 < radii_m.max() <= 105.0
    assert (radii_m**2).mean() == pytest.approx((40.0**2 + 105.0**2) / 2.0, rel=0.01)
    places = np.array([plain(rules.uniform_place)(box, *pair) for pair in draws])
    np.testing.assert_allclose(places, (draws - 0.5) * [1299.0, 750.0])


@pytest.mark.parametrize(
    "params",
    [
        movement_params("disk"),
        movement_params("rectangle"),
        movement_params("rectangle", region_width_m=50.0, region_height_m=900.0),
    ],
    ids=["disk", "rectangle", "strip"],
)
def test_the_mean_leg_is_that_of_simulated_legs(params):
    draws = np.random.default_rng(4).random((2, 20_000, 2))
    ends = np.array([[plain(rules.uniform_waypoint)(params, *pair) for pair in end] for end in draws])
    legs_m = np.hypot(*(ends[0] - ends[1]).T)
    assert legs_m.mean() == pytest.approx(plain(rules.mean_leg_m)(params), rel=0.015)
    assert legs_m.max() <= plain(rules.diameter_m)(params)


def test_the_mean_leg_of_the_unit_square_is_the_tabulated_one():
    unit = movement_params("rectangle", region_width_m=1.0, region_height_m=1.0)
    assert plain(rules.mean_leg_m)(unit) == pytest.approx(0.5214054331647207, rel=1e-12)


def test_whoever_crosses_the_mast_walks_round_it():
    ring = movement_params("disk")
    assert plain(rules.around_mast)(ring, 3.0, -4.0) == (pytest.approx(6.0), pytest.approx(-8.0))
    assert plain(rules.around_mast)(ring, 0.0, 0.0) == (10.0, 0.0)
    assert plain(rules.around_mast)(ring, 30.0, -4.0) == (30.0, -4.0)
    assert plain(rules.around_mast)(movement_params("rectangle"), 3.0, -4.0) == (3.0, -4.0)
