"""The serving engine: against a second one written from its words, against queueing theory, and its own laws."""

import copy
from math import inf

import numpy as np
import pytest
from engine_driver import (
    EngineRun,
    advance,
    affine_server,
    fates,
    largest_difference,
    random_requests,
    run_engine,
    run_reference,
)
from reference_server import Crossing, Request

from mei_gym.costs.slots import FCFS, FIRST, LAST, SHORTEST

MILLISECOND = 1e-3


SETTINGS = (
    {},
    {"running_limit": 3},
    {"kv_capacity_tokens": 900.0},
    {"chunk_tokens": 7.0, "iteration_overhead_s": 0.0},
    {"launch_s": 2e-3, "kv_capacity_tokens": 2000.0},
    {"queue_order": SHORTEST, "kv_capacity_tokens": 900.0},
)


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_first_and_last_tokens_come_when_a_second_simulator_says(setting, split, seed):
    params = affine_server(**setting)
    requests = random_requests(seed, 60, split)
    others = copy.deepcopy(requests)
    engine, reference = run_engine(params, requests), run_reference(params, others)
    assert np.isfinite(fates(requests)[:, :2]).all()
    assert largest_difference(fates(requests), fates(others)) < 1e-9
    assert engine.state.iteration[0] == reference.iterations
    assert engine.state.busy_s[0] == pytest.approx(reference.busy_s, abs=1e-9)


@pytest.mark.parametrize("seed", [2, 3])
def test_users_give_up_when_a_second_simulator_says(seed):
    params = affine_server(running_limit=3, launch_s=1e-3)
    requests = random_requests(seed, 60, True, patience_s=0.4, per_s=20.0)
    looks_s = [request.decided_s for request in requests] + [20.0]
    others = copy.deepcopy(requests)
    run_engine(params, requests, looks_s=looks_s)
    run_reference(params, others, looks_s)
    dropped = np.isfinite(fates(requests)[:, 2])
    assert 0.1 < dropped.mean() < 0.9
    assert largest_difference(fates(requests), fates(others)) < 1e-9


def test_where_advance_is_stopped_does_not_matter():
    params = affine_server(kv_capacity_tokens=1500.0)
    requests = random_requests(4, 60, True)
    stopped = copy.deepcopy(requests)
    run_engine(params, requests)
    rng = np.random.default_rng(0)
    run_engine(params, stopped, stops_s=sorted(rng.uniform(0.0, 8.0, 600)))
    assert largest_difference(fates(requests), fates(stopped)) < 1e-9


def test_advance_stops_at_a_background_arrival_before_the_time_that_it_was_asked_for():
    run = EngineRun(affine_server())
    assert advance(run.params, run.state, 0, 5.0, 3.0) == 3.0
    assert run.state.clock_s[0] == 3.0


def test_one_request_alone_takes_its_chunks_and_its_tokens():
    params = affine_server(layers=4, chunk_tokens=100.0, pair_s=0.0, iteration_overhead_s=0.0, head_s=0.0)
    request = Request(0, 0.0, prompt=250.0, answer=11.0, ready_s=0.5, way=(Crossing(work=0.25),))
    run_engine(params, [request])
    block_s = [1e-4 + 2e-6 * tokens for tokens in (100, 100, 50)]
    head_s = 1e-4  # its launch, once a sampled token
    assert request.first_s == pytest.approx(0.75 + 4 * sum(block_s) + head_s, rel=1e-12)
    assert request.last_s - request.first_s == pytest.approx(10 * (4 * (1e-4 + 2e-6) + head_s), rel=1e-12)


def test_a_split_answer_pays_its_way_for_every_token_but_the_first():
    params = affine_server(layers=4, pair_s=0.0, iteration_overhead_s=0.0, head_s=0.0)
    request = Request(0, 0.0, prompt=10.0, answer=11.0, share=0.5, away_s=0.04)
    run_engine(params, [request])
    head_s = 1e-4
    assert request.first_s == pytest.approx(2 * (1e-4 + 2e-5) + head_s, rel=1e-12)
    assert request.last_s - request.first_s == pytest.approx(10 * (0.04 + 2 * (1e-4 + 2e-6) + head_s), rel=1e-12)


def test_a_request_that_was_cut_deeper_takes_less_of_the_server():
    times_s = []
    for share in (1.0, 0.75, 0.25):
        request = Request(0, 0.0, prompt=200.0, answer=1.0, share=share)
        run_engine(affine_server(), [request])
        times_s.append(request.first_s)
    assert times_s[0] > times_s[1] > times_s[2]


@pytest.fixture(scope="module")
def tight_run():
    """A run in which keys and values are short."""
    params = affine_server(kv_capacity_tokens=800.0, launch_s=1e-3)
    requests = random_requests(7, 120, True, per_s=30.0)
    run = EngineRun(params)
    rng = np.random.default_rng(0)
    for request in requests:
        run.send(request)
        for _ in range(3):
            run.let_pass(float(run.state.clock_s[0]) + 1e-3 * rng.random())
            split, resident = run.state.split_count[0], run.state.resident_count[0]
            assert run.state.prefilling_count[0] + split + resident <= params.running_limit
    run.drain()
    return params, requests, run


def test_keys_and_values_never_pass_their_capacity(tight_run):
    params, _, run = tight_run
    assert 0.8 * params.kv_capacity_tokens < run.most_reserved <= params.kv_capacity_tokens + 1e-6


def test_every_slot_comes_back_and_every_sum_returns_to_nothing(tight_run):
    _, requests, run = tight_run
    state = run.state
    slots = state.free.shape[1]
    assert sorted(state.free[0]) == list(range(slots))
    for name in state._fields:
        if (name.endswith("_count") and name != "free_count") or name == "link_transfers":
            assert getattr(state, name)[0] == 0, name
    for name in ("kv_tokens", "kv_waiting_tokens", "prompt_backlog_tokens", "coming_tokens", "link_stream_share"):
        assert getattr(state, name)[0] == pytest.approx(0.0, abs=1e-9), name
    assert state.resident_context_tokens[0] == 0.0
    assert state.iteration_end_s[0] == inf
    assert sorted(number for kind, number in run.order if kind == LAST) == [each.number for each in requests]


def test_the_server_is_never_busy_for_longer_than_the_time_that_passed(tight_run):
    _, requests, run = tight_run
    end_s = max(each.last_s for each in requests)
    assert 0.5 * end_s < run.state.busy_s[0] <= end_s


def test_first_tokens_come_in_the_order_in_which_prompts_arrived():
    requests = random_requests(9, 80, False, per_s=60.0)
    for request in requests:
        request.direct = True
    run = run_engine(affine_server(kv_capacity_tokens=700.0), requests)
    firsts = [number for kind, number in run.order if kind == FIRST]
    assert firsts == sorted(firsts)
    lasts = [number for kind, number in run.order if kind == LAST]
    assert lasts != sorted(lasts)


def first_token_order(queue_order: int, prompts: list[int]) -> list[int]:
    """A request that fills the server, then others that come while it runs."""
    params = affine_server(running_limit=1, queue_order=queue_order)
    requests = [Request(0, 0.0, prompt=300.0, answer=60.0, direct=True)]
    requests += [
        Request(1 + n, 0.001 * (1 + n), prompt=float(prompt), answer=5.0, direct=True)
        for n, prompt in enumerate(prompts)
    ]
    return [number for kind, number in run_engine(params, requests).order if kind == FIRST]


def test_the_shortest_request_that_waits_is_the_next_and_equals_keep_their_order():
    assert first_token_order(SHORTEST, [50, 20, 80, 20, 50]) == [0, 2, 4, 1, 5, 3]
    assert first_token_order(FCFS, [50, 20, 80, 20, 50]) == [0, 1, 2, 3, 4, 5]


def test_whoever_is_first_and_does_not_fit_holds_up_all_behind_it():
    params = affine_server(kv_capacity_tokens=100.0)
    runs = Request(0, 0.0, prompt=40.0, answer=30.0, direct=True)
    large = Request(1, 0.001, prompt=60.0, answer=10.0, direct=True)
    small = Request(2, 0.002, prompt=5.0, answer=5.0, direct=True)
    run_engine(params, [runs, large, small])
    assert small.first_s >= large.first_s > runs.last_s


def test_with_one_running_request_the_mean_wait_is_that_of_pollaczek_and_khinchine():
    params = affine_server(
        layers=1, running_limit=1, chunk_tokens=1e6, launch_s=0.1, token_s=1e-2, pair_s=0.0, head_s=0.0,
        iteration_overhead_s=0.0,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    waits_s, per_s = [], 0.6
    for _ in range(10):
        prompts = rng.integers(1, 160, 500).astype(float)
        decided_s = np.cumsum(rng.exponential(1.0 / per_s, 500))
        requests = [Request(n, s, p, 1.0, direct=True) for n, (s, p) in enumerate(zip(decided_s.tolist(), prompts))]
        run_engine(params, requests)
        waits_s.append(np.mean([each.first_s - each.decided_s - 0.2 - 1e-2 * each.prompt for each in requests[50:]]))
    services_s = 0.2 + 1e-2 * np.arange(1, 160)  # the block and the head are launched once each
    load = per_s * services_s.mean()
    expected_s = per_s * (services_s**2).mean() / (2.0 * (1.0 - load))
    error_s = np.std(waits_s, ddof=1) / np.sqrt(len(waits_s))
    assert abs(np.mean(waits_s) - expected_s) < 3.0 * error_s
    assert error_s < 0.15 * expected_s


def test_the_rate_that_keys_and_values_allow_is_the_overload_criterions():
    """lambda* = M / (tau E[tokens reserved, summed over a request's iterations]): arXiv 2605.04595, within 10 %."""
    capacity = 20_000.0
    params = affine_server(
        layers=1, running_limit=256, kv_capacity_tokens=capacity, chunk_tokens=1e6, launch_s=MILLISECOND,
        token_s=0.0, pair_s=0.0, head_s=0.0, iteration_overhead_s=0.0,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    prompts, answers = rng.integers(50, 350, 1200).astype(float), rng.integers(5, 60, 1200).astype(float)
    requests = [Request(n, 0.0, p, a, direct=True) for n, (p, a) in enumerate(zip(prompts, answers))]
    run = EngineRun(params, slots=1200)
    for request in requests:
        run.send(request)
    run.drain(1.0)
    ended = sorted(each.last_s for each in requests)
    measured_per_s = (1000 - 100) / (ended[1000] - ended[100])
    # an iteration launches the block and the head
    expected_per_s = capacity / (2.0 * MILLISECOND * np.mean((prompts + answers) * answers))
    assert measured_per_s == pytest.approx(expected_per_s, rel=0.1)


def test_whoever_stood_behind_a_large_request_that_gave_up_starts_at_once():
    params = affine_server(kv_capacity_tokens=100.0)
    away = Request(0, 0.0, prompt=10.0, answer=20.0, share=0.5, away_s=5.0, direct=True)
    large = Request(1, 1.0, prompt=95.0, answer=5.0, direct=True, patience_s=2.0)
    small = Request(2, 1.5, prompt=10.0, answer=1.0, direct=True)
    run = EngineRun(params)
    for request in (away, large, small):
        run.send(request)
    run.abandon(3.0)
    run.let_pass(4.0)
    assert large.dropped_s == 3.0
    assert 3.0 < small.first_s < 3.1
