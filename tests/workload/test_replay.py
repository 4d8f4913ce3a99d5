"""Replay: the trace's rows and gaps exactly, round and round, from a row of the episode's own."""

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.workload import arrivals, replay
from mei_gym.workload.arrival_laws import arrival_params
from mei_gym.workload.arrivals import BACKGROUND, OWN
from mei_gym.workload.fits import arrival_state, arrival_times
from mei_gym.workload.lengths import length_arrays
from mei_gym.workload.trace import Trace, read_trace

TIMES = np.array([0.0, 1.0, 1.0, 4.0, 9.0])  # a round takes 9 + 9 / 4 s
TRACE = Trace(TIMES, np.array([10.0, 20.0, 30.0, 40.0, 9e5]), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))


class Params:
    """Arrivals and lengths in one, as an environment has them; plain rules read attributes of anything."""

    def __init__(self, trace=TRACE, **streams):
        parts = arrival_params(1.0, 1.0, **{"own": "trace", "trace": trace, **streams})._asdict()
        self.__dict__.update({**parts, **length_arrays(["azure_conv"], prompt_maximum=8192)})


def begun(first, params):
    state = arrival_state(1)
    with np.errstate(over="ignore"):
        plain(arrivals.begin_stream)(params, state, 0, OWN)
        plain(arrivals.begin_stream)(params, state, 0, BACKGROUND)
    state.arrival_first_row[0, OWN] = first
    return state


def test_a_replay_keeps_every_gap_and_goes_round_after_one_mean_gap():
    params = Params()
    state = begun(3, params)
    came = [plain(arrivals.next_arrival)(params, state, 0, OWN, request) for request in range(8)]
    gaps = [3.0, 5.0, 2.25, 1.0, 0.0, 3.0, 5.0, 2.25]
    np.testing.assert_allclose(came, np.cumsum(gaps))


def test_a_replay_from_the_first_row_begins_with_the_gap_behind_the_last():
    params = Params()
    assert plain(arrivals.next_arrival)(params, begun(0, params), 0, OWN, 0) == pytest.approx(2.25)


def test_requests_have_the_lengths_of_their_rows_within_the_models_limits():
    params = Params()
    state = begun(3, params)
    prompts = [plain(replay.asked_prompt_tokens)(params, state, 0, OWN, 0, request) for request in range(6)]
    answers = [plain(replay.asked_answer_tokens)(params, state, 0, OWN, 0, request) for request in range(6)]
    assert prompts == [40, 8192, 10, 20, 30, 40]  # 900,000 are more than the limit
    assert answers == [4, 5, 1, 2, 3, 4]


def test_a_stream_that_replays_nothing_draws_its_lengths():
    params = Params()
    state = begun(0, params)
    with np.errstate(over="ignore"):
        asked = plain(replay.asked_prompt_tokens)(params, state, 0, BACKGROUND, 0, 17)
        drawn = plain(replay.prompt_tokens)(params, 0, state.key[0], 17)
        answer = plain(replay.asked_answer_tokens)(params, state, 0, BACKGROUND, 0, 17)
        drawn_answer = plain(replay.answer_tokens)(params, 0, state.key[0], 17)
    assert (asked, answer) == (drawn, drawn_answer)


def test_every_row_may_be_the_first_and_each_key_has_its_own():
    params = arrival_params(1.0, own="trace", trace=TRACE)
    state = arrival_state(2000)
    for lane in range(2000):
        arrivals.begin_stream(params, state, lane, OWN)
    counts = np.bincount(state.arrival_first_row[:, OWN], minlength=5)
    assert len(counts) == 5
    assert counts.min() > 320


def test_the_background_may_replay_while_the_cell_does_not():
    params = arrival_params(1.0, 1.0, own="poisson", background="trace", trace=TRACE)
    state = arrival_state(1)
    own, background = (arrival_times(params, state, 0, stream, 200.0) for stream in (OWN, BACKGROUND))
    gaps = np.round(np.diff(background), 9)
    assert set(gaps) == {0.0, 1.0, 2.25, 3.0, 5.0}
    assert len(np.unique(np.diff(own))) == len(own) - 1


def test_compiled_replays_equal_plain_ones():
    compiled, state = arrival_params(1.0, own="trace", trace=TRACE), arrival_state(1)
    theirs = arrival_times(compiled, state, 0, OWN, 60.0)
    params = Params()
    ours = [plain(arrivals.next_arrival)(params, state, 0, OWN, request) for request in range(len(theirs))]
    np.testing.assert_array_equal(ours, theirs)


def test_a_whole_trace_comes_back_row_by_row(traces):
    trace = read_trace(traces / "azure_llm_2023_code.csv")
    rows = len(trace.time_s)
    params = arrival_params(1.0, own="trace", trace=trace)
    state = arrival_state(1)
    times_s = arrival_times(params, state, 0, OWN, 1.1 * params.trace_period_s)
    seen = [replay.trace_row(params, state, 0, OWN, request) for request in range(rows)]
    first = int(state.arrival_first_row[0, OWN])
    assert seen == [(first + request) % rows for request in range(rows)]
    kept = np.diff(np.concatenate([trace.time_s, trace.time_s[:1] + params.trace_period_s]))
    np.testing.assert_allclose(np.diff(times_s[:rows]), np.roll(kept, -first)[: rows - 1], atol=1e-9)


def test_a_replay_is_cut_by_the_models_limit_and_not_by_the_lengths_that_were_drawn_otherwise():
    """No conversation of Azure's trace has an answer of more than 1,000 tokens; a replayed one may."""
    params = Params(TRACE._replace(answer_tokens=np.full(5, 1500.0)))
    assert plain(replay.asked_answer_tokens)(params, begun(0, params), 0, OWN, 0, 0) == 1500
