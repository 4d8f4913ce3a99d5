"""Play a policy on seeds, and keep what tables and pictures need of it.

Every policy plays the first episode of each seed to its end, so all meet the same requests, the same fading and the
same other users. Nothing of the reward is rescaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from agents.measures import Axis, Decisions, description_of, measured, told
from agents.statistics import quantiles
from agents.world import World, episode_steps
from mei_gym.heuristics.policy import Policy

LANES = 32  # episodes played side by side
QUANTILES = np.linspace(0.0, 1.0, 201)


class Decided(NamedTuple):
    """What was decided in each cell of the decision picture."""

    count: np.ndarray  # i8[across, up] how many
    total: np.ndarray  # f8[across, up] sum of their values
    most: float  # the largest value that there is


class Summary(NamedTuple):
    """Episodes of one policy (one training run of it)."""

    seeds: list[int]
    score: np.ndarray  # f8[episode] mean reward a step
    parts: dict[str, np.ndarray]  # reward part -> f8[episode] mean a step
    measures: dict[str, np.ndarray]  # measure -> f8[episode]
    spreads: dict[str, np.ndarray]  # spread -> f8[quantile] over steps
    decided: Decided | None

    def plain(self) -> dict[str, Any]:
        """Fit for JSON."""
        decided = self.decided
        return {
            "seeds": [self.seeds[0], len(self.seeds)],
            "score": rounded(self.score),
            "parts": {name: rounded(values) for name, values in self.parts.items()},
            "measures": {name: rounded(values) for name, values in self.measures.items()},
            "spreads": {name: rounded(values) for name, values in self.spreads.items()},
            "decided": decided and [decided.count.tolist(), rounded(decided.total), decided.most],
        }


def rounded(values: np.ndarray) -> Any:
    """Seven digits are more than any of it is worth."""
    return [rounded(row) for row in values] if values.ndim > 1 else [float(f"{value:.7g}") for value in values]


def from_plain(values: dict[str, Any]) -> Summary:
    """The summary that `plain` wrote, here or before there were environments beside SplitInference."""
    first, count = values["seeds"]
    if "spreads" in values:
        spreads, decided = values["spreads"], values["decided"]
    else:
        spreads = {name: values[name] for name in ("ttft_s", "energy_j")}
        decided = values["decisions"], values["cuts"], values["layers"]
    return Summary(
        seeds=list(range(first, first + count)),
        score=np.array(values["score"]),
        parts={name: np.array(each) for name, each in values["parts"].items()},
        measures={name: np.array(each) for name, each in values["measures"].items()},
        spreads={name: np.array(each) for name, each in spreads.items()},
        decided=decided and Decided(np.array(decided[0], np.int64), np.array(decided[1]), decided[2]),
    )


def play(policy: Any, world: World, seeds: Sequence[int], deterministic: bool = True) -> Summary:
    """The policy's episodes on the seeds; a policy with `masked` set is given the action masks."""
    about = description_of(world.environment)
    steps, names = episode_steps(world.environment), about.task.info
    scores, parts, measures, played = [], [], [], []
    decided = nothing_decided(about.decisions) if about.decisions else None
    for first in range(0, len(seeds), LANES):
        chosen = list(seeds[first : first + LANES])
        env = world.batch(len(chosen))
        numbers, reward, going = recorded(policy, env, chosen, steps, deterministic)
        after = numbers[1:]
        scores.append(reward)
        parts.append({name: after[:, :, names.index(name)].mean(0, np.float64) for name in about.task.reward_parts})
        measures.append(measured(about.measures, after, names, going))
        played.append(after[going])
        if about.decisions and decided:
            cell = cell_of(about.decisions, numbers[:-1][going], names)
            np.add.at(decided.count, cell, 1)
            np.add.at(decided.total, cell, told(after[going], names, about.decisions.value))
            decided = decided._replace(most=about.decisions.most(env.lanes))
    every = np.concatenate(played)
    return Summary(
        seeds=list(seeds),
        score=np.concatenate(scores),
        parts={name: np.concatenate([each[name] for each in parts]) for name in parts[0]},
        measures={name: np.concatenate([each[name] for each in measures]) for name in measures[0]},
        spreads={
            each.name: quantiles(
                told(every, names, each.value),
                told(every, names, each.weight) if each.weight else np.ones(len(every)),
                QUANTILES,
            )
            for each in about.spreads
        },
        decided=decided,
    )


class Recorded(NamedTuple):
    """Episodes side by side; one that has ended of itself stands still until the others end."""

    numbers: np.ndarray  # f4[step + 1, episode, name] of info, the first row from the reset
    reward: np.ndarray  # f8[episode] mean a step
    going: np.ndarray  # bool[step, episode] whether the episode had not ended before the step


def recorded(policy: Any, env: Any, seeds: list[int], steps: int, deterministic: bool) -> Recorded:
    """Play the episodes of these seeds."""
    observation, _ = env.reset(seed=seeds)
    lanes = env.lanes
    numbers = np.empty((steps + 1, *lanes.out.info.shape), np.float32)
    numbers[0] = lanes.out.info
    reward, going = np.zeros(len(seeds)), np.ones((steps, len(seeds)), bool)
    start, state = np.ones(len(seeds), bool), None
    masked = getattr(policy, "masked", False)
    for step in range(steps):
        going[step] = ~lanes.out.terminated
        if isinstance(policy, Policy):
            indices = policy.decide(lanes)
        else:
            more = {"action_masks": env.action_masks()} if masked else {}
            actions, state = policy.predict(observation, state, start, deterministic, **more)
            indices = env._indices(np.asarray(actions))
        lanes.step(indices)
        observation = lanes.out.observation
        numbers[step + 1] = lanes.out.info
        reward += lanes.out.reward
        start = np.zeros(len(seeds), bool)
    return Recorded(numbers, reward / steps, going)


def nothing_decided(picture: Decisions) -> Decided:
    """Empty cells."""
    shape = len(picture.across.edges) - 1, len(picture.up.edges) - 1
    return Decided(np.zeros(shape, np.int64), np.zeros(shape), 0.0)


def cell_of(picture: Decisions, before: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Where decisions stand in the picture, from info's numbers before them [decision, name]."""
    return place_on(picture.across, before, names), place_on(picture.up, before, names)


def place_on(axis: Axis, before: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """i8[decision]: the cell along a side; what lies beyond its edges stands at them."""
    values = told(before, names, axis.values)
    return np.clip(np.searchsorted(axis.edges, values, "right") - 1, 0, len(axis.edges) - 2)
