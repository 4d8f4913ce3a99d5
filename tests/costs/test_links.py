"""Links that transfers share: worked by hand, and against the second simulator with several links and two stages."""

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
from reference_server import Crossing, Request

from mei_gym.compiled import plain
from mei_gym.costs.links import link_backlog


def instant_server(launch_s: float = 1e-9) -> Any:
    """A server that takes next to no time, so that first tokens come when uploads end."""
    return affine_server(
        layers=1, launch_s=launch_s, token_s=0.0, pair_s=0.0, head_s=0.0, iteration_overhead_s=0.0, running_limit=64
    )


def arrivals(ways: list[tuple[Crossing, ...]], starts_s: list[float] | None = None, links: int = 1) -> list[float]:
    """s: when each prompt that takes one of these ways is at the server."""
    starts_s = starts_s or [0.0] * len(ways)
    requests = [
        Request(number, 0.0, prompt=1.0, answer=1.0, ready_s=start_s, way=way)
        for number, (start_s, way) in enumerate(zip(starts_s, ways))
    ]
    run_engine(instant_server(), requests, links=links)
    return [each.first_s for each in requests]


@pytest.mark.parametrize(
    ("starts_s", "airs_s", "ends_s"),
    [
        ([0.0, 0.0], [1.0, 2.0], [2.0, 3.0]),  # two share until one is through
        ([0.0, 1.0], [2.0, 0.5], [2.5, 2.0]),  # one alone for a second, two share, one alone again
        ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [3.0, 3.0, 3.0]),
        ([0.0, 5.0], [1.0, 1.0], [1.0, 6.0]),  # they never meet
    ],
)
def test_uploads_share_the_air_as_worked_by_hand(starts_s, airs_s, ends_s):
    ways = [(Crossing(work=air_s),) for air_s in airs_s]
    assert arrivals(ways, starts_s) == pytest.approx(ends_s, abs=1e-7)


def test_token_streams_take_their_share_of_the_air_and_leave_a_tenth():
    params = instant_server(1e-6)
    for stream_share, left in ((0.25, 0.75), (0.9, 0.1), (3.0, 0.1)):
        stream = Request(0, 0.0, prompt=1.0, answer=1e4, share=0.5, away_s=1.0, stream_share=stream_share)
        upload = Request(1, 1.0, prompt=1.0, answer=1.0, ready_s=1.0, way=(Crossing(work=0.3),))
        run = EngineRun(params)
        run.send(stream)
        run.send(upload)
        run.let_pass(20.0)
        assert upload.first_s == pytest.approx(1.0 + 0.3 / left, abs=1e-4)


def test_uploads_on_different_links_do_not_slow_each_other():
    assert arrivals([(Crossing(0, 2.0),), (Crossing(1, 3.0),)], links=2) == pytest.approx([2.0, 3.0], abs=1e-7)
    assert arrivals([(Crossing(0, 2.0),), (Crossing(0, 3.0),)], links=2) == pytest.approx([4.0, 5.0], abs=1e-7)


def test_a_token_stream_takes_of_its_own_link_alone():
    stream = Request(0, 0.0, prompt=1.0, answer=1e4, share=0.5, away_s=1.0, stream_share=0.5)
    uploads = [Request(1 + link, 1.0, 1.0, 1.0, ready_s=1.0, way=(Crossing(link, 0.3),)) for link in range(2)]
    run = EngineRun(instant_server(1e-6), links=2)
    for request in (stream, *uploads):
        run.send(request)
    run.let_pass(20.0)
    assert [each.first_s for each in uploads] == pytest.approx([1.6, 1.3], abs=1e-4)


def test_with_seconds_a_bit_for_weights_both_have_the_same_rate():
    """1 Mbit/s and 4 Mbit/s alone: together R = 1 / (1e-6 + 0.25e-6) = 0.8 Mbit/s each; then the second is alone."""
    slow, fast = Crossing(0, 0.8e6, 1e-6), Crossing(0, 1.6e6, 0.25e-6)
    assert arrivals([(slow,), (fast,)]) == pytest.approx([1.0, 1.0 + 0.8e6 / 4e6], abs=1e-7)


def test_with_equal_weights_both_have_the_same_air_time():
    """The same two links' uploads by air time: .8 s and .4 s of it, half the air each until the shorter is through."""
    assert arrivals([(Crossing(0, 0.8),), (Crossing(0, 0.4),)]) == pytest.approx([1.2, 0.8], abs=1e-7)


def test_two_cells_meet_in_the_pipe_behind_them():
    """Both cross their own air in a second, then share the pipe; a third that comes alone has it for itself."""
    pipe = Crossing(2, 0.5)
    ways = [(Crossing(0, 1.0), pipe), (Crossing(1, 1.0), pipe), (Crossing(1, 1.0), pipe)]
    assert arrivals(ways, [0.0, 0.0, 5.0], links=3) == pytest.approx([2.0, 2.0, 6.5], abs=1e-7)


def test_the_pipe_is_free_for_one_while_the_other_is_still_on_the_air():
    pipe = Crossing(2, 0.5)
    ways = [(Crossing(0, 1.0), pipe), (Crossing(1, 1.25), pipe)]  # .25 s alone, .5 s shared, .25 s alone
    assert arrivals(ways, links=3) == pytest.approx([1.75, 2.0], abs=1e-7)


def test_whoever_gives_up_on_the_air_leaves_it_to_the_others():
    gone = Request(0, 0.0, 1.0, 1.0, way=(Crossing(work=9.0),), patience_s=1.5)
    stays = Request(1, 0.0, 1.0, 1.0, way=(Crossing(work=2.0),))
    run_engine(instant_server(), [gone, stays], looks_s=[2.0])
    assert gone.dropped_s == 2.0
    assert stays.first_s == pytest.approx(3.0, abs=1e-7)


def test_the_backlog_of_a_link_falls_by_what_it_serves_between_events():
    run = EngineRun(instant_server(), links=2)
    run.send(Request(0, 0.0, 1.0, 1.0, way=(Crossing(0, 2e6, 1e-6),)))
    run.send(Request(1, 0.0, 1.0, 1.0, way=(Crossing(0, 1e6, 3e-6),)))
    run.send(Request(2, 0.0, 1.0, 1.0, way=(Crossing(1, 7.0),)))
    run.let_pass(0.0)
    for now_s in (0.0, 0.5, 1.25):
        assert plain(link_backlog)(run.state, 0, 0, now_s) == pytest.approx(5.0 - now_s, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    links=st.integers(2, 5),
    patience_s=st.sampled_from([0.3, np.inf]),
    per_s=st.sampled_from([12.0, 40.0]),
)
def test_several_links_and_two_stages_are_those_of_a_second_simulator(seed, links, patience_s, per_s):
    params = affine_server(running_limit=5, launch_s=3e-4)
    requests = random_requests(seed, 30, True, patience_s=patience_s, per_s=per_s, links=links)
    looks_s = [each.decided_s + 1e-4 for each in requests] + [60.0]
    others = copy.deepcopy(requests)
    run_engine(params, requests, looks_s=looks_s, links=links)
    run_reference(params, others, looks_s=looks_s)
    assert largest_difference(fates(requests), fates(others)) < 1e-9
