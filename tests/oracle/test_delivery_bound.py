"""The bound of ModelDelivery: no policy passes it, it is one episode's own, and a request alone comes close to it."""

import numpy as np
import pytest

from mei_gym import heuristics
from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics import make
from mei_gym.oracle.episodes import bound_of, run
from mei_gym.oracle.family import family_of
from mei_gym.oracle.model_delivery.alone import UNSEEN, least_loss, met_in_silence, most_of_requests
from mei_gym.oracle.seeds import lane_seeds

ID = "mei/ModelDelivery-v0"
SEEDS = range(40, 43)


@pytest.fixture(scope="module")
def place():
    return heuristics.world(ID)


@pytest.fixture(scope="module")
def bound(place):
    return bound_of(place, SEEDS)


@pytest.mark.parametrize("name", heuristics.names(ID))
def test_no_heuristic_passes_the_bound_on_any_episode(name, place, bound):
    result = run(make(name, place), SEEDS, bound=True)
    assert np.array_equal(result.bound, bound)  # whoever walks
    assert np.all(result.reward <= bound)


def test_requests_far_apart_reach_all_but_the_price_of_their_air():
    """Each is alone in its cell: what the myopic policy misses of the bound is what it pays, and little more."""
    place = heuristics.world(ID, requests_per_s=0.002, requests=24, energy_weight=0.0, air_weight=0.0)
    result = run(make("myopic", place), range(4), bound=True)
    assert np.all(result.reward <= result.bound)
    assert result.reward.mean() > 0.85 * result.bound.mean()


@pytest.mark.parametrize(
    ("room", "loss"),
    [
        (100.0, 0.0),  # all in 16 bits
        (75.0, 0.005),  # half of the weights in 16, half in 8
        (50.0, 0.01),
        (37.5, 0.055),  # half in 8, half in 4
        (25.0, 0.1),
        (24.9, np.inf),
    ],
)
def test_the_least_loss_lies_on_the_lines_between_whole_precisions(room, loss):
    sizes, losses = np.array([100.0, 50.0, 25.0]), np.array([0.0, 0.01, 0.1])
    assert least_loss(sizes, losses, np.array(room)) == pytest.approx(loss)


def test_a_precision_that_no_mix_should_use_is_passed_over():
    sizes, losses = np.array([100.0, 50.0, 25.0]), np.array([0.0, 0.09, 0.1])  # 8 bits lose nearly what 4 do
    assert least_loss(sizes, losses, np.array(62.5)) == pytest.approx(0.05)  # half in 16, half in 4


def test_a_request_with_no_time_is_missed_and_one_without_a_record_is_given_everything(place):
    lanes = Lanes(place.task, place.scenario, 2)
    lanes.reset(lane_seeds(range(2)))
    met = met_in_silence(lanes)
    assert (met.model != UNSEEN).mean() > 0.9
    seen = np.argwhere(met.model != UNSEEN)[0]
    met.window_s[tuple(seen)] = 1e-6
    most = most_of_requests(place.params, met)
    assert most[tuple(seen)] == -place.params.late_weight[met.application[tuple(seen)]]
    assert (most[met.model == UNSEEN] == 1.0).all()


def test_the_searchs_candidates_are_feasible_and_begin_with_the_bases(place):
    lanes = Lanes(place.task, place.scenario, 4)
    lanes.reset(lane_seeds(range(4)))
    policy = make("air_aware", place)
    for _ in range(30):
        base = policy.choose(lanes.out.observation)
        tried = family_of(place.task).candidates(place, lanes, base, 8)
        assert np.array_equal(tried[:, 0], base)
        assert lanes.out.mask[np.arange(4)[:, None], tried].all()
        lanes.step(tried[:, -1])
