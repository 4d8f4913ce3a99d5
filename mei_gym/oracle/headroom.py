"""The headroom table: what a learner can win in an environment, from random to the bound.

    random < best static < best table < best heuristic < clairvoyant <= bound

Statics, tables and heuristics' parameters are chosen on validation seeds; all rows are measured on the same test
seeds. A row holds the mean reward a request with its 95 % bootstrap interval over episodes, that mean on a scale from
random = 0 to clairvoyant = 1, and the reward's parts. Nobody can be the last two rows: `clairvoyant` sees the future,
and `bound` is each request alone in an ideal world. An environment whose best table comes within .05 of 1 is a bandit
in disguise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mei_gym.heuristics import make, world
from mei_gym.heuristics.policy import Policy, World
from mei_gym.oracle.clairvoyant import Sizes, search_all
from mei_gym.oracle.episodes import Result, bound_of, run
from mei_gym.oracle.ledger import Ledger
from mei_gym.oracle.progress import progress
from mei_gym.oracle.seeds import REQUESTS, test_seeds, validation_seeds
from mei_gym.oracle.tuning import GRIDS, Trials, best_static, best_table, tuned

VALIDATION_EPISODES = 16  # chosen: with 8, tuned values lost on test what they had won on validation
RESAMPLES = 10_000
UNTUNED = ("random", "device_only", "edge_only", "neurosurgeon_idle", "neurosurgeon", *GRIDS)
ORDER = (
    "random", "device_only", "edge_only", "best_static", "best_table", "neurosurgeon_idle", "neurosurgeon",
    "energy_aware", "energy_aware_tuned", "queue_aware", "queue_aware_tuned",
)  # fmt: skip
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
    requests: int = REQUESTS,
    validation_episodes: int = VALIDATION_EPISODES,
    sizes: Sizes = Sizes(),  # noqa: B008 (a tuple)
    ledger: Path | None = None,
    quiet: bool = False,
    **overrides: Any,
) -> Headroom:
    """Tune on validation seeds, measure on test seeds.

    Args:
        id, scenario, overrides: the environment and its world.
        episodes: test episodes of each policy.
        workers: processes of the clairvoyant search.
        requests: of an episode.
        sizes: of the clairvoyant search.
        ledger: a file of results as they come; a killed run goes on from it. Left out: one under runs/headroom.
        quiet: show no progress.
    """
    place = world(id, scenario, **overrides)
    if ledger is None:
        ledger = LEDGERS / f"{id.rpartition('/')[2]}-{scenario}.csv"
    notes, tests = Ledger(ledger), test_seeds(episodes)
    with progress(quiet) as (say, bar):
        trials = Trials(place, validation_seeds(validation_episodes), requests, notes)
        policies = {name: make(name, place) for name in UNTUNED}
        chosen = choose(trials, say)
        policies.update(chosen)
        base = best_of(trials, [policy for policy in policies.values() if policy.name not in ("random", "static")])
        say(f"clairvoyant search on the base {base!r}")
        measured = {name: run(policies[name], tests, requests) for name in ORDER}
        measured[CLAIRVOYANT] = search_all(base, tests, notes, requests, sizes, workers, bar(len(tests)))
        ceiling = bound_of(place, tests, requests)
    settings = {name: policies[name].settings() for name in ORDER}
    settings[CLAIRVOYANT] = f"{sizes.candidates} actions, {sizes.horizon} requests ahead, base {base.name}"
    rows = table(place, measured, ceiling, settings)
    provenance = {
        "id": id,
        "scenario": scenario,
        "requests": requests,
        "validation_seeds": [trials.seeds[0], trials.seeds[-1]],
        "test_seeds": [tests[0], tests[-1]],
        "clairvoyant": {**sizes._asdict(), "base": repr(base)},
    }
    return Headroom(rows, chosen, provenance)


def choose(trials: Trials, say: Callable[[str], None]) -> dict[str, Policy]:
    """What validation seeds choose, by row of the table."""
    static = best_static(trials, say)
    chosen = {"best_static": static}
    chosen["best_table"] = best_table(trials, (static.parameters["cut"], static.parameters["bits"]), say)
    for name in GRIDS:
        chosen[f"{name}_tuned"] = tuned(trials, name, say)
    return chosen


def best_of(trials: Trials, policies: list[Policy]) -> Policy:
    """The policy of the highest mean on validation seeds."""
    return max(policies, key=lambda policy: trials.reward(policy.name, policy.parameters))


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
