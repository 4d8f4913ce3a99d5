"""Bounds of static placement: the programme against every placement there is, and the relaxation above it."""

import numpy as np
import pytest
from placement_world import best_of_all, drawn_problem, two_precisions, written_out

from mei_gym.heuristics.placement import fits, greedy, hit_ratio, instance, spec
from mei_gym.oracle.placement import everything, optimal, relaxed_bound
from mei_gym.oracle.placement.coverage import coverage_of
from mei_gym.oracle.placement.programme import programme_of


@pytest.mark.parametrize("seed", range(24))
def test_the_programme_finds_the_best_of_all_placements(seed):
    problem = drawn_problem(seed, servers=1 + seed % 2, models=2 + (seed % 2 == 0), layers=4, frozen_from=1)
    found = optimal(problem)
    assert found.proven
    assert fits(problem, found.placed)
    assert found.hit_ratio == hit_ratio(problem, found.placed) == pytest.approx(best_of_all(problem), abs=1e-6)
    assert found.bound == pytest.approx(found.hit_ratio, abs=1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_the_programme_weighs_shares_of_utility_like_every_placement(seed):
    generator = np.random.default_rng(seed)
    library = two_precisions()
    utility = generator.choice([0.0, 0.5, 0.9, 1.0], (2, 3, library.variants))
    problem = instance(library, generator.uniform(6.0, 24.0, 2), generator.random((3, 2)), utility)
    assert optimal(problem).hit_ratio == pytest.approx(best_of_all(problem), abs=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_the_bounds_stand_in_their_order(seed):
    problem = drawn_problem(seed, servers=3, users=6, room=(0.15, 0.3), families=2, models=5)
    found = optimal(problem)
    assert found.proven
    for place in (greedy, spec):
        assert hit_ratio(problem, place(problem)) <= found.hit_ratio + 1e-9
    assert found.hit_ratio <= relaxed_bound(problem) + 1e-6 <= everything(problem) + 2e-6


def test_half_a_model_counts_half_in_the_relaxation():
    library = written_out({"a": 2.0, "b": 2.0}, {"a": ["a"], "b": ["b"]})
    problem = instance(library, [3.0], [[0.6, 0.4]], np.ones((1, 1, 2)))
    assert relaxed_bound(problem) == pytest.approx(0.8)  # .6 and half of .4
    assert optimal(problem).hit_ratio == pytest.approx(0.6)


def test_a_chain_of_frozen_layers_takes_one_inequality_a_variant():
    blocks = {"low": 4.0, "middle": 2.0, "high": 1.0, "a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}
    models = {"a": ["low", "middle", "high", "a"], "b": ["low", "middle", "high", "b"],
              "c": ["low", "middle", "c"], "d": ["low", "d"]}  # fmt: skip
    problem = instance(written_out(blocks, models), [9.0], [[0.4, 0.3, 0.2, 0.1]], np.ones((1, 1, 4)))
    programme = programme_of(problem, coverage_of(problem))
    # 1 capacity, 4 variants below their deepest shared block, 2 links of the chain, 4 elements
    assert programme.rows.shape == (11, 4 + 3 + 4)
    assert optimal(problem).hit_ratio == pytest.approx(0.7)  # a and b: 7 bytes shared and 1 each


def test_users_whom_the_same_servers_reach_share_an_element():
    library = written_out({"a": 1.0, "b": 1.0}, {"a": ["a"], "b": ["b"]})
    reach = np.repeat([[[1], [1], [0]], [[1], [1], [1]]], 2, axis=2)
    coverage = coverage_of(instance(library, [1.0, 1.0], [[0.1, 0.2], [0.1, 0.1], [0.2, 0.3]], reach))
    assert coverage.weight.tolist() == pytest.approx([0.2, 0.2, 0.3, 0.3])
    assert coverage.first_pair.tolist() == [0, 2, 3, 5, 6]
    assert coverage.pair.tolist() == [0, 2, 2, 1, 3, 3]


def test_two_utilities_are_two_elements():
    problem = instance(two_precisions(), [30.0], [[1.0, 0.0]], np.array([[[1.0, 0.75, 1.0, 0.75]]]))
    coverage = coverage_of(problem)
    assert coverage.weight.tolist() == pytest.approx([0.75, 0.25])
    assert coverage.pair.tolist() == [0, 1, 0]


def test_a_search_out_of_time_says_so_and_gives_the_best_it_has():
    problem = drawn_problem(3, servers=8, users=30, room=(0.1, 0.15), families=4, models=20, layers=12)
    found = optimal(problem, time_limit_s=0.05)
    assert not found.proven
    assert fits(problem, found.placed)
    assert hit_ratio(problem, greedy(problem)) <= found.hit_ratio < found.bound


@pytest.mark.parametrize("time_limit_s", [0.0, -1.0, float("nan")])
def test_no_time_is_refused(time_limit_s):
    with pytest.raises(ValueError, match="a positive number of seconds is accepted"):
        optimal(drawn_problem(0), time_limit_s)
