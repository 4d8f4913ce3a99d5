"""How long prompts and answers are: a quantile table for each application and direction.

    tokens = floor(clip(exp(q(u)), minimum, maximum)),    u uniform on (0, 1)

    q  log_tokens: ln(tokens) at the levels p_0 = 0 < p_1 < .. < p_n = 1, a line in p between two of them

Prompt and answer are drawn independently: in the traces their rank correlation is -.02 to .07. A draw belongs to a
request's number, so that every policy meets the same lengths. The named tables are in `lengths.py`; a law of another
kind becomes a table in `length_laws.py`, so the rules know one kind only.
"""

from __future__ import annotations

from math import exp
from typing import Any, NamedTuple

import numpy as np

from mei_gym.chance import uniform
from mei_gym.compiled import scalar

PROMPT_LENGTH, ANSWER_LENGTH = 221, 223  # purposes of draws


class PromptParams(NamedTuple):
    """What a scenario fixes: a row an application; limits in tokens."""

    length_levels: np.ndarray  # f8[levels]: rising from 0 to 1
    length_guide: np.ndarray  # i8[buckets]: the last level at or below bucket / buckets, where a search begins
    prompt_log_tokens: np.ndarray  # f8[applications, levels]
    prompt_minimum: np.ndarray  # f8[applications], at least 1
    prompt_maximum: np.ndarray  # f8[applications]; inf: what the table reaches up to
    answer_log_tokens: np.ndarray  # f8[applications, levels]
    answer_minimum: np.ndarray  # f8[applications], at least 1
    answer_maximum: np.ndarray  # f8[applications]


@scalar
def prompt_tokens(params, application, key, request):
    """Tokens (an integer) of the prompt of request number `request`."""
    log_tokens = log_quantile(params, params.prompt_log_tokens[application], uniform(key, request, PROMPT_LENGTH, 0))
    return whole_tokens(exp(log_tokens), params.prompt_minimum[application], params.prompt_maximum[application])


@scalar
def answer_tokens(params, application, key, request):
    """Tokens (an integer) of the answer to request number `request`."""
    log_tokens = log_quantile(params, params.answer_log_tokens[application], uniform(key, request, ANSWER_LENGTH, 0))
    return whole_tokens(exp(log_tokens), params.answer_minimum[application], params.answer_maximum[application])


@scalar
def log_quantile(params, log_tokens, level):
    """ln(tokens): a table's quantile at `level`."""
    buckets, last = params.length_guide.shape[0], params.length_levels.shape[0] - 1
    at = params.length_guide[min(int(level * buckets), buckets - 1)]
    while at < last - 1 and params.length_levels[at + 1] <= level:
        at += 1
    low, high = params.length_levels[at], params.length_levels[at + 1]
    share = (level - low) / (high - low)
    return log_tokens[at] + share * (log_tokens[at + 1] - log_tokens[at])


@scalar
def whole_tokens(tokens, minimum, maximum):
    """Tokens (an integer): clipped, then rounded down."""
    return int(min(maximum, max(minimum, tokens)))


def expected_prompt_tokens(params: Any, application: int) -> float:
    """Tokens: the exact mean of `prompt_tokens`."""
    limits = params.prompt_minimum[application], params.prompt_maximum[application]
    return expected_tokens(params.length_levels, params.prompt_log_tokens[application], *limits)


def expected_answer_tokens(params: Any, application: int) -> float:
    """Tokens: the exact mean of `answer_tokens`."""
    limits = params.answer_minimum[application], params.answer_maximum[application]
    return expected_tokens(params.length_levels, params.answer_log_tokens[application], *limits)


def expected_tokens(levels: np.ndarray, log_tokens: np.ndarray, minimum: float, maximum: float) -> float:
    """Tokens: minimum + the sum over n = minimum + 1 .. maximum of P(tokens >= n)."""
    beyond = np.log(np.arange(int(minimum) + 1, int(min(maximum, np.exp(log_tokens[-1]))) + 1))
    return int(minimum) + float(np.sum(1.0 - np.interp(beyond, log_tokens, levels)))
