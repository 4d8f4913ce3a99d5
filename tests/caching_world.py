"""EdgeCaching laid open for stories: a small library on three servers, moved rule by rule in plain Python."""

from math import inf
from typing import Any

import numpy as np

from mei_gym.chance import episode_key
from mei_gym.compiled import plain
from mei_gym.envs.edge_caching import TASK, eviction, fetching, routing, rules, sensing
from mei_gym.network.backhaul import FROM_CLOUD

GB = 1e9
#: a and b have one base, c and d another; e stands alone.
BLOCKS = {"base1": 4 * GB, "a": 1 * GB, "b": 1 * GB, "base2": 3 * GB, "c": 0.5 * GB, "d": 0.5 * GB, "e": 2 * GB}
MODELS = {"A": ["base1", "a"], "B": ["base1", "b"], "C": ["base2", "c"], "D": ["base2", "d"], "E": ["e"]}
A, B, C, D, E = range(5)
SHIPPED = dict.fromkeys(("llama3", "llama2", "mistral", "qwen7", "qwen1"))
WRITTEN_OUT = {"families": SHIPPED, "blocks": BLOCKS, "models": MODELS, "base": "Llama-3-8B"}
ASSISTANT = {"mobile_health": None, "humanoid_robot": None, "autonomous_driving": None,
             "virtual_assistant": {"share": 1.0}}  # fmt: skip
#: Three servers, one application, and nobody who asks.
QUIET: dict[str, Any] = {
    "library": WRITTEN_OUT,
    "servers": {"store_bytes": 10 * GB, "accelerator_bytes": 8 * GB},
    "network": {"served": 3},
    "users": 2,
    "requests_per_s": 1e-3,
    "applications": ASSISTANT,
    "popularity": {"newcomers_per_s": 0.0},
}


class World:
    """One lane; every verb is a rule of the environment in plain Python."""

    def __init__(self, seed: int = 0, **overrides: Any) -> None:
        self.scenario = TASK.resolve("default", {**QUIET, **overrides})
        self.params = TASK.parameters(self.scenario)
        self.state = TASK.allocate(self.params, 1)
        self.numbers = np.zeros((1, len(TASK.info)))
        with np.errstate(over="ignore"):  # of the key's 64 bits
            self.state.key[0] = plain(episode_key)(seed, 0)
            plain(rules.reset)(self.params, self.state, self.numbers, 0)
        self.state.request_s[0] = inf  # nobody asks but by `ask`

    @property
    def info(self) -> dict[str, float]:
        """The numbers of the step."""
        return dict(zip(TASK.info, self.numbers[0].tolist()))

    def sensed(self, name: str) -> float:
        """What the deciding server was told, in SI."""
        return float(self.state.sensed[0, [field.name for field in TASK.fields].index(name)])

    def variant(self, model: int, precision: int = 0) -> int:
        """Its number."""
        return model * self.params.precisions + precision

    def held(self, server: int) -> set[int]:
        """Variants in a store, those on their way included."""
        return set(np.flatnonzero(np.isfinite(self.state.held_from_s[0, server])).tolist())

    def fetch(self, server: int, model: int, precision: int = 0, victim: int = -1) -> dict[str, float]:
        """A server fetches a model now; the info of this fetch alone."""
        self.numbers[:] = 0.0
        variant = self.variant(model, precision)
        plain(fetching.fetch)(self.params, self.state, self.numbers, 0, server, variant, victim)
        return self.info

    def evict(self, server: int, model: int, precision: int = 0) -> None:
        """A server throws a variant out."""
        plain(eviction.evict)(self.params, self.state, 0, server, self.variant(model, precision))

    def load(self, server: int, model: int, precision: int = 0, now_s: float = 0.0) -> float:
        """s: the accelerator has the variant after this."""
        return plain(eviction.load)(self.params, self.state, 0, server, self.variant(model, precision), now_s)

    def arrived(self, server: int, model: int, precision: int = 0) -> None:
        """A server has a model, whole and at no cost of wires."""
        self.fetch(server, model, precision)
        self.state.pipe_free_s[0, :] = self.state.clock_s[0]
        self.state.held_from_s[0, server, self.variant(model, precision)] = self.state.clock_s[0]
        held = self.state.block_holders[0, server] > 0
        self.state.block_from_s[0, server, held] = self.state.clock_s[0]

    def ask(
        self,
        site: int,
        model: int,
        at_s: float = 0.0,
        prompt: float = 500.0,
        answer: float = 100.0,
        reach_s: float = 0.05,
    ) -> dict[str, float]:
        """A user at a site asks now; the info of this request alone."""
        self.numbers[:] = 0.0
        self.state.request_s[0] = at_s
        plain(routing.route)(self.params, self.state, self.numbers, 0, site, model, 0, prompt, answer, reach_s)
        self.state.request_s[0] = inf
        return self.info

    def step(self, action: int) -> float:
        """A decision and what follows; the reward."""
        with np.errstate(over="ignore"):
            return plain(rules.step)(self.params, self.state, self.numbers, 0, action)[0]

    def sense(self) -> None:
        """The deciding server looks again."""
        plain(sensing.sense)(self.params, self.state, 0)

    def mask(self) -> np.ndarray:
        """What is feasible."""
        row = np.zeros(int(np.prod(TASK.factors(self.params))), np.bool_)
        plain(sensing.mask)(self.params, self.state, 0, row)
        return row

    def cloud_pipe_free_s(self) -> float:
        """When the pipe from the cloud is free."""
        return float(self.state.pipe_free_s[0, FROM_CLOUD])
