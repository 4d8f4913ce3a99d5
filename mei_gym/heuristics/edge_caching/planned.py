"""Placements for all servers together, planned anew every few epochs: TrimCaching and its rivals.

    w[m, k, v] = p[k, i] (value at the edge - relay [m != k] - value from the cloud)+        variant v of model i

k is a site: its users ask alike. p is what the servers remember of requests, or, for the policies named `true`, the
popularity itself, which nobody can know. The deciding server fetches what the plan gives it and it has not, the most
worth first; where room is needed, models go first that the plan does not give it (eviction "chosen"). The algorithms
are in `heuristics.placement`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
from numba import njit

from mei_gym.compiled import OPTIONS, scalar
from mei_gym.envs.edge_caching.sensing import deciding_server
from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.edge_caching.values import values_of
from mei_gym.heuristics.placement import alone, greedy_placement, spec_placement, unions_of
from mei_gym.heuristics.policy import Policy, World
from mei_gym.heuristics.text import text_digest
from mei_gym.packed import Pack, view
from mei_gym.workload.library import LibraryParams
from mei_gym.workload.popularity import model_popularity

FOREVER = 10**9  # epochs


class Planned(Policy):
    """A placement, carried out fetch by fetch; a family fills in `plan`.

    A plan is kept for `replan_epochs` epochs. What is kept follows from the episode's key and the number of the plan.
    """

    overrides: ClassVar[dict[str, Any]] = {"eviction": "chosen"}
    defaults: ClassVar[dict[str, Any]] = {"replan_epochs": 1}
    true = False  # whether the popularity is read instead of remembered

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, **parameters)
        params, epochs = world.params, self.parameters.get("replan_epochs", FOREVER)
        if isinstance(epochs, bool) or epochs != int(epochs) or epochs < 1:
            raise ValueError(f"replan_epochs is {epochs!r}; a whole number of at least 1 is accepted.")
        self.replan_decisions = int(epochs) * int(params.servers)
        self.plans: dict[int, tuple[int, np.ndarray]] = {}  # by the episode's key: the number of its last plan
        self.library = LibraryParams(*(getattr(params, name) for name in LibraryParams._fields))
        self.capacity_bytes = np.full(int(params.servers), float(params.store_limit_bytes))
        values = values_of(params)
        base = np.repeat(params.model_base, params.precisions)
        precision = np.tile(np.arange(params.precisions), params.models)
        more = values.at_edge[base, precision] - values.from_cloud[base]
        fits = params.variant_bytes <= min(params.store_limit_bytes, params.accelerator_limit_bytes)
        self.more_here = np.where(fits, np.maximum(0.0, more), 0.0)
        self.more_elsewhere = np.where(fits, np.maximum(0.0, more - values.relay), 0.0)

    def plan(self, worth: np.ndarray) -> np.ndarray:
        """bool[M, V] for worth f8[M, sites, V]."""
        raise AssertionError(f"{type(self).__name__} has no plan.")

    def decide(self, lanes: Lanes, rows: np.ndarray | None = None) -> np.ndarray:
        """What the plans of these lanes say."""
        rows = np.arange(lanes.count) if rows is None else rows
        actions = np.empty(len(rows), np.int64)
        for place, lane in enumerate(rows):
            actions[place] = self.carried_out(lanes, int(lane), self.kept(lanes, int(lane)))
        return actions

    def kept(self, lanes: Lanes, lane: int) -> np.ndarray:
        """bool[M, V]: the plan of one lane, made anew when its time is over."""
        key = int(lanes.state.key[lane])
        number = int(lanes.state.decision[lane]) // self.replan_decisions
        if key not in self.plans or self.plans[key][0] != number:
            self.plans[key] = number, self.planned(lanes, lane)
        return self.plans[key][1]

    def planned(self, lanes: Lanes, lane: int) -> np.ndarray:
        """bool[M, V]: what is best to hold now."""
        worth = np.empty((len(self.capacity_bytes), len(self.capacity_bytes), self.library.variants))
        self.entries(lanes).weigh(lanes.state, lane, self, worth)
        return self.plan(worth)

    def carried_out(self, lanes: Lanes, lane: int, plan: np.ndarray) -> int:
        """The action that goes one step towards a plan."""
        return self.entries(lanes).act(lanes, lane, self, plan)

    def entries(self, lanes: Lanes) -> Entries:
        """The compiled loops for these lanes."""
        return entries_of(self.world.pack.layout, Pack(lanes.state).layout)


class Entries:
    """Compiled functions of one lane, and what they are called with."""

    def __init__(self, digest: str, params_layout: str, state_layout: str) -> None:
        self.weigh_lane, self.act_lane = build(digest, params_layout, state_layout)

    def weigh(self, state: Any, lane: int, policy: Planned, worth: np.ndarray) -> None:
        """Fill in the worth of each variant at each server to each site."""
        params, pack = policy.world.pack, Pack(state)  # an address lives as long as its pack
        more = policy.more_here, policy.more_elsewhere
        self.weigh_lane(params.handle, pack.handle, lane, int(policy.true), *more, worth)

    def act(self, lanes: Lanes, lane: int, policy: Planned, plan: np.ndarray) -> int:
        """The action of the deciding server."""
        params, pack = policy.world.pack, Pack(lanes.state)
        return int(self.act_lane(params.handle, pack.handle, lane, lanes.out.mask[lane], policy.more_here, plan))


@cache
def entries_of(params_layout: str, state_layout: str) -> Entries:
    """The compiled functions, built once a process."""
    return Entries(text_digest(), params_layout, state_layout)


@scalar
def share_of(params, state, lane, site, model, true):
    """A number of requests: those remembered of the model at the site, or those expected of it."""
    if true:
        return model_popularity(state, lane, site, model) * state.site_asked[lane, site]
    return 0.5 * (state.asked[lane, site, model] + state.asked_all[lane, model] / params.servers)


@scalar
def weigh_variants(params, state, lane, true, more_here, more_elsewhere, worth):
    """w of the module's docstring, into worth [M, sites, V]."""
    for site in range(params.servers):
        for model in range(params.models):
            requests = share_of(params, state, lane, site, model, true)
            for variant in range(model * params.precisions, (model + 1) * params.precisions):
                for server in range(params.servers):
                    more = more_here[variant] if server == site else more_elsewhere[variant]
                    worth[server, site, variant] = requests * more


@scalar
def act_on_plan(params, state, lane, mask, more_here, plan):
    """The feasible fetch of the most worth at the server's own site among those planned; a victim that is not."""
    server = deciding_server(params, state, lane)
    victims = 1 + params.rows
    best, action = 0.0, 0
    for row in range(params.rows):
        model = state.shown_model[lane, row]
        for precision in range(params.precisions):
            variant = model * params.precisions + precision
            choice = ((1 + row) * params.precisions + precision) * victims
            if plan[server, variant] and mask[choice]:
                worth = (1e-9 + state.asked[lane, server, model]) * more_here[variant]
                if worth > best:
                    best, action = worth, choice
    if action == 0:
        return 0
    for row in range(params.rows - 1, -1, -1):  # the least popular first
        model = state.shown_model[lane, row]
        wanted = False
        for variant in range(model * params.precisions, (model + 1) * params.precisions):
            wanted = wanted or plan[server, variant]
        if not wanted and mask[action + 1 + row]:
            return action + 1 + row
    return action


def build(digest: str, params_layout: str, state_layout: str) -> tuple[Any, Any]:
    """The functions; a closure's value is part of the cache key only if it is named."""

    @njit(cache=True, **OPTIONS)
    def weigh_lane(params_handle, state_handle, lane, true, more_here, more_elsewhere, worth):
        digest  # noqa: B018
        params, state = view(params_handle, params_layout), view(state_handle, state_layout)
        weigh_variants(params, state, lane, true, more_here, more_elsewhere, worth)

    @njit(cache=True, **OPTIONS)
    def act_lane(params_handle, state_handle, lane, mask, more_here, plan):
        digest  # noqa: B018
        params, state = view(params_handle, params_layout), view(state_handle, state_layout)
        return act_on_plan(params, state, lane, mask, more_here, plan)

    return weigh_lane, act_lane


class TrimCachingGen(Planned):
    """Greedy marginal worth on de-duplicated bytes."""

    name = "trimcaching_gen"
    per_byte = False

    def plan(self, worth: np.ndarray) -> np.ndarray:
        """The greedy placement."""
        return greedy_placement(self.library, self.capacity_bytes, worth, self.per_byte)


class TrimCachingGenPerByte(TrimCachingGen):
    """The same by worth a missing byte, as models of very different sizes ask for; no part of TrimCaching."""

    name = "gen_per_byte"
    per_byte = True


class TrimCachingSpec(Planned):
    """Server by server, a knapsack over sets of shared blocks."""

    name = "trimcaching_spec"
    defaults: ClassVar[dict[str, Any]] = {"epsilon": 0.1, "replan_epochs": 1}

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, **parameters)
        if not 0.0 < float(self.parameters["epsilon"]) < 1.0:
            raise ValueError(f"epsilon is {self.parameters['epsilon']!r}; above 0 and below 1 is accepted.")
        self.unions = unions_of(self.library)

    def plan(self, worth: np.ndarray) -> np.ndarray:
        """The successive placement."""
        return spec_placement(self.library, self.unions, self.capacity_bytes, worth, float(self.parameters["epsilon"]))


class Independent(Planned):
    """The greedy placement with each model charged, and stored, whole."""

    name = "independent"
    overrides: ClassVar[dict[str, Any]] = {"eviction": "chosen", "library": {"deduplicated": False}}

    def plan(self, worth: np.ndarray) -> np.ndarray:
        """The greedy placement; the library has no shared blocks here."""
        return greedy_placement(alone(self.library), self.capacity_bytes, worth)


class StaticPopularity(TrimCachingGen):
    """The greedy placement of an episode's beginning, kept to its end."""

    name = "static_popularity"
    defaults: ClassVar[dict[str, Any]] = {}


class TrueGen(TrimCachingGen):
    """TrimCaching Gen on the true popularity: clairvoyant in that."""

    name = "trimcaching_gen_true"
    true = True


class TrueSpec(TrimCachingSpec):
    """TrimCaching Spec on the true popularity: clairvoyant in that."""

    name = "trimcaching_spec_true"
    true = True
