"""How sure are we that one policy is better: means, interquartile means, intervals, paired differences.

A policy's scores stand in a table [run, episode]: one row for each training run (one row for a heuristic), one column
for each evaluation episode. All policies meet the same episodes, so column i of one is paired with column i of another.

Intervals are 95 % percentile bootstrap, stratified by policy: a replicate draws the episodes once, in common for all
policies (which keeps the pairs), and each policy's training runs among themselves (runs, not single scores, are
drawn: the episodes of one run share its luck). IQM and probability of improvement: Agarwal et al. 2021.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

REPLICATES = 2000
LOW, HIGH = 0.025, 0.975
ROOM = 0.25  # left out at either end by the interquartile mean


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


def iqm(scores: np.ndarray) -> np.ndarray:
    """Interquartile mean over the last two axes: the mean of what is left without the lowest and highest quarter."""
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = int(ROOM * flat.shape[-1])
    return flat[..., cut : flat.shape[-1] - cut].mean(-1)


def mean(scores: np.ndarray) -> np.ndarray:
    """Mean over the last two axes."""
    return scores.mean((-2, -1))


class Bootstrap:
    """Replicates over common episodes: the same drawn episodes for every policy that is asked about."""

    def __init__(self, episodes: int, replicates: int = REPLICATES, seed: int = 0) -> None:
        self.generator_seed = seed
        self.columns = np.random.default_rng(seed).integers(0, episodes, (replicates, episodes))

    def drawn(self, scores: np.ndarray, policy: int) -> np.ndarray:
        """[replicate, run, episode]: the scores of policy number `policy` in each replicate."""
        runs, episodes = scores.shape
        if episodes != self.columns.shape[1]:
            raise ValueError(f"The scores are of {episodes} episodes; {self.columns.shape[1]} are needed, in common.")
        generator = np.random.default_rng((self.generator_seed, 1 + policy))
        rows = generator.integers(0, runs, (len(self.columns), runs))
        return scores[rows[:, :, None], self.columns[:, None, :]]

    def estimate(self, scores: np.ndarray, statistic=mean, policy: int = 0) -> Estimate:
        """A statistic of one policy's scores."""
        return interval(float(statistic(scores)), statistic(self.drawn(scores, policy)))

    def difference(self, scores: np.ndarray, other: np.ndarray, policy: int = 0, other_policy: int = 1) -> Estimate:
        """Mean paired difference: how much more `scores` has than `other` on the same episodes."""
        drawn = mean(self.drawn(scores, policy)) - mean(self.drawn(other, other_policy))
        return interval(float(mean(scores) - mean(other)), drawn)

    def improvement(self, scores: np.ndarray, other: np.ndarray, policy: int = 0, other_policy: int = 1) -> Estimate:
        """Probability that a run beats the other policy on the same episode; a tie counts half."""
        drawn = wins(self.drawn(scores, policy), self.drawn(other, other_policy))
        return interval(float(wins(scores, other)), drawn)


def wins(scores: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Share of pairs (run of one, run of the other, common episode) that the first wins."""
    one, two = scores[..., :, None, :], other[..., None, :, :]
    return ((one > two) + 0.5 * (one == two)).mean((-3, -2, -1))


def interval(value: float, replicates: np.ndarray) -> Estimate:
    """The value with its percentile interval."""
    low, high = np.quantile(replicates, [LOW, HIGH])
    return Estimate(value, float(low), float(high))


def interval_over_runs(scores: np.ndarray, seed: int = 0) -> Estimate:
    """Mean over training runs [run] with its bootstrap interval; one run has no interval but itself."""
    rows = np.random.default_rng(seed).integers(0, len(scores), (REPLICATES, len(scores)))
    return interval(float(scores.mean()), scores[rows].mean(1))


def quantiles(values: np.ndarray, weights: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Quantiles of weighted values; zeros where nothing has weight."""
    kept = weights > 0
    if not kept.any():
        return np.zeros(len(at))
    order = np.argsort(values[kept])
    ranked, weight = values[kept][order], weights[kept][order]
    position = np.cumsum(weight) / weight.sum()
    return ranked[np.minimum(np.searchsorted(position, at), len(ranked) - 1)]
