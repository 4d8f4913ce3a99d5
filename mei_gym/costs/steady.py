"""Whole answers alone on the server: many iterations in one event.

With nothing in the batch but n answers that live wholly on the server, an iteration's time depends on n, which stays,
and on their mean context, which grows by one token an iteration. Between two knots of the context the block's time is
linear in it, so the iterations that begin there are an arithmetic progression:

    d_i = d + g i                            iteration i = 0, 1, ..
    t_k = t + k d + g k (k - 1) / 2          the start of iteration k
    p_k = a + g k + (p - a) (1 - w)^k        the pace before iteration k, a = d - g / w

    d  first_s    g  growth_s    t  now_s    w  PACE_WEIGHT    p  pace_s

`begin_answers` passes the first k of them at once, k the most of which

* iteration k begins between the same knots (beyond the last knot of batch or context k = 0: not linear there),
* the next answer to end does so in iteration k or later,
* t_k < horizon, when something else happens: from the quadratic, put right by comparison.

One iteration too few costs an event and no exactness: what is not passed is begun, and ends as any other does. Requests
that wait do not hold a jump up: whoever could not be let in before it cannot be let in until an answer ends.
"""

from __future__ import annotations

from math import sqrt

from mei_gym.compiled import scalar
from mei_gym.costs.compute import block_decode_time, head_time
from mei_gym.costs.interpolation import lower_knot
from mei_gym.costs.server import SERVER

PACE_WEIGHT = 0.1  # chosen: the pace remembers about ten iterations


@scalar
def begin_answers(params, state, lane, now_s, horizon_s):
    """Pass the iterations of whole answers that end before the horizon and are alike, and begin the one after them."""
    count = state.resident_count[lane]
    batch = float(count)
    context = state.resident_context_tokens[lane] / batch
    block_s = block_decode_time(params, SERVER, batch, context)
    first_s = params.layers * block_s + head_time(params, SERVER, batch) + params.iteration_overhead_s
    passed, growth_s = 0, 0.0
    if params.jumps == 1 and now_s + first_s < horizon_s:
        knot = linear_until(params, SERVER, batch, context)
        most = min(int(knot - context), state.next_finish[lane] - state.iteration[lane] - 1)
        if most > 0:
            rise_s = block_decode_time(params, SERVER, batch, knot) - block_s
            growth_s = params.layers * rise_s / (knot - context)
            passed = passed_before(now_s, first_s, growth_s, most, horizon_s)
    if passed > 0:
        pass_answers(state, lane, now_s, first_s, growth_s, passed)
    began_s = start_of(now_s, first_s, growth_s, passed)
    time_s = first_s + growth_s * passed
    state.iteration_began_s[lane] = began_s
    state.iteration_end_s[lane] = began_s + time_s
    state.iteration_time_s[lane] = time_s
    state.busy_s[lane] += began_s - now_s + time_s


@scalar
def linear_until(costs, processor, batch, context_tokens):
    """Tokens: the context up to which a block's decoding time is linear from here on."""
    batches, contexts = costs.decode_batches[processor], costs.decode_contexts[processor]
    knot_batch, knot_context = costs.decode_knot_batch, costs.decode_knot_context
    if batches == 0 or batch < knot_batch[processor, 0] or batch > knot_batch[processor, batches - 1]:
        return context_tokens
    if context_tokens < knot_context[processor, 0]:
        return knot_context[processor, 0]
    if context_tokens >= knot_context[processor, contexts - 1]:
        return context_tokens
    return knot_context[processor, lower_knot(knot_context, processor, contexts, context_tokens) + 1]


@scalar
def start_of(now_s, first_s, growth_s, iterations):
    """s: t_k of the module's docstring."""
    return now_s + iterations * first_s + growth_s * (0.5 * iterations * (iterations - 1))


@scalar
def passed_before(now_s, first_s, growth_s, most, horizon_s):
    """How many iterations, at most `most`, end before the horizon."""
    if start_of(now_s, first_s, growth_s, most) < horizon_s:
        return most
    half_s, left_s = first_s - 0.5 * growth_s, horizon_s - now_s
    root = 2.0 * left_s / (half_s + sqrt(max(0.0, half_s * half_s + 2.0 * growth_s * left_s)))
    passed = min(most, int(root))
    while passed > 0 and start_of(now_s, first_s, growth_s, passed) >= horizon_s:
        passed -= 1
    return passed


@scalar
def pass_answers(state, lane, now_s, first_s, growth_s, iterations):
    """Count iterations that have passed: each gave every answer a token."""
    state.iteration[lane] += iterations
    state.resident_context_tokens[lane] += iterations * state.resident_count[lane]
    level_s = first_s - growth_s / PACE_WEIGHT
    kept = (1.0 - PACE_WEIGHT) ** iterations
    state.pace_s[lane] = level_s + growth_s * iterations + (state.pace_s[lane] - level_s) * kept
