"""A trace's requests over again: its times and its lengths, from a row that each episode draws.

    first   uniform over the rows, drawn for the episode
    row     of request k: (first + k) mod rows
    time    of request k: as long after the episode's start as row first + k comes after row first - 1

The trace goes round: behind its last row comes its first, one mean gap later (nothing is known of that gap), so every
gap within the trace is kept and so is its rate. Requests of one time stamp come together, in the order of their rows.
"""

from __future__ import annotations

from math import floor

from mei_gym.chance import uniform
from mei_gym.compiled import scalar
from mei_gym.workload.prompts import answer_tokens, prompt_tokens, whole_tokens

TRACE_START = 215  # purpose of draws


@scalar
def begin_replay(params, state, lane, stream):
    """Begin an episode: draw the row of request 0."""
    rows = params.trace_time_s.shape[0]
    first = floor(uniform(state.key[lane], 0, TRACE_START, stream) * rows)
    state.arrival_first_row[lane, stream] = min(int(first), rows - 1)


@scalar
def trace_row(params, state, lane, stream, request):
    """The row of the trace that request number `request` of a stream has."""
    return (state.arrival_first_row[lane, stream] + request) % params.trace_time_s.shape[0]


@scalar
def replayed_arrival(params, state, lane, stream, request):
    """s since the episode began."""
    place = state.arrival_first_row[lane, stream] + request
    began_s = time_in_rounds(params, state.arrival_first_row[lane, stream] - 1)
    return time_in_rounds(params, place) - began_s


@scalar
def time_in_rounds(params, place):
    """s from the trace's first row to its row number `place`, counted on through the rounds; -1: before the first."""
    rows = params.trace_time_s.shape[0]
    return params.trace_time_s[place % rows] + (place // rows) * params.trace_period_s


@scalar
def asked_prompt_tokens(params, state, lane, stream, application, request):
    """Tokens (an integer) of a request's prompt: the trace's where the stream replays one, else drawn."""
    if params.arrival_replays[stream] == 0:
        return prompt_tokens(params, application, state.key[lane], request)
    tokens = params.trace_prompt_tokens[trace_row(params, state, lane, stream, request)]
    return whole_tokens(tokens, 1.0, params.prompt_maximum[application])


@scalar
def asked_answer_tokens(params, state, lane, stream, application, request):
    """Tokens (an integer) of the answer to a request: the trace's where the stream replays one, else drawn."""
    if params.arrival_replays[stream] == 0:
        return answer_tokens(params, application, state.key[lane], request)
    tokens = params.trace_answer_tokens[trace_row(params, state, lane, stream, request)]
    return whole_tokens(tokens, 1.0, params.answer_maximum[application])
