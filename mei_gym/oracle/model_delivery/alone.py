"""The most that a request of ModelDelivery can bring: alone with the whole cell, its pieces sent for nothing.

What bounds it is its own link. Its pieces follow one another on the air, each begins between its question and its
deadline, and none travels faster than its user receives, at best, at any look in that time:

    bytes of all its pieces <= R (deadline - asked) / 8,    R  at the highest joint efficiency of those looks

So it brings its worth less the least loss of quality that these bytes allow, or it is missed. Pieces of one model
shrink alike with the bits and lose alike, so what a mix of precisions can reach lies on the lines between the uniform
ones, and the least loss is their lower hull at the bytes there are. Air, energy and decoding cost nothing here: others
may share every transmission, and the bound leaves the whole of it to them. That the cell has one air for all is left
out, which makes the bound a wide one.

Where users are and when they ask does not depend on what a policy sends. The bound is known when an episode begins, by
running a copy of it in which nothing is sent; it is told whole before the first step.
"""

from __future__ import annotations

import hashlib
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mei_gym.compiled import OPTIONS, plain, scalar
from mei_gym.envs.lanes import Lanes
from mei_gym.envs.model_delivery.requests import expire
from mei_gym.envs.model_delivery.rules import over, run_to
from mei_gym.heuristics.policy import World
from mei_gym.heuristics.text import text_digest
from mei_gym.network.link import downlink_rate_bps
from mei_gym.oracle.bound import Bound
from mei_gym.packed import Pack, view

MOST_SLOTS = 256  # the scenario's limit: so many requests hardly ever wait at one time
UNSEEN = -1


class Met(NamedTuple):
    """What the requests of the episodes are; the lane first."""

    model: np.ndarray  # i8[lane, request]; UNSEEN: it found the table full
    application: np.ndarray  # i8[lane, request]
    window_s: np.ndarray  # f8[lane, request] from asking to the deadline
    efficiency: np.ndarray  # f8[lane, request] the highest at any look


@scalar
def watch_lane(params, state, info, lane, met):
    """Let an episode pass in which nothing is sent, event by event, and note what its requests meet."""
    note(params, state, lane, met)
    while not over(params, state, lane):
        next_s = min((state.tick[lane] + 1) * params.look_s, np.float64(state.next_request_s[lane]))
        run_to(params, state, info, lane, next_s)
        note(params, state, lane, met)
        expire(params, state, info, lane, next_s)


@scalar
def note(params, state, lane, met):
    """Note the pending requests, and how well their users receive now."""
    for slot in range(params.slots):
        if state.slot_missing[lane, slot] == 0:
            continue
        request, user = state.slot_number[lane, slot], state.slot_user[lane, slot]
        met.model[lane, request] = state.slot_model[lane, slot]
        met.application[lane, request] = state.user_application[lane, user]
        met.window_s[lane, request] = state.slot_deadline_s[lane, slot] - state.slot_asked_s[lane, slot]
        hears = max(np.float64(state.user_alone[lane, user]), np.float64(state.user_together[lane, user]))
        met.efficiency[lane, request] = max(np.float64(met.efficiency[lane, request]), hears)


@cache
def entry(params_layout: str, state_layout: str, met_layout: str) -> Any:
    """The compiled loop over the lanes."""
    content = hashlib.sha256(text_digest().encode() + Path(__file__).read_bytes()).hexdigest()
    return build(content, params_layout, state_layout, met_layout)


def build(digest: str, params_layout: str, state_layout: str, met_layout: str) -> Any:
    """The loop; the digest is part of its cache key."""

    @njit(cache=True, **OPTIONS)
    def watch(params_handle, state_handle, met_handle, info):
        digest  # noqa: B018
        params, state = view(params_handle, params_layout), view(state_handle, state_layout)
        for lane in range(info.shape[0]):
            watch_lane(params, state, info, lane, view(met_handle, met_layout))

    return watch


class Alone(Bound):
    """Watches lanes of ModelDelivery from their reset on."""

    def __init__(self, world: World, lanes: Lanes) -> None:
        super().__init__(world, lanes)
        if world.scenario.drawn:
            drawn = next(iter(world.scenario.drawn))
            raise ValueError(f"The bound is of one world, and each episode draws {drawn}; give it one value.")
        roomy = world.under({"requests_at_once": MOST_SLOTS})
        silent = Lanes(roomy.task, roomy.scenario, lanes.count)
        silent.state.seed[:], silent.state.episode[:] = lanes.state.seed, lanes.state.episode - 1
        silent.reset()
        met = met_in_silence(silent)
        self.most = most_of_requests(silent.params, met).sum(axis=1)

    def request(self) -> np.ndarray:
        """f8[lane]: what all requests of the episode can bring, before its first step; then nothing more."""
        most, self.most = self.most, np.zeros_like(self.most)
        return most


def met_in_silence(silent: Lanes) -> Met:
    """What the requests of lanes that were just reset would meet if nothing were sent."""
    params = silent.params
    shape = silent.count, params.requests
    met = Met(np.full(shape, UNSEEN), np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape))
    packs = Pack(params), Pack(silent.state), Pack(met)
    entry(*(pack.layout for pack in packs))(*(pack.handle for pack in packs), np.zeros_like(silent.out.info))
    return met


def most_of_requests(params: Any, met: Met) -> np.ndarray:
    """f8[lane, request]: the most that each request can bring."""
    model, application = np.maximum(0, met.model), met.application
    bps = float(plain(downlink_rate_bps)(params, 1.0)) * met.efficiency
    loss = least_loss(params.model_bytes[model], losses_of_models(params)[model], bps * met.window_s / 8.0)
    worth, weight = params.worth[application], params.quality_weight[application]
    in_time = np.where(np.isfinite(loss), worth * (1.0 - weight * np.where(np.isfinite(loss), loss, 0.0)), -np.inf)
    most = np.maximum(in_time, -params.late_weight[application])
    return np.where(met.model == UNSEEN, params.worth.max(), most)


def losses_of_models(params: Any) -> np.ndarray:
    """f8[model, precision]: relative rise of perplexity of each model, all of it in one precision."""
    result = np.zeros((params.models, params.precisions))
    for model in range(params.models):
        pieces = params.model_piece[params.model_first_piece[model] : params.model_first_piece[model + 1]]
        share = params.piece_bytes[pieces, 0] / params.model_bytes[model, 0]
        result[model] = share @ params.piece_loss[pieces]
    return result


def least_loss(sizes: np.ndarray, losses: np.ndarray, room: np.ndarray) -> np.ndarray:
    """f8[...]: least loss of a mix of precisions whose bytes fit into the room; inf where not even the fewest do.

    `sizes` and `losses` have the precisions last.
    """
    least = np.full(room.shape, inf)
    precisions = sizes.shape[-1]
    for one in range(precisions):
        fits = sizes[..., one] <= room
        least = np.where(fits, np.minimum(least, losses[..., one]), least)
        for other in range(precisions):
            gap = sizes[..., other] - sizes[..., one]
            between = fits & (gap > 0.0) & (sizes[..., other] > room)
            share = (room - sizes[..., one]) / np.where(gap > 0.0, gap, 1.0)
            mixed = losses[..., one] + share * (losses[..., other] - losses[..., one])
            least = np.where(between, np.minimum(least, mixed), least)
    return least
