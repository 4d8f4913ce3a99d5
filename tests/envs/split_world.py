"""Worlds of SplitInference for stories, and a bookkeeper who follows every request by the engine's own tables."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log10
from typing import Any

import gymnasium
import numpy as np

import mei_gym  # noqa: F401 (registers the ids)
from mei_gym.envs.split_inference.fields import FIELDS

ID = "mei/SplitInference-v0"
PLACE = {field.name: place for place, field in enumerate(FIELDS)}
CLASSES = ("phone", "laptop", "robot", "vehicle")
#: One kind of user who runs on the given classes, so that a story knows whom it is about.
CALM = {"pressure_time_s": 1e9, "background_per_s": 0.0}  # other apps keep their memory, other cells are silent


#: Every choice is open to everybody: where privacy is no hard budget, stories need not ask who asks.
OPEN = {"mobile_health": {"leakage_hard": False, "leakage_weight": 1.5}}


class World:
    """A single environment with its state laid open."""

    def __init__(self, seed: int = 0, **overrides: Any) -> None:
        if "scenario" not in overrides:
            overrides.setdefault("applications", OPEN)
        self.env = gymnasium.make(ID, disable_env_checker=True, **overrides).unwrapped
        self.observation, self.info = self.env.reset(seed=seed)
        self.params, self.state = self.env.lanes.params, self.env.lanes.state

    @property
    def user(self) -> int:
        return int(self.state.asking_user[0])

    @property
    def device_class(self) -> int:
        return int(self.state.user_class[0, self.user])

    def sensed(self, name: str) -> float:
        return float(self.state.sensed[0, PLACE[name]])

    def show(self, **values: float) -> None:
        """Put SI values into what the controller senses of the request under decision."""
        for name, value in values.items():
            self.state.sensed[0, PLACE[name]] = value

    def load_layers(self, layers: int) -> None:
        """The asking device holds this many layers."""
        self.state.user_loaded_layers[0, self.user] = layers
        self.show(loaded_layers=layers / self.params.layers)

    def decide(self, cut: int, bits_choice: int = 0) -> dict[str, Any]:
        """One step; the info of it."""
        self.observation, self.reward, _, _, self.info = self.env.step(3 * cut + bits_choice)
        return self.info


@dataclass
class Record:
    """One request that went to the server."""

    number: int
    slot: int
    application: int
    asked_s: float
    round_trip_s: float
    forecast_ttft_s: float
    forecast_tpot_s: float
    answer: float
    first_s: float = inf
    last_s: float = inf
    dropped: bool = False

    @property
    def ttft_s(self) -> float:
        return self.first_s + 0.5 * self.round_trip_s - self.asked_s

    @property
    def tpot_s(self) -> float:
        return (self.last_s - self.first_s) / (self.answer - 1) if self.answer > 1 else 0.0


@dataclass
class Book:
    """What a followed episode brought: sums of the environment's rewards, and the fates that ought to explain them."""

    rewards: dict[str, float]
    records: list[Record]
    alone: list[dict[str, float]]  # infos of requests that stayed on their device
    refused: int
    infos: list[dict[str, Any]]


def follow(world: World, policy: Callable[[int], int], steps: int) -> Book:
    """Needs a world without background: then a slot keeps its last request's times until the next decision."""
    state, params = world.state, world.params
    book = Book({"reward_ttft": 0.0, "reward_tpot": 0.0}, [], [], 0, [])
    live: list[Record] = []
    for step in range(steps):
        number, asked_s = int(state.request[0]), float(state.clock_s[0])
        application, round_trip_s = int(world.sensed("application")), world.sensed("round_trip_s")
        _, _, _, _, info = world.env.step(policy(step))
        book.infos.append(info)
        for name in book.rewards:
            book.rewards[name] += info[name]
        if info["cut"] == params.layers:
            book.alone.append(info)
        elif info["refused"]:
            book.refused += 1
        else:
            slot = int(np.flatnonzero(state.slot_request[0] == number)[0])
            record = Record(
                number, slot, application, asked_s, round_trip_s,
                info["forecast_ttft_s"], info["forecast_tpot_s"], info["answer_tokens"],
            )  # fmt: skip
            book.records.append(record)
            live.append(record)
        free = set(state.free[0, : state.free_count[0]].tolist())
        for record in list(live):
            if state.slot_first_s[0, record.slot] > 0.0:
                record.first_s = float(state.slot_first_s[0, record.slot])
            if record.slot in free:
                live.remove(record)
                if record.first_s < inf:
                    record.last_s = float(state.slot_last_s[0, record.slot])
                else:
                    record.dropped = True
    return book


def utility(time_s: float, target_s: float, lateness: float) -> float:
    """The worth of a time, written again from the page: 1 at the target, 0 at `lateness` targets, linear in lg t."""
    return min(1.0, max(0.0, 1.0 - log10(time_s / target_s) / log10(lateness))) if time_s > 0.0 else 1.0


def worth(params: Any, application: int, ttft_s: float, tpot_s: float, answer: float) -> tuple[float, float]:
    """(reward_ttft, reward_tpot) of one request: nothing for an answer that begins too late."""
    first = utility(ttft_s, params.ttft_target_s[application], params.lateness)
    further = utility(tpot_s, params.tpot_target_s[application], params.lateness) if answer > 1 else 1.0
    return params.ttft_weight[application] * first, params.tpot_weight[application] * (further if first > 0.0 else 0.0)
