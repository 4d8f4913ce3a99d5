"""A list of requests through one server: compiled equals plain, its laws, and what it refuses."""

import doctest

import numpy as np
import pytest
from engine_driver import affine_server, run_engine
from reference_server import Request

from mei_gym.compiled import plain
from mei_gym.costs import replay
from mei_gym.costs.replay import serve, server_params
from mei_gym.costs.server import kv_capacity_tokens
from mei_gym.costs.slots import SHORTEST, serving_state


@pytest.fixture(scope="module")
def measured():
    return server_params("Llama-2-7B", "h100-sxm")


def poisson(count: int, per_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    arrival_s = np.cumsum(rng.exponential(1.0 / per_s, count))
    return arrival_s, rng.integers(1, 2000, count), rng.integers(1, 300, count)


def test_the_example_of_the_docstring_holds():
    assert doctest.testmod(replay).failed == 0


def test_the_compiled_replay_equals_the_plain_engine(measured):
    arrival_s, prompts, answers = poisson(150, 8.0)
    requests = [
        Request(n, float(s), float(p), float(a), direct=True)
        for n, (s, p, a) in enumerate(zip(arrival_s, prompts, answers))
    ]
    run = run_engine(measured, requests)
    served = serve(measured, arrival_s, prompts, answers)
    np.testing.assert_allclose(served.first_s, [each.first_s for each in requests], rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(served.last_s, [each.last_s for each in requests], rtol=0.0, atol=1e-9)
    assert served.iterations == run.state.iteration[0]


def test_the_mean_wait_of_the_compiled_server_is_that_of_pollaczek_and_khinchine():
    """W = lambda E[S^2] / (2 (1 - rho)) for one request at a time, prompts of 1 to 159 tokens and no further token."""
    params = affine_server(
        layers=1, running_limit=1, chunk_tokens=1e6, launch_s=0.1, token_s=1e-2, pair_s=0.0, head_s=0.0,
        iteration_overhead_s=0.0,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    count, per_s = 400_000, 0.6
    arrival_s, prompts = np.cumsum(rng.exponential(1.0 / per_s, count)), rng.integers(1, 160, count)
    service_s = 0.2 + 1e-2 * prompts  # the block and the head are launched once each
    wait_s = serve(params, arrival_s, prompts, np.ones(count)).first_s - arrival_s - service_s
    possible_s = 0.2 + 1e-2 * np.arange(1, 160)
    expected_s = per_s * (possible_s**2).mean() / (2.0 * (1.0 - per_s * possible_s.mean()))
    assert wait_s.mean() == pytest.approx(expected_s, rel=0.03)
    assert wait_s.min() == pytest.approx(0.0, abs=1e-6)


def test_without_jumps_the_times_are_the_same_and_the_events_are_more(measured):
    arrivals = poisson(2000, 5.0)
    jumped, single = serve(measured, *arrivals), serve(measured._replace(jumps=0), *arrivals)
    np.testing.assert_allclose(jumped.last_s, single.last_s, rtol=0.0, atol=1e-9)
    assert jumped.iterations == single.iterations == single.stops > 2 * jumped.stops
    assert jumped.busy_s == pytest.approx(single.busy_s, rel=1e-12)


def test_shortest_first_lowers_the_mean_time_to_the_first_token_of_an_overloaded_server(measured):
    arrival_s, prompts, answers = poisson(1500, 40.0)
    fcfs = serve(measured, arrival_s, prompts, answers)
    shortest = serve(measured._replace(queue_order=SHORTEST), arrival_s, prompts, answers)
    assert np.mean(shortest.first_s - arrival_s) < 0.8 * np.mean(fcfs.first_s - arrival_s)
    assert np.max(shortest.first_s - arrival_s) > np.max(fcfs.first_s - arrival_s)


def test_no_requests_are_served_at_once(measured):
    assert serve(measured, [], [], []).first_s.shape == (0,)


def test_keys_and_values_take_what_the_weights_leave():
    """Llama-2-7B: 6.738e9 weights of 2 bytes; 32 layers of 2 x 4096 values of 2 bytes a token: 524,288 bytes."""
    half, whole = (kv_capacity_tokens("Llama-2-7B", "h100-sxm", share) for share in (0.5, 1.0))
    memory_bytes = 2.0 * (whole - half) * 524_288
    assert memory_bytes / 1e9 == pytest.approx(80.0, rel=0.01)
    assert whole == pytest.approx((memory_bytes - 2 * 6.738e9) / 524_288, rel=1e-3)


@pytest.mark.parametrize(
    ("arrival_s", "prompts", "answers", "sentence"),
    [
        ([0.0, 1.0], [5], [5, 5], "2 arrivals, 1 prompts and 2 answers"),
        ([1.0, 0.5], [5, 5], [5, 5], "falls from 1.0 to 0.5 at request 1"),
        ([0.0, np.nan], [5, 5], [5, 5], "arrival_s is nan at request 1"),
        ([-1.0], [5], [5], "begins at -1.0"),
        ([0.0], [0], [5], "prompt_tokens is 0 at request 0"),
        ([0.0], [5], [1.5], "answer_tokens is 1.5 at request 0"),
        ([[0.0]], [5], [5], r"shape \(1, 1\)"),
    ],
)
def test_a_list_that_is_no_trace_is_refused_by_what_is_wrong_with_it(measured, arrival_s, prompts, answers, sentence):
    with pytest.raises(ValueError, match=sentence):
        serve(measured, arrival_s, prompts, answers)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"running_limit": 0}, "running_limit is 0"),
        ({"chunk_tokens": 0}, "chunk_tokens is 0"),
        ({"memory_share": 1.2}, "memory_share is 1.2"),
        ({"memory_share": 0.1}, "leaves no room"),
        ({"iteration_overhead_s": float("nan")}, "iteration_overhead_s is nan"),
        ({"queue_order": 2}, "queue_order is 2"),
    ],
)
def test_a_server_that_cannot_be_is_refused_by_what_is_wrong_with_it(numbers, sentence):
    with pytest.raises(ValueError, match=sentence):
        server_params("Llama-2-7B", "h100-sxm", **numbers)


def test_the_rules_of_the_replay_run_as_plain_python(measured):
    arrival_s, prompts, answers = poisson(20, 8.0)
    first_s, last_s = np.zeros(20), np.zeros(20)
    state = serving_state(1, 20, measured.running_limit, 1)
    plain(replay.play_requests)(
        measured, state, arrival_s, prompts.astype(float), answers.astype(float), first_s, last_s
    )
    np.testing.assert_allclose(last_s, serve(measured, arrival_s, prompts, answers).last_s, rtol=0.0, atol=1e-9)
