"""The clairvoyant search: it never does worse than its base, tries only what is feasible, and goes on after a kill."""

import numpy as np
import pytest

from mei_gym import heuristics
from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics import make
from mei_gym.oracle import clairvoyant
from mei_gym.oracle.clairvoyant import Sizes, search, search_all, spread
from mei_gym.oracle.episodes import run
from mei_gym.oracle.ledger import Ledger
from mei_gym.oracle.seeds import TEST, TRAIN, VALIDATION, lane_seeds
from mei_gym.oracle.split_inference.candidates import candidates

ID = "mei/SplitInference-v0"


@pytest.fixture(scope="module")
def place():
    return heuristics.world(ID)


@pytest.mark.parametrize("name", ["random", "edge_only", "neurosurgeon"])
def test_a_search_to_the_end_never_does_worse_than_its_base(name, place):
    base, requests, seeds = make(name, place), 48, range(3)
    found = search(base, seeds, requests, Sizes(candidates=5, horizon=requests))
    plain = run(base, seeds, requests, bound=True)
    assert np.all(found.reward >= plain.reward - 1e-9)
    assert found.reward.mean() > plain.reward.mean()
    assert np.all(found.reward <= plain.bound)


def test_with_the_base_as_the_only_candidate_the_search_is_the_base(place):
    base = make("neurosurgeon", place)
    found = search(base, range(2), 24, Sizes(candidates=1, horizon=4))
    assert np.array_equal(found.reward, run(base, range(2), 24).reward)


@pytest.mark.parametrize("count", [1, 2, 7, 16])
def test_candidates_are_feasible_and_the_base_comes_first(count, place):
    lanes = Lanes(place.task, place.scenario, 6)
    lanes.reset(lane_seeds(range(6)))
    policy = make("random", place)
    for _ in range(12):
        base = policy.choose(lanes.out.observation)
        tried = candidates(place, lanes, base, count)
        assert tried.shape == (6, count)
        assert np.array_equal(tried[:, 0], base)
        assert np.take_along_axis(lanes.out.mask, tried, axis=1).all()
        lanes.step(base)


def test_spreading_is_copying_each_lane(place):
    lanes, futures = (Lanes(place.task, place.scenario, count) for count in (2, 6))
    lanes.reset(lane_seeds(range(2)))
    spread(lanes, futures, 3)
    for old, new in zip((*lanes.state, *lanes.out), (*futures.state, *futures.out)):
        assert all(np.array_equal(new[i], old[i // 3], equal_nan=True) for i in range(6))
    actions = np.full(2, 6)
    for _ in range(8):
        lanes.step(actions)
        futures.step(np.repeat(actions, 3))
    assert np.array_equal(np.repeat(lanes.out.reward, 3), futures.out.reward)


def test_a_killed_search_goes_on_where_it_was(place, tmp_path, monkeypatch):
    base, seeds, sizes = make("edge_only", place), range(3), Sizes(2, 8)
    whole = search_all(base, seeds, Ledger(None), 16, sizes)
    path = tmp_path / "notes" / "ledger.csv"
    search_all(base, range(2), Ledger(path), 16, sizes)
    with path.open("a") as file:
        file.write("0123456789abcdef,0.5,0.")  # the line that a kill cut short
    asked = []
    monkeypatch.setattr(clairvoyant, "search", lambda *given: asked.append(given[1]) or search(*given))
    again = search_all(base, seeds, Ledger(path), 16, sizes)
    assert asked == [[2]]
    assert np.array_equal(again.reward, whole.reward)
    assert np.array_equal(again.info, whole.info)
    assert len(path.read_text().splitlines()) == 3


def test_other_sizes_are_another_question(place, tmp_path):
    base, ledger = make("edge_only", place), Ledger(tmp_path / "ledger.csv")
    for sizes in (Sizes(2, 4), Sizes(2, 5), Sizes(2, 4)):
        search_all(base, range(1), ledger, 8, sizes)
    assert len(ledger.answers) == 2


def test_seeds_of_training_validation_and_test_are_apart():
    ranges = [range(*each) for each in (TRAIN, VALIDATION, TEST)]
    for one in ranges:
        assert all(one is other or max(one[0], other[0]) > min(one[-1], other[-1]) for other in ranges)
