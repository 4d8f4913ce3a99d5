"""Play a policy on seeds, and keep what tables and pictures need of it.

Every policy plays the first episode of each seed to its end, so all meet the same requests, the same fading and the
same other users. Nothing of the reward is rescaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from agents.measures import measured
from agents.statistics import quantiles
from agents.world import World, episode_requests

LANES = 32  # episodes played side by side
QUANTILES = np.linspace(0.0, 1.0, 201)
UPLINK_EDGES_BPS = np.geomspace(1e6, 1e9, 25)  # of the decision picture: what the uplink would carry
LOAD_EDGES = np.concatenate([[0], np.geomspace(4, 512, 15)])  # and how many requests are at the server


class Summary(NamedTuple):
    """Episodes of one policy (one training run of it)."""

    seeds: list[int]
    score: np.ndarray  # f8[episode] mean reward a request
    parts: dict[str, np.ndarray]  # reward part -> f8[episode] mean a request
    measures: dict[str, np.ndarray]  # measure -> f8[episode]
    ttft_s: np.ndarray  # f8[quantile] over requests
    energy_j: np.ndarray  # f8[quantile] over requests
    decisions: np.ndarray  # i8[uplink, load] how many
    cuts: np.ndarray  # f8[uplink, load] sum of their cuts
    layers: int

    def plain(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {
            "seeds": [self.seeds[0], len(self.seeds)],
            "score": rounded(self.score),
            "parts": {name: rounded(values) for name, values in self.parts.items()},
            "measures": {name: rounded(values) for name, values in self.measures.items()},
            "ttft_s": rounded(self.ttft_s),
            "energy_j": rounded(self.energy_j),
            "decisions": self.decisions.tolist(),
            "cuts": rounded(self.cuts),
            "layers": self.layers,
        }


def rounded(values: np.ndarray) -> Any:
    """Seven digits are more than any of it is worth."""
    return [rounded(row) for row in values] if values.ndim > 1 else [float(f"{value:.7g}") for value in values]


def from_plain(values: dict[str, Any]) -> Summary:
    """The summary that `plain` wrote."""
    first, count = values["seeds"]
    return Summary(
        seeds=list(range(first, first + count)),
        score=np.array(values["score"]),
        parts={name: np.array(each) for name, each in values["parts"].items()},
        measures={name: np.array(each) for name, each in values["measures"].items()},
        ttft_s=np.array(values["ttft_s"]),
        energy_j=np.array(values["energy_j"]),
        decisions=np.array(values["decisions"], np.int64),
        cuts=np.array(values["cuts"]),
        layers=int(values["layers"]),
    )


def play(policy: Any, world: World, seeds: Sequence[int], deterministic: bool = True) -> Summary:
    """The policy's episodes on the seeds; a policy with `masked` set is given the action masks."""
    scores, parts, measures, played = [], [], [], []
    decisions = np.zeros((len(UPLINK_EDGES_BPS) - 1, len(LOAD_EDGES) - 1), np.int64)
    cuts = np.zeros(decisions.shape)
    layers = 0
    for first in range(0, len(seeds), LANES):
        chosen = list(seeds[first : first + LANES])
        env = world.batch(len(chosen))
        numbers, reward = recorded(policy, env, chosen, episode_requests(world.environment), deterministic)
        names = env.task.info
        after = numbers[1:]
        scores.append(reward)
        parts.append({name: after[:, :, names.index(name)].mean(0, np.float64) for name in env.task.reward_parts})
        measures.append(measured(after, names))
        at = {name: names.index(name) for name in PER_REQUEST}
        played.append({name: after[:, :, place].ravel() for name, place in at.items()})
        load = numbers[:-1, :, names.index("queue")] + numbers[:-1, :, names.index("running")]
        cell = uplink_load_cell(numbers[:-1, :, names.index("uplink_bps")], load)
        np.add.at(decisions, cell, 1)
        np.add.at(cuts, cell, after[:, :, names.index("cut")].ravel())
        layers = int(env.lanes.factors[0]) - 1
    requests = {name: np.concatenate([each[name] for each in played]).astype(np.float64) for name in PER_REQUEST}
    return Summary(
        seeds=list(seeds),
        score=np.concatenate(scores),
        parts={name: np.concatenate([each[name] for each in parts]) for name in parts[0]},
        measures={name: np.concatenate([each[name] for each in measures]) for name in measures[0]},
        ttft_s=quantiles(requests["ttft_s"], requests["first_tokens"], QUANTILES),
        energy_j=quantiles(requests["device_energy_j"], np.ones(len(requests["cut"])), QUANTILES),
        decisions=decisions,
        cuts=cuts,
        layers=layers,
    )


PER_REQUEST = ("ttft_s", "first_tokens", "device_energy_j", "cut")


def recorded(
    policy: Any, env: Any, seeds: list[int], requests: int, deterministic: bool
) -> tuple[np.ndarray, np.ndarray]:
    """info's numbers f4[request + 1, episode, name], the first row from the reset, and f8[episode] mean reward."""
    observation, _ = env.reset(seed=seeds)
    lanes = env.lanes
    numbers = np.empty((requests + 1, *lanes.out.info.shape), np.float32)
    numbers[0] = lanes.out.info
    reward = np.zeros(len(seeds))
    start, state = np.ones(len(seeds), bool), None
    masked = getattr(policy, "masked", False)
    for request in range(requests):
        more = {"action_masks": env.action_masks()} if masked else {}
        actions, state = policy.predict(observation, state, start, deterministic, **more)
        lanes.step(env._indices(np.asarray(actions)))
        observation = lanes.out.observation
        numbers[request + 1] = lanes.out.info
        reward += lanes.out.reward
        start = np.zeros(len(seeds), bool)
    return numbers, reward / requests


def uplink_load_cell(uplink_bps: np.ndarray, load: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where decisions stand in the picture of (uplink, load); what lies beyond its edges stands at them."""
    across = np.clip(np.searchsorted(UPLINK_EDGES_BPS, uplink_bps.ravel(), "right") - 1, 0, len(UPLINK_EDGES_BPS) - 2)
    up = np.clip(np.searchsorted(LOAD_EDGES, load.ravel(), "right") - 1, 0, len(LOAD_EDGES) - 2)
    return across, up
