"""Iterations passed in one event: equal to one by one, on measured and on made-up tables, and really passed."""

import copy
from typing import Any

import numpy as np
import pytest
from engine_driver import (
    EngineRun,
    affine_server,
    fates,
    largest_difference,
    random_requests,
    run_engine,
    run_reference,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_server import Request

from mei_gym.compiled import plain
from mei_gym.costs import steady
from mei_gym.costs.server import server_params
from mei_gym.costs.slots import FCFS, SHORTEST

SEEDS = st.integers(0, 2**32 - 1)
ORDERS = st.sampled_from([FCFS, SHORTEST])
passed_before, start_of = plain(steady.passed_before), plain(steady.start_of)


def whole_requests(seed: int, count: int, per_s: float, prompt: int, answer: int) -> list[Request]:
    """Requests that come to the queue at once and are answered wholly on the server."""
    rng = np.random.default_rng(seed)
    decided_s = np.cumsum(rng.exponential(1.0 / per_s, count)).tolist()
    prompts, answers = rng.integers(1, prompt, count), rng.integers(1, answer, count)
    return [
        Request(n, now_s, float(p), float(a), direct=True)
        for n, (now_s, p, a) in enumerate(zip(decided_s, prompts, answers))
    ]


def crooked_server(seed: int, **numbers: Any) -> Any:
    """A server whose decoding has a random table, falling in places, that ends within the requests' reach."""
    rng = np.random.default_rng(seed)
    params = affine_server(**numbers)
    batches = np.array([1.0, 2.0, 5.0, 6.0])
    contexts = np.cumsum(rng.integers(1, 120, 5)).astype(float)
    return params._replace(
        decode_batches=np.array([batches.size]),
        decode_contexts=np.array([contexts.size]),
        decode_knot_batch=batches[None],
        decode_knot_context=contexts[None],
        decode_knot_s=1e-3 * (0.2 + rng.random((1, batches.size, contexts.size))),
        launch_s=np.array([1e-4]),
    )


def compare(params: Any, requests: list[Request]) -> Any:
    """The engine's state after requests whose fates equal the second simulator's, and those without jumps."""
    others, singles = copy.deepcopy(requests), copy.deepcopy(requests)
    engine, reference = run_engine(params, requests), run_reference(params, others)
    single = run_engine(params._replace(jumps=0), singles)
    assert largest_difference(fates(requests), fates(others)) < 1e-9
    assert largest_difference(fates(requests), fates(singles)) < 1e-9
    assert engine.state.iteration[0] == reference.iterations == single.state.stops[0]
    assert engine.state.busy_s[0] == pytest.approx(reference.busy_s, abs=1e-9)
    return engine.state


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, order=ORDERS, running_limit=st.sampled_from([2, 40]), memory_share=st.sampled_from([0.172, 0.9]))
def test_the_measured_server_answers_when_a_second_simulator_says(seed, order, running_limit, memory_share):
    params = server_params(
        "Llama-2-7B", "h100-sxm", queue_order=order, running_limit=running_limit, memory_share=memory_share
    )
    state = compare(params, whole_requests(seed, 25, per_s=8.0, prompt=2500, answer=400))
    assert state.stops[0] < state.iteration[0]


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, order=ORDERS, running_limit=st.sampled_from([3, 12]), split=st.booleans())
def test_a_crooked_server_answers_when_a_second_simulator_says(seed, order, running_limit, split):
    params = crooked_server(seed, queue_order=order, running_limit=running_limit, kv_capacity_tokens=900.0)
    state = compare(params, random_requests(seed, 40, split, per_s=30.0))
    assert state.free_count[0] == state.free.shape[1]  # everybody was answered
    assert 0 < state.stops[0] <= state.iteration[0]


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_whenever_one_looks_the_server_stands_as_if_every_iteration_were_stepped_through(seed):
    params = crooked_server(seed, running_limit=5)
    requests = whole_requests(seed, 12, per_s=25.0, prompt=60, answer=200)
    jumping, single = EngineRun(params), EngineRun(params._replace(jumps=0))
    looks_s = np.cumsum(np.random.default_rng(seed).exponential(0.03, 60))
    events = [*((each.decided_s, each) for each in requests), *((look_s, None) for look_s in looks_s)]
    for now_s, request in sorted(events, key=lambda event: event[0]):
        for run in (jumping, single):
            if request:
                run.send(copy.copy(request))
            else:
                run.let_pass(float(now_s))
        for name in jumping.state._fields:
            if name != "stops":
                seen, stepped = getattr(jumping.state, name), getattr(single.state, name)
                np.testing.assert_allclose(seen, stepped, rtol=0.0, atol=1e-9, err_msg=name)


@given(
    first_s=st.floats(1e-4, 1e-1),
    growth=st.floats(-1e-3, 1e-2),
    most=st.integers(1, 900),
    left=st.floats(0.0, 2.0),
)
def test_the_last_iteration_before_the_horizon_is_found(first_s, growth, most, left):
    growth_s = growth * first_s  # so that even the last of 900 takes time
    horizon_s = 3.0 + left * start_of(0.0, first_s, growth_s, most)
    passed = passed_before(3.0, first_s, growth_s, most, horizon_s)
    ends_s = np.array([start_of(3.0, first_s, growth_s, k) for k in range(1, most + 1)])
    assert passed <= np.sum(ends_s < horizon_s) <= passed + 1  # rounding may leave one to be stepped through
    assert passed == np.sum(ends_s < horizon_s - 1e-9) or passed == np.sum(ends_s < horizon_s)


def test_an_answer_alone_is_passed_in_one_jump_between_two_knots():
    params = affine_server(chunk_tokens=1000.0)  # knots of context at 0, 40, 90 and a million tokens
    run = run_engine(params, [Request(0, 0.0, prompt=10.0, answer=501.0, direct=True)])
    assert run.state.iteration[0] == 501
    # the prompt; the last iteration from each knot to the next, twice; the answer's end; one at a stop of `drain`
    assert run.state.stops[0] <= 5


def test_requests_that_cannot_be_let_in_do_not_break_a_jump():
    params = affine_server(running_limit=1, chunk_tokens=1000.0)
    requests = [Request(n, 0.0, prompt=100.0, answer=301.0, direct=True) for n in range(4)]
    run = run_engine(params, requests)
    assert run.state.iteration[0] == 4 * 301
    assert run.state.stops[0] <= 4 * 2 + 1


def test_beyond_the_last_knot_every_iteration_is_an_event():
    params = affine_server(chunk_tokens=1000.0)._replace(decode_contexts=np.array([3]))  # ends at 90 tokens
    run = run_engine(params, [Request(0, 0.0, prompt=100.0, answer=51.0, direct=True)])
    assert run.state.stops[0] == run.state.iteration[0] == 51
