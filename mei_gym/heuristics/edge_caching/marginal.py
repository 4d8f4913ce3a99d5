"""The myopic policy: the fetch that brings most, by what was asked for lately and the cost model.

    score = T (f_here (v' - v_here) + f_all (v' - relay - v_else)+) - price D - toll D / Q

    T      horizon_s, how long a fetched variant is thought to stay of use
    f      requests a second for the model, at the site and at the other sites
    v'     value of an answer in the precision; v_here, v_else: what the request gets now, here and elsewhere
    D      bytes that the store lacks     Q  its size     toll  what a full store is worth to others: room is scarce

v is that of the mean base, as an observation does not say of which base a model is. Fetches nothing where no score is
above 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.envs.edge_caching import fields as at
from mei_gym.heuristics.edge_caching.seen import best_choice, seen
from mei_gym.heuristics.edge_caching.values import values_of
from mei_gym.heuristics.policy import Policy, World


class Marginal(Policy):
    """The fetch of the highest score."""

    name = "marginal"
    defaults = {"horizon_s": 200.0, "toll": 1.0}  # noqa: RUF012 (chosen)

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, **parameters)
        for name, value in self.parameters.items():
            if not 0.0 <= float(value) < float("inf"):
                raise ValueError(f"{name} is {value!r}; a finite number of at least 0 is accepted.")
        values = values_of(world.params)
        self.in_precision = values.at_edge.mean(axis=0)
        self.from_cloud, self.relay = float(values.from_cloud.mean()), values.relay

    def value_in_bits(self, bits: np.ndarray) -> np.ndarray:
        """The value of an answer at its own site by the bits that are held; from the cloud where none are."""
        known = self.world.params.library_bits
        held = np.rint(bits)[..., None] == known
        return np.where(held.any(axis=-1), held @ self.in_precision, -np.inf)

    def score(self, observations: np.ndarray) -> np.ndarray:
        """f8[n, R, P]: minus infinity where nothing can be fetched."""
        params, see = self.world.params, seen(self.world, observations)
        site_rate, network_rate = see.server[:, at.SITE_RATE, None], see.server[:, at.NETWORK_RATE, None]
        here = see.rows[:, :, at.HERE] * site_rate
        elsewhere = np.maximum(0.0, see.rows[:, :, at.ALL] * network_rate - here)
        near = self.value_in_bits(see.rows[:, :, at.BITS_HERE])
        far = np.maximum(self.value_in_bits(see.rows[:, :, at.BITS_ELSEWHERE]) - self.relay, self.from_cloud)
        now_here = np.maximum(near, far)
        now_elsewhere = np.maximum(near - self.relay, far)
        more_here = np.maximum(0.0, self.in_precision - now_here[:, :, None])
        more_elsewhere = np.maximum(0.0, self.in_precision - self.relay - now_elsewhere[:, :, None])
        rate = here[:, :, None] * more_here + elsewhere[:, :, None] * more_elsewhere
        price = params.backhaul_price_per_byte + self.parameters["toll"] / params.store_limit_bytes
        score = self.parameters["horizon_s"] * rate - price * see.missing_bytes
        return np.where(see.feasible & (score > 0.0), score, -np.inf)

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The best, if it brings anything."""
        return best_choice(self.world, self.score(observations))
