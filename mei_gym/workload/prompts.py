"""How long prompts and answers are: mixtures of two lognormals, one for each application and direction.

    tokens = floor(clip(exp(mu + sigma z), minimum, maximum)),   (mu, sigma) of the first with weight w

    w  first_weight    z  a standard normal number    minimum >= 1

Prompt and answer are drawn independently: in the traces their rank correlation is -.02 to .07. A draw
belongs to a request's number, so that every policy meets the same lengths. The named fits are in
`lengths.py`.
"""

from __future__ import annotations

from math import erfc, exp, log, sqrt
from typing import NamedTuple

import numpy as np

from mei_gym.chance import normal, uniform
from mei_gym.compiled import scalar

PROMPT_PART, PROMPT_LENGTH, ANSWER_PART, ANSWER_LENGTH = 220, 221, 222, 223  # purposes of draws
ROOT_TWO = sqrt(2.0)


class PromptParams(NamedTuple):
    """What a scenario fixes: one value an application; mu and sigma of ln(tokens), limits in tokens."""

    prompt_first_weight: np.ndarray  # f8[applications]
    prompt_first_mu: np.ndarray
    prompt_first_sigma: np.ndarray
    prompt_second_mu: np.ndarray
    prompt_second_sigma: np.ndarray
    prompt_minimum: np.ndarray
    prompt_maximum: np.ndarray
    answer_first_weight: np.ndarray
    answer_first_mu: np.ndarray
    answer_first_sigma: np.ndarray
    answer_second_mu: np.ndarray
    answer_second_sigma: np.ndarray
    answer_minimum: np.ndarray
    answer_maximum: np.ndarray


@scalar
def prompt_tokens(params, application, key, request):
    """Tokens (an integer) of the prompt of request number `request`."""
    if uniform(key, request, PROMPT_PART, 0) < params.prompt_first_weight[application]:
        mu, sigma = params.prompt_first_mu[application], params.prompt_first_sigma[application]
    else:
        mu, sigma = params.prompt_second_mu[application], params.prompt_second_sigma[application]
    draw = normal(key, request, PROMPT_LENGTH, 0)
    return whole_tokens(mu + sigma * draw, params.prompt_minimum[application], params.prompt_maximum[application])


@scalar
def answer_tokens(params, application, key, request):
    """Tokens (an integer) of the answer to request number `request`."""
    if uniform(key, request, ANSWER_PART, 0) < params.answer_first_weight[application]:
        mu, sigma = params.answer_first_mu[application], params.answer_first_sigma[application]
    else:
        mu, sigma = params.answer_second_mu[application], params.answer_second_sigma[application]
    draw = normal(key, request, ANSWER_LENGTH, 0)
    return whole_tokens(mu + sigma * draw, params.answer_minimum[application], params.answer_maximum[application])


@scalar
def whole_tokens(log_tokens, minimum, maximum):
    """Tokens (an integer): clipped, then rounded down; the logarithm is clipped first: nothing overflows."""
    if log_tokens >= log(maximum):
        return int(maximum)
    return int(max(minimum, exp(log_tokens)))


@scalar
def expected_prompt_tokens(params, application):
    """Tokens (a float): the exact mean of `prompt_tokens`; a sum over the range, for resets and reports."""
    return expected_tokens(
        params.prompt_first_weight[application],
        params.prompt_first_mu[application],
        params.prompt_first_sigma[application],
        params.prompt_second_mu[application],
        params.prompt_second_sigma[application],
        params.prompt_minimum[application],
        params.prompt_maximum[application],
    )


@scalar
def expected_answer_tokens(params, application):
    """Tokens (a float): the exact mean of `answer_tokens`."""
    return expected_tokens(
        params.answer_first_weight[application],
        params.answer_first_mu[application],
        params.answer_first_sigma[application],
        params.answer_second_mu[application],
        params.answer_second_sigma[application],
        params.answer_minimum[application],
        params.answer_maximum[application],
    )


@scalar
def expected_tokens(first_weight, first_mu, first_sigma, second_mu, second_sigma, minimum, maximum):
    """Tokens (a float): minimum + the sum over n = minimum + 1 .. maximum of P(X >= n)."""
    total = float(int(minimum))
    for tokens in range(int(minimum) + 1, int(maximum) + 1):
        first = lognormal_survival(tokens, first_mu, first_sigma)
        second = lognormal_survival(tokens, second_mu, second_sigma)
        total += first_weight * first + (1.0 - first_weight) * second
    return total


@scalar
def lognormal_survival(tokens, mu, sigma):
    """P(X >= tokens); sigma 0 is the constant exp(mu)."""
    if sigma <= 0.0:
        return 1.0 if mu >= log(tokens) else 0.0
    return 0.5 * erfc((log(tokens) - mu) / (sigma * ROOT_TWO))
