"""Static placement: worked by hand, against every placement there is, and the laws of TrimCaching's formulation."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placement_world import best_of_all, chain_library, drawn_problem, two_precisions, written_out

from mei_gym.heuristics.placement import (
    alone,
    everything,
    fits,
    greedy,
    greedy_placement,
    hit_ratio,
    independent,
    instance,
    popular,
    random_placement,
    served_worth,
    spec,
    unions_of,
    used_bytes,
)
from mei_gym.workload.library import library_of, library_params

SEEDS = range(40)


def greedy_per_byte(problem):
    return greedy(problem, per_byte=True)


def random_three(problem):
    return random_placement(problem, seed=3)


ALGORITHMS = (greedy, greedy_per_byte, spec, independent, popular, random_three)


def one_server(library, capacity_bytes, popularity):
    """One server in reach of one user."""
    return instance(library, [capacity_bytes], [popularity], np.ones((1, 1, library.variants)))


def trunk():
    """a and b share a trunk of 8, with heads of 1; c stands alone with 9."""
    return written_out(
        {"trunk": 8.0, "a": 1.0, "b": 1.0, "c": 9.0}, {"a": ["trunk", "a"], "b": ["trunk", "b"], "c": ["c"]}
    )


def test_a_model_whose_trunk_is_there_costs_its_head():
    problem = one_server(trunk(), 10.0, [0.4, 0.1, 0.5])
    # c is asked for most and fills the server, of which 1 byte is left; a and b together would have filled it too.
    assert greedy(problem).tolist() == [[False, False, True]]
    assert hit_ratio(problem, greedy(problem)) == pytest.approx(0.5)
    problem = one_server(trunk(), 10.0, [0.4, 0.2, 0.3])
    assert greedy(problem).tolist() == [[True, True, False]]
    assert used_bytes(problem.library, greedy(problem)).tolist() == [10.0]
    assert independent(problem).tolist() == [[True, False, False]]
    assert hit_ratio(problem, independent(problem)) == pytest.approx(0.4 / 0.9)


def test_spec_finds_what_greed_by_popularity_misses():
    problem = one_server(trunk(), 10.0, [0.35, 0.25, 0.4])
    assert greedy(problem).tolist() == [[False, False, True]]
    assert spec(problem).tolist() == [[True, True, False]]
    assert greedy(problem, per_byte=True).tolist() == [[False, False, True]]  # .4 / 9 is more than .35 / 9


def test_the_second_server_stores_what_the_first_does_not():
    library = written_out({"a": 1.0, "b": 1.0}, {"a": ["a"], "b": ["b"]})
    problem = instance(library, [1.0, 1.0], [[0.6, 0.4]], np.ones((2, 1, 2)))
    for place in (greedy, spec, independent):
        assert hit_ratio(problem, place(problem)) == pytest.approx(1.0)
    assert popular(problem).tolist() == [[True, False], [True, False]]
    assert hit_ratio(problem, popular(problem)) == pytest.approx(0.6)


def test_who_is_out_of_reach_of_every_server_is_missed_even_where_everything_is_stored():
    library = written_out({"a": 1.0}, {"a": ["a"]})
    problem = instance(library, [1.0], [[0.3], [0.1]], [[[1], [0]]])
    assert everything(problem) == pytest.approx(0.75)
    assert hit_ratio(problem, greedy(problem)) == pytest.approx(0.75)


def test_a_variant_of_fewer_bits_serves_for_less_and_its_sibling_adds_the_difference():
    library = two_precisions()
    worth = np.broadcast_to([1.0, 0.9, 1.0, 0.9], (1, 1, 4))
    both = instance(library, [6.0], [[0.5, 0.5]], worth)  # 4 + 1 + 1: both models in 4 bits
    for place in (greedy, spec):
        assert place(both).tolist() == [[False, True, False, True]]
    assert hit_ratio(both, greedy(both)) == pytest.approx(0.9)
    assert served_worth(both, np.array([[True, True, False, True]])).tolist() == [[0.5, pytest.approx(0.45)]]
    wide = instance(library, [18.0], [[0.5, 0.5]], worth)  # 16 + 1 + 1: both in 16
    assert spec(wide).tolist() == [[True, False, True, False]]
    assert hit_ratio(wide, spec(wide)) == pytest.approx(1.0)


def test_adapters_that_precisions_share_make_no_unions():
    unions = unions_of(two_precisions())
    assert len(unions.union_bytes) == 4  # of the base in 16 bits and the base in 4: none, either, both
    assert sorted(unions.union_bytes) == [0.0, 4.0, 16.0, 20.0]


def test_frozen_depths_of_a_base_are_a_chain_of_unions():
    library = written_out(
        {"low": 5.0, "middle": 3.0, "a": 1.0, "b": 4.0, "c": 4.0, "d": 2.0},
        {"a": ["low", "middle", "a"], "b": ["low", "b"], "c": ["low", "middle", "c"], "d": ["d"]},
    )
    unions = unions_of(library)
    assert unions.family_first_union.tolist() == [0, 1, 4]  # who shares nothing; then none, low, low and middle
    assert unions.union_bytes.tolist() == [0.0, 0.0, 5.0, 8.0]
    assert unions.union_grows.tolist() == [0, 0, 1, 1]
    assert unions.option_variant.tolist() == [3, 1, 0, 2]
    assert unions.option_bytes.tolist() == [2.0, 4.0, 1.0, 4.0]


@pytest.mark.parametrize("seed", range(20))
def test_spec_is_right_where_a_family_branches(seed):
    """Two rounds of tuning: the base, two models tuned from it, and two tuned from each of these."""
    generator = np.random.default_rng(seed)
    blocks = {name: float(generator.integers(1, 6)) for name in ("base", "x", "y", "a", "b", "c", "d", "e")}
    models = {"a": ["base", "x", "a"], "b": ["base", "x", "b"], "c": ["base", "y", "c"], "d": ["base", "y", "d"],
              "e": ["base", "e"]}  # fmt: skip
    library = written_out(blocks, models)
    assert len(unions_of(library).union_bytes) == 5  # none, base, with x, with y, with both
    problem = one_server(library, generator.uniform(0.3, 0.9) * sum(blocks.values()), generator.random(5))
    placed = spec(problem, epsilon=0.001)
    assert fits(problem, placed)
    assert hit_ratio(problem, placed) >= 0.999 * best_of_all(problem)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_algorithm_passes_the_best_of_all_placements_and_spec_keeps_its_promise(seed):
    problem = drawn_problem(seed, servers=1 + seed % 2, models=2 + (seed % 2 == 0), layers=4, frozen_from=1)
    best = best_of_all(problem)
    for place in ALGORITHMS:
        placed = place(problem)
        assert fits(problem, placed)
        assert hit_ratio(problem, placed) <= best + 1e-12
    for epsilon in (0.5, 0.1):
        assert hit_ratio(problem, spec(problem, epsilon)) >= (1.0 - epsilon) / 2.0 * best - 1e-12
        if len(problem.capacity_bytes) == 1:
            assert hit_ratio(problem, spec(problem, epsilon)) >= (1.0 - epsilon) * best - 1e-12
    assert best <= everything(problem) + 1e-12


def test_where_room_is_scarce_spec_is_above_gen_and_gen_above_independent_on_average():
    problems = [drawn_problem(seed, 3, 8, room=(0.1, 0.2), families=3, models=8, layers=6) for seed in SEEDS]
    mean = {place: np.mean([hit_ratio(each, place(each)) for each in problems]) for place in ALGORITHMS}
    assert mean[spec] > mean[greedy] + 0.02
    assert mean[greedy] > mean[independent] + 0.02
    assert mean[independent] > mean[random_three]


@pytest.mark.parametrize("seed", SEEDS)
def test_without_sharing_gen_is_independent_caching(seed):
    problem = drawn_problem(seed, servers=3, users=6, models=6, shared=False)
    assert (greedy(problem) == independent(problem)).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_charged_alone_a_library_leaves_greed_what_independent_caching_has(seed):
    problem = drawn_problem(seed, servers=3, users=6, models=6)
    whole = problem._replace(library=alone(problem.library))
    assert (greedy(whole) == independent(problem)).all()
    assert (used_bytes(problem.library, independent(problem)) <= used_bytes(whole.library, independent(problem))).all()


def test_more_room_and_more_servers_serve_more_on_average():
    def mean(place, servers, room):
        problems = [drawn_problem(seed, servers, 8, room=(room, room), families=3, models=8) for seed in SEEDS]
        return np.mean([hit_ratio(problem, place(problem)) for problem in problems])

    for place in (greedy, spec, independent):
        assert mean(place, 3, 0.2) < mean(place, 3, 0.35) < mean(place, 3, 0.6)
        assert mean(place, 1, 0.3) < mean(place, 2, 0.3) < mean(place, 4, 0.3)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.data())
def test_the_hit_ratio_is_monotone_and_submodular_and_so_are_the_bytes(seed, data):
    problem = drawn_problem(seed % 97, servers=2, users=3)
    shape = (2, problem.library.variants)
    generator = np.random.default_rng(seed)
    small = generator.random(shape) < 0.3
    large = small | (generator.random(shape) < 0.4)
    server, variant = data.draw(st.integers(0, 1)), data.draw(st.integers(0, shape[1] - 1))

    def more(measure, placed):
        after = placed.copy()
        after[server, variant] = True
        return measure(after) - measure(placed)

    for measure in (lambda x: hit_ratio(problem, x), lambda x: used_bytes(problem.library, x).sum()):
        assert more(measure, small) >= more(measure, large) - 1e-12 >= -2e-12


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bytes_of_a_server_are_those_of_the_union_of_blocks(seed):
    library = chain_library(np.random.default_rng(seed), models=5)
    placed = np.random.default_rng(seed).random((2, library.variants)) < 0.5
    for row, used in zip(placed, used_bytes(library, placed)):
        blocks = {
            int(block)
            for variant in np.flatnonzero(row)
            for block in library.variant_block[
                library.variant_first_block[variant] : library.variant_first_block[variant + 1]
            ]
        }
        assert used == pytest.approx(sum(library.block_bytes[block] for block in blocks))


def test_a_smaller_epsilon_gives_nothing_away():
    problem = drawn_problem(5, servers=1, families=3, models=5)
    assert hit_ratio(problem, spec(problem, 0.001)) >= hit_ratio(problem, spec(problem, 0.9)) - 1e-12
    assert hit_ratio(problem, spec(problem, 1e-4)) == pytest.approx(best_of_all(problem), abs=1e-4)


def test_rounding_takes_no_more_from_a_model_than_epsilon_of_its_part():
    names = "abcde"
    library = written_out({name: 1.0 for name in names}, {name: [name] for name in names})
    # Equal models that all fit bring 1 / 5 each; a point is .9 / 5, so each keeps one. Coarser points would lose all.
    assert spec(one_server(library, 5.0, [0.2] * 5), epsilon=0.9).all()


def test_requests_that_nobody_makes_are_not_stored_for():
    problem = one_server(trunk(), 100.0, [0.0, 1.0, 0.0])
    for place in ALGORITHMS:
        assert place(problem).tolist() == [[False, True, False]]


def test_compiled_placements_are_those_of_plain_python():
    program = (
        "import numpy as np; from placement_world import drawn_problem;"
        "from mei_gym.heuristics.placement import greedy, spec, independent\n"
        "problem = drawn_problem(11, servers=2, users=3, families=2, models=4)\n"
        "print(*(int(x) for f in (greedy, spec, independent) for x in f(problem).ravel()))"
    )
    texts = []
    for jit in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": jit, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        assert run.returncode == 0, run.stderr
        texts.append(run.stdout)
    assert texts[0] == texts[1]
    assert "1" in texts[0]


def test_plain_arrays_are_enough():
    problem = drawn_problem(2)
    placed = greedy_placement(problem.library, problem.capacity_bytes, problem.worth)
    assert (placed == greedy(problem)).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"capacity_bytes": [0.5, 9.0]}, "capacity_bytes is 0.5; at least the smallest block, 1, is needed."),
        ({"capacity_bytes": []}, "There are 0 servers and 1 users; at least 1 of each is needed."),
        (
            {"capacity_bytes": [9.0]},
            "utility has the shape (2, 1, 3); (1, 1, 3) is accepted: servers, users",
        ),
        ({"probability": [[0.1, 0.2]]}, "probability (1, 2); (servers,) and (users, 3) are accepted."),
        (
            {"probability": [[0.0, 0.0, 0.0]]},
            "probability sums to 0, least 0; 0 or more, not all 0, is accepted.",
        ),
        ({"probability": [[0.5, -0.1, 0.6]]}, "least -0.1; 0 or more"),
        ({"utility": np.full((2, 1, 3), 1.5)}, "utility runs from 1.5 to 1.5; 0 to 1 is accepted."),
    ],
)
def test_an_instance_that_cannot_be_is_refused_in_one_sentence(change, sentence):
    given_values = {"capacity_bytes": [9.0, 9.0], "probability": [[0.2, 0.3, 0.5]], "utility": np.ones((2, 1, 3))}
    given_values.update(change)
    if not len(given_values["capacity_bytes"]):
        given_values["utility"] = np.ones((0, 1, 3))
    with pytest.raises(ValueError, match=r"accepted|needed") as refusal:
        instance(trunk(), **given_values)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("epsilon", [0.0, 1.0, -0.1, float("nan")])
def test_an_epsilon_that_promises_nothing_is_refused(epsilon):
    with pytest.raises(ValueError, match="a number above 0 and below 1 is accepted"):
        spec(drawn_problem(1), epsilon)


def test_an_epsilon_too_small_for_memory_is_refused():
    with pytest.raises(ValueError, match="a larger one is needed"):
        spec(drawn_problem(1), 1e-10)


def test_a_family_of_too_many_unions_is_refused():
    pairs = {
        f"{one}{two}": [{f"{one}": 1.0, f"{two}": 1.0}]
        for one in "abcdefghijklm"
        for two in "abcdefghijklm"
        if one < two
    }
    library = library_params(library_of(pairs, (16.0,), (0,) * len(pairs), ("base",), True))
    with pytest.raises(ValueError, match="78 models of a family have more than 4096 unions of shared blocks"):
        unions_of(library)
