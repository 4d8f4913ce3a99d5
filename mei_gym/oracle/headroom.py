"""The headroom table: what a learner can win in an environment, from random to the bound.

    random < best static < best table < best heuristic < clairvoyant <= bound

Statics, tables and heuristics' parameters are chosen on validation seeds; all rows are measured on the same test
seeds. A row holds the mean reward a step with its 95 % bootstrap interval over episodes, that mean on a scale from
random = 0 to clairvoyant = 1, and the reward's parts. Nobody can be the last two rows: `clairvoyant` sees the future,
and `bound` is what each step brings in an ideal world. An environment whose best table comes within .05 of 1 is a
bandit in disguise. Which rows there are and what bounds them says the environment's `Family`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mei_gym.heuristics import make, world
from mei_gym.heuristics.policy import Policy, World
from mei_gym.oracle.clairvoyant import search_all
from mei_gym.oracle.episodes import Result, bound_of, run
from mei_gym.oracle.family import BEST_STATIC, BEST_TABLE, RANDOM, TUNED, Family, Sizes, family_of
from mei_gym.oracle.ledger import Ledger
from mei_gym.oracle.progress import progress
from mei_gym.oracle.seeds import episode_steps, test_seeds, validation_seeds
from mei_gym.oracle.tuning import Trials, tuned

VALIDATION_EPISODES = 16  # chosen: with 8, tuned values lost on test what they had won on validation
RESAMPLES = 10_000
CLAIRVOYANT, BOUND = "clairvoyant", "bound"
LEDGERS = Path("runs") / "headroom"  # where a killed run left its results


class Headroom(NamedTuple):
    """A table and what was chosen for it."""

    rows: list[dict[str, Any]]
    chosen: dict[str, Policy]  # what was tuned on validation seeds, by row
    provenance: dict[str, Any]


def printed_rows(result: Headroom) -> list[dict[str, Any]]:
    """The rows of `headroom` as a terminal has room for them: without the settings."""
    return [{name: value for name, value in row.items() if name != "settings"} for row in result.rows]


def headroom(
    id: str,
    scenario: str = "default",
    episodes: int = 32,
    workers: int = 1,
    *,
    steps: int | None = None,
    validation_episodes: int = VALIDATION_EPISODES,
    sizes: Sizes | None = None,
    ledger: Path | None = None,
    quiet: bool = False,
    **overrides: Any,
) -> Headroom:
    """Tune on validation seeds, measure on test seeds.

    Args:
        id, scenario, overrides: the environment and its world.
        episodes: test episodes of each policy.
        workers: processes of the clairvoyant search.
        steps: of an episode; left out: as registered.
        sizes: of the clairvoyant search; left out: the environment's.
        ledger: a file of results as they come; a killed run goes on from it. Left out: one under runs/headroom.
        quiet: show no progress.
    """
    place = world(id, scenario, **overrides)
    family = family_of(place.task)
    steps = episode_steps(place.task) if steps is None else steps
    sizes = family.sizes if sizes is None else sizes
    if ledger is None:
        ledger = LEDGERS / f"{id.rpartition('/')[2]}-{scenario}.csv"
    notes, tests = Ledger(ledger), test_seeds(episodes)
    with progress(quiet) as (say, bar):
        trials = Trials(place, validation_seeds(validation_episodes), steps, notes)
        chosen = choose(trials, family, say)
        policies = {name: make(name, place) for name in family.order if name not in chosen}
        policies.update(chosen)
        base = best_of(trials, policies)
        say(f"clairvoyant search on the base {base!r}")
        measured = {name: run(policies[name], tests, steps) for name in family.order}
        measured[CLAIRVOYANT] = search_all(base, tests, notes, steps, sizes, workers, bar(len(tests)))
        ceiling = bound_of(place, tests, steps)
    settings = {name: policies[name].settings() for name in family.order}
    word = f"{place.task.step_word}s"
    settings[CLAIRVOYANT] = f"{sizes.candidates} actions, {sizes.horizon} {word} ahead, base {base.name}"
    rows = table(place, measured, ceiling, settings)
    provenance = {
        "id": id,
        "scenario": scenario,
        word: steps,
        "validation_seeds": [trials.seeds[0], trials.seeds[-1]],
        "test_seeds": [tests[0], tests[-1]],
        "clairvoyant": {**sizes._asdict(), "base": repr(base)},
    }
    return Headroom(rows, chosen, provenance)


def choose(trials: Trials, family: Family, say: Callable[[str], None]) -> dict[str, Policy]:
    """What validation seeds choose, by row of the table."""
    static = family.best_static(trials, say)
    chosen = {BEST_STATIC: static}
    if family.best_table is not None:
        chosen[BEST_TABLE] = family.best_table(trials, static, say)
    for name, grid in family.grids.items():
        chosen[name + TUNED] = tuned(trials, name, grid, say)
    return chosen


def best_of(trials: Trials, policies: dict[str, Policy]) -> Policy:
    """The policy of the highest mean on validation seeds, among those that look and live in the trials' world."""
    able = [
        policy
        for row, policy in policies.items()
        if row not in (RANDOM, BEST_STATIC) and policy.world.scenario == trials.world.scenario
    ]
    return max(able, key=lambda policy: trials.reward(policy.name, policy.parameters))


def table(
    place: World, measured: dict[str, Result], ceiling: np.ndarray, settings: dict[str, str]
) -> list[dict[str, Any]]:
    """The rows: policy, reward with its interval, normalised, the reward's parts, settings."""
    bottom, top = measured["random"].reward.mean(), measured[CLAIRVOYANT].reward.mean()
    parts = [place.task.info.index(name) for name in place.task.reward_parts]
    rows = []
    for name in (*measured, BOUND):
        reward = ceiling if name == BOUND else measured[name].reward
        low, high = interval(reward)
        row = {
            "policy": name,
            "reward": float(reward.mean()),
            "low": low,
            "high": high,
            "normalised": float((reward.mean() - bottom) / (top - bottom)),
        }
        for part, place_in_info in zip(place.task.reward_parts, parts):
            mean = None if name == BOUND else float(measured[name].info[:, place_in_info].mean())
            row[part.removeprefix("reward_")] = mean
        rows.append({**row, "settings": settings.get(name, "")})
    return rows


def interval(values: np.ndarray, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean over episodes."""
    chance = np.random.default_rng(0)
    means = values[chance.integers(0, len(values), (resamples, len(values)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
