"""The bound: no policy passes it, over an episode or on a request, and it is not far above what can be had."""

import numpy as np
import pytest

from mei_gym import heuristics
from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics import make
from mei_gym.oracle.episodes import bound_of, run
from mei_gym.oracle.seeds import lane_seeds
from mei_gym.oracle.split_inference.alone import Alone

ID = "mei/SplitInference-v0"
REQUESTS = 192


@pytest.fixture(scope="module")
def place():
    return heuristics.world(ID)


@pytest.fixture(scope="module")
def lonely():
    """A world in which a request is answered before the next one comes."""
    return heuristics.world(ID, requests_per_s=0.02, background_per_s=0.0, battery_low=0.3)


def lonely_requests(place, policy, lanes_count=8, requests=96):
    """What each request brought and its bound, where the request was alone from question to answer: f8[n] each."""
    lanes = Lanes(place.task, place.scenario, lanes_count)
    lanes.reset(lane_seeds(range(lanes_count)))
    bound = Alone(place, lanes)
    unfinished = place.task.info.index("unfinished")
    brought, most = [], []
    for _ in range(requests):
        limit = bound.request()
        alone = lanes.out.info[:, unfinished] == 0.0
        lanes.step(policy(lanes))
        alone &= lanes.out.info[:, unfinished] == 0.0
        brought.append(lanes.out.reward[alone])
        most.append(limit[alone])
    return np.concatenate(brought), np.concatenate(most)


@pytest.mark.parametrize("name", heuristics.names(ID))
def test_no_heuristic_passes_the_bound_on_any_episode(name, place):
    result = run(make(name, place), range(40, 44), REQUESTS, bound=True)
    assert np.all(result.reward <= result.bound)


def test_the_bound_does_not_depend_on_who_walks_the_episodes(place):
    bounds = [run(make(name, place), range(4), REQUESTS, bound=True).bound for name in ("random", "edge_only")]
    assert np.allclose(bounds[0], bounds[1], rtol=1e-12)
    assert np.array_equal(bounds[0], bound_of(place, range(4), REQUESTS))


def test_no_choice_for_a_request_alone_passes_its_bound(lonely):
    chance = np.random.default_rng(0)

    def any_feasible(lanes):
        return np.array([chance.choice(np.flatnonzero(row)) for row in lanes.out.mask])

    brought, most = lonely_requests(lonely, any_feasible)
    assert len(brought) > 300
    assert np.all(brought <= most + 1e-9)


@pytest.mark.parametrize("name", ["neurosurgeon", "edge_only", "device_only", "queue_aware"])
def test_no_heuristic_passes_the_bound_on_a_request_alone(name, lonely):
    policy = make(name, lonely)
    brought, most = lonely_requests(lonely, lambda lanes: policy.choose(lanes.out.observation))
    assert np.all(brought <= most + 1e-9)


def test_a_request_alone_comes_close_to_its_bound(lonely):
    policy = make("neurosurgeon", lonely)
    brought, most = lonely_requests(lonely, lambda lanes: policy.choose(lanes.out.observation))
    assert np.mean(most - brought) < 0.06
    assert np.median(most - brought) < 0.02


@pytest.fixture(scope="module")
def floors(place):
    return Alone(place, Lanes(place.task, place.scenario, 1)).floors.fields


def test_the_floors_rise_with_tokens_and_with_blocks(floors):
    for table in (floors.prompt_s, floors.answer_s):
        assert np.all(np.diff(table[1:], axis=1) >= 0.0)
        assert np.all(np.diff(table, axis=0) >= -1e-12)


def test_two_prompts_never_take_less_than_the_floor_of_both_together(floors):
    whole = floors.prompt_s[32]
    for first, second in ((1, 1), (100, 28), (512, 512), (300, 900)):
        assert whole[first] + whole[second] >= whole[first + second] - 1e-12
