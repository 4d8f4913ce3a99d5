"""Laws of token lengths as quantile tables: a sample, quantiles that somebody published, or one or two lognormals.

A table is ln(tokens) at the levels p; the rules round down what it gives (see `prompts.py`). So n tokens stand for the
numbers from n up to n + 1, over which the share of n is spread evenly:

    q(F(n - 1)) = ln(n),    q(F(n)) = ln(n + 1)          F  share of requests with at most n tokens
"""

from __future__ import annotations

from math import isfinite, log
from statistics import NormalDist

import numpy as np

JUST_BELOW_ONE = 0.999  # of a token: rounds down to the token that it stands over
TAIL = 0.1  # chosen: the ends of a table stand for this share of its outermost steps: a lognormal's own are infinite
HALVINGS = 60  # of an interval of ln(tokens): down to rounding


def table_of_sample(tokens: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """f8[levels]: ln(tokens) of a sample's own law."""
    values, counts = np.unique(tokens, return_counts=True)
    shares = np.concatenate([[0.0], np.cumsum(counts) / len(tokens)])
    at = np.minimum(np.searchsorted(shares, levels, side="right") - 1, len(values) - 1)
    within = np.minimum((levels - shares[at]) / (shares[at + 1] - shares[at]), JUST_BELOW_ONE)
    return np.log(values[at] + within)


def table_of_quantiles(probabilities: np.ndarray, tokens: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """f8[levels] from whole-numbered quantiles; a run of equal ones is one number of tokens, spread evenly.

    Beyond the outermost quantiles nothing is known: the table keeps to them.
    """
    values, first, counts = np.unique(tokens, return_index=True, return_counts=True)
    run = np.searchsorted(values, tokens)
    place = (np.arange(len(tokens)) - first[run] + 0.5) / counts[run]
    return np.interp(levels, probabilities, np.log(np.maximum(tokens, 1.0) + place))


def lognormal(mu: float, sigma: float, minimum: float, maximum: float, levels: np.ndarray) -> np.ndarray:
    """f8[levels]: tokens whose logarithm is normal; sigma 0 is the constant exp(mu)."""
    return mixture((1.0,), (mu,), (sigma,), minimum, maximum, levels)


def mixture(
    weights: tuple[float, ...],
    mus: tuple[float, ...],
    sigmas: tuple[float, ...],
    minimum: float,
    maximum: float,
    levels: np.ndarray,
) -> np.ndarray:
    """f8[levels]: a mixture of lognormals, clipped to `minimum` and `maximum` tokens.

    Raises:
        ValueError: no law: a weight or a sigma below 0, weights that do not add up to 1, limits below 1 or swapped.
    """
    if not len(weights) == len(mus) == len(sigmas):
        raise ValueError(
            f"A mixture has {len(weights)} weights, {len(mus)} mus, {len(sigmas)} sigmas; as many of each are needed."
        )
    if not all(weight >= 0.0 for weight in weights) or abs(sum(weights) - 1.0) > 1e-6:
        raise ValueError(f"The weights of a mixture are {weights}; numbers of 0 or more that add up to 1 are accepted.")
    if not all(isfinite(mu) for mu in mus) or not all(sigma >= 0.0 and isfinite(sigma) for sigma in sigmas):
        raise ValueError(f"ln(tokens) has mus {mus} and sigmas {sigmas}; finite ones, no sigma below 0, are accepted.")
    if not (1.0 <= minimum <= maximum < float("inf")):
        raise ValueError(
            f"Lengths go from {minimum} to {maximum} tokens; finite limits from 1 up, in order, are accepted."
        )
    laws = [NormalDist(mu, max(sigma, 1e-9)) for mu, sigma in zip(mus, sigmas)]
    low_end, high_end = log(minimum), log(int(maximum) + JUST_BELOW_ONE)
    inner = np.clip(levels, TAIL * levels[1], 1.0 - TAIL * (1.0 - levels[-2]))
    table = []
    for level in inner:
        low, high = low_end, high_end
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            below = sum(weight * law.cdf(middle) for weight, law in zip(weights, laws))
            low, high = (middle, high) if below < level else (low, middle)
        table.append(high)
    return np.array(table)
