"""TrimCaching's setting: ResNets by their parameters, the radio by hand, and what needs no paper's number."""

import numpy as np
import pytest

from agents.reproduce.earlier import Before
from agents.reproduce.resnet import RESNETS, layer_weights, tuned_library
from agents.reproduce.setting import Topology, downlink_bps, drawn_topology, in_time, probabilities, problem_of, walked
from agents.reproduce.tables import agreements, plain
from agents.reproduce.trimcaching import GEN, INDEPENDENT, METHODS, Cell, hit_ratios, problem_at, sweeps
from mei_gym.heuristics.placement import (
    alone,
    everything,
    fits,
    greedy,
    hit_ratio,
    independent,
    spec,
    unions_of,
    used_bytes,
)
from mei_gym.workload.library import library_params

SEEDS = range(6)


@pytest.mark.parametrize(
    ("number", "layers", "millions", "shares"),
    [(0, 41, 11.69, (0.24, 0.96)), (1, 73, 21.80, (0.27, 0.98)), (2, 107, 25.56, (0.35, 0.92))],
)
def test_resnets_have_the_published_parameters_and_the_stated_frozen_shares(number, layers, millions, shares):
    weights = layer_weights(RESNETS[number])
    assert len(weights) == layers
    assert sum(weights) / 1e6 == pytest.approx(millions, abs=0.005)
    for depth, share in zip(RESNETS[number].depths, shares):
        assert sum(weights[:depth]) / sum(weights) == pytest.approx(share, abs=0.006)


def test_a_fine_tune_shares_exactly_its_frozen_layers_with_its_base():
    library = tuned_library(30, np.random.default_rng(1))
    params = library_params(library)
    assert library.models[:2] == ("ResNet-18/0", "ResNet-18/1")
    whole = 4.0 * sum(layer_weights(RESNETS[0]))
    assert params.variant_bytes[:10].tolist() == [whole] * 10
    for base in range(3):
        least, most = RESNETS[base].depths
        sizes = 4.0 * np.cumsum([0, *layer_weights(RESNETS[base])])
        pair = library.uses[10 * base] & library.uses[10 * base + 1]
        assert sum(library.block_bytes[block] for block in pair) in sizes[least : most + 1]
    assert not library.uses[0] & library.uses[10]


def test_the_second_round_shares_with_its_parents_what_no_base_has():
    library = tuned_library(90, np.random.default_rng(2), general=True)
    sizes = 4.0 * np.cumsum([0, *layer_weights(RESNETS[0])])
    beyond_the_base = 0
    for number in range(30):
        group = number // 6
        with_parent = library.uses[number] & library.uses[6 * group]
        if number % 6:
            assert sum(library.block_bytes[block] for block in with_parent) in sizes[29:41]
            others = frozenset().union(*(library.uses[n] for n in range(30) if n // 6 != group))
            beyond_the_base += bool(with_parent - others)
    assert beyond_the_base > 3


def test_spec_needs_few_unions_in_the_special_case_and_is_refused_in_the_general_one():
    special = unions_of(library_params(tuned_library(300, np.random.default_rng(3))))
    assert len(special.union_bytes) <= 13 + 25 + 21
    with pytest.raises(ValueError, match="too many to try each"):
        unions_of(library_params(tuned_library(300, np.random.default_rng(3), general=True)))


def test_a_user_at_200_m_downloads_resnet_50_in_half_a_second():
    topology = Topology(
        server_m=np.array([[0.0, 0.0]]), user_m=np.array([[200.0, 0.0]] * 7 + [[276.0, 0.0]]),
        order=np.zeros((8, 1), int), deadline_s=np.ones((8, 1)),
    )  # fmt: skip
    rates = downlink_bps(topology)[0]
    assert rates[0] == pytest.approx(1.5e9, rel=0.03)  # 114 MHz and 5.7 W at 200 m
    assert 8.0 * 102.2e6 / rates[0] == pytest.approx(0.55, abs=0.01)  # ResNet-50
    assert rates[7] == 0.0


def test_a_relayed_model_takes_the_wires_and_then_the_nearest_way_through_the_air():
    topology = Topology(
        server_m=np.array([[0.0, 0.0], [900.0, 0.0]]), user_m=np.array([[200.0, 0.0]]),
        order=np.zeros((1, 1), int), deadline_s=np.array([[1.0]]),
    )  # fmt: skip
    direct_s = 8e8 / downlink_bps(topology)[0, 0]
    size = np.array([1e8])
    for slack_s, reached in ((1e-9, [True, False]), (0.08 + 1e-9, [True, True]), (-1e-9, [False, False])):
        late = topology._replace(deadline_s=np.array([[direct_s + slack_s]]))
        assert in_time(late, size)[:, 0, 0].tolist() == reached


def test_probabilities_sum_to_one_and_fall_by_the_exponent():
    topology = drawn_topology(3, 5, 10, seed=0)
    p = probabilities(topology, 0.8)
    assert p.sum() == pytest.approx(1.0)
    assert np.allclose(p.sum(axis=1), 0.2)
    first, second = (p[topology.order == rank] for rank in (0, 1))
    assert np.allclose(first / second, 2.0**0.8)


def test_more_servers_of_a_seed_are_those_of_fewer_and_some_more():
    few, many = drawn_topology(3, 5, 9, 4), drawn_topology(8, 5, 9, 4)
    assert (many.server_m[:3] == few.server_m).all()
    assert (many.user_m == few.user_m).all()


def test_walkers_stay_on_the_square_and_no_faster_than_they_are():
    start = drawn_topology(2, 30, 9, 1)
    for there, minutes in zip(walked(start, np.array([0.0, 60.0, 7200.0]), 1), (0, 1, 120)):
        assert ((there.user_m >= 0.0) & (there.user_m <= 1000.0)).all()
        assert (np.linalg.norm(there.user_m - start.user_m, axis=1) <= 20.0 * 60.0 * minutes + 1e-6).all()
    assert (np.linalg.norm(there.user_m - start.user_m, axis=1) > 1.0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_without_sharing_gen_equals_independent_caching_in_the_papers_setting(seed):
    problem = problem_at(Cell(6, 20, 30, 0.2), seed)
    whole = problem._replace(library=alone(problem.library))
    assert (greedy(whole) == independent(problem)).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_gen_rises_with_capacity_and_servers_and_never_passes_the_bound(seed):
    by_capacity = [problem_at(Cell(8, 20, 99, q), seed) for q in (0.1, 0.2, 0.4, 0.8)]
    ratios = [hit_ratio(problem, greedy(problem)) for problem in by_capacity]
    assert ratios == sorted(ratios)
    assert ratios[0] < ratios[-1] <= everything(by_capacity[0]) + 1e-12
    means = [
        np.mean([hit_ratio(p, greedy(p)) for p in (problem_at(Cell(m, 20, 99, 0.3), s) for s in SEEDS)])
        for m in (2, 6, 12)
    ]
    assert means[0] < means[1] < means[2]


def test_in_the_special_case_spec_is_above_gen_and_gen_above_independent_on_average():
    problems = [problem_at(Cell(12, 30, 99, 0.2), seed) for seed in SEEDS]
    mean = {place: np.mean([hit_ratio(p, place(p)) for p in problems]) for place in (spec, greedy, independent)}
    assert mean[spec] > mean[greedy] > mean[independent]


@pytest.mark.parametrize("seed", SEEDS)
def test_small_instances_keep_the_promise_of_spec_and_no_greed_passes_the_optimum(seed):
    values = dict(zip(METHODS, hit_ratios(*Cell(2, 8, 6, 0.1, exact=True), seed)))
    assert values["optimum"] >= max(values["Spec"], values["Gen"]) - 1e-9
    assert values["Spec"] >= 0.45 * values["optimum"]
    assert values["optimum"] <= values["relaxed bound"] + 1e-6 <= values["everything everywhere"] + 2e-6


def test_eighty_per_cent_are_reached_by_twelve_servers_and_a_hundred_models():
    problems = [problem_at(Cell(12, 30, 99, 0.4), seed) for seed in range(12)]
    found = [hit_ratio(problem, spec(problem)) for problem in problems]
    assert np.mean(found) > 0.8
    assert all(fits(problem, spec(problem)) for problem in problems[:2])


def test_a_model_whose_blocks_are_all_there_but_its_own_costs_its_own_bytes():
    library = tuned_library(30, np.random.default_rng(0))
    params = library_params(library)
    one = np.zeros((1, 30), bool)
    one[0, 3] = True
    two = one.copy()
    two[0, 4] = True
    own = sum(library.block_bytes[block] for block in library.uses[4] - library.uses[3])
    assert used_bytes(params, two) - used_bytes(params, one) == pytest.approx(own)
    assert 0.0 < own < params.variant_bytes[4]


def test_a_quick_run_asks_a_part_of_the_whole_run():
    whole = {cell for sweep in sweeps(quick=False) for cell in sweep.cells}
    assert {cell for sweep in sweeps(quick=True) for cell in sweep.cells} < whole


def test_agreement_is_a_matter_of_standard_errors():
    cell = Cell(12, 30, 99, 0.3)
    table = np.full((len(METHODS), 8), np.nan)
    table[METHODS.index(GEN)] = 0.5 + 0.04 * np.array([1, -1] * 4)
    near, far = agreements([Before(cell, GEN, 0.52), Before(cell, GEN, 0.56)], {cell: table})
    assert near.agrees
    assert not far.agrees  # standard error .043 / 2 = .0214, times sqrt 2 for the difference: .030, of which two
    assert agreements([Before(Cell(1, 1, 3, 1.0), INDEPENDENT, 0.5)], {cell: table}) == []


def test_numbers_are_shown_without_a_leading_zero():
    assert [plain(0.6125), plain(-0.04), plain(0.0), plain(1.0)] == [".613", "-.040", ".000", "1.000"]


def test_a_library_that_three_bases_do_not_share_is_refused():
    with pytest.raises(ValueError, match="The library has 100 models; a positive multiple of 3 is accepted"):
        tuned_library(100, np.random.default_rng(0))


def test_the_problem_of_a_topology_has_its_shapes():
    library = library_params(tuned_library(9, np.random.default_rng(0)))
    problem = problem_of(library, drawn_topology(4, 5, 9, 0), 1e9, 0.8)
    assert problem.worth.shape == (4, 5, 9)
    assert problem.demand == pytest.approx(1.0)
