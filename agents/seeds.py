"""Which worlds are for training, which for choosing, which for the final comparison: three ranges that never meet.

The ranges are those of `mei_gym.oracle.seeds`, which heuristics are tuned and measured on. An evaluation episode is the
first episode of the environment that is reset with its seed; a training lane goes on from its own seed through
episodes 0, 1, 2, ... Keys are hashes of seed and episode, so disjoint seeds are disjoint worlds.
"""

from __future__ import annotations

from mei_gym.oracle.seeds import TEST, TRAIN, VALIDATION

TRAINING_LANES = 10_000  # seeds set aside for one training run
TRAINING_RUNS = (TRAIN[1] - TRAIN[0]) // TRAINING_LANES


def training_seed(run_seed: int) -> int:
    """Seed of a run's first lane; lane i has this plus i."""
    if not 0 <= run_seed < TRAINING_RUNS:
        raise ValueError(f"The training seed is {run_seed}; 0 to {TRAINING_RUNS - 1} are accepted.")
    return TRAIN[0] + run_seed * TRAINING_LANES


def validation_seeds(episodes: int) -> range:
    """Seeds on which models and hyperparameters are chosen."""
    return first(VALIDATION, episodes)


def test_seeds(episodes: int) -> range:
    """Seeds on which policies are compared in the end; nothing is chosen on them."""
    return first(TEST, episodes)


def first(interval: tuple[int, int], episodes: int) -> range:
    """The first seeds of a range."""
    if not 1 <= episodes <= interval[1] - interval[0]:
        raise ValueError(f"{episodes} episodes were asked for; 1 to {interval[1] - interval[0]} are accepted.")
    return range(interval[0], interval[0] + episodes)
