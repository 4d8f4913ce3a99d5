"""Multicast against unicast in a cell of this suite: how much less air time a group of users takes.

    unicast    sum_k s / (R e_k)             each user alone
    multicast  s / (R min_k e_k)             one signal, at the pace of the worst (network/sharing.py)
    gain       sum_k 1/e_k  /  ((1 - sigma) / min_k e_k + sigma sum_k 1/e_k)

    e_k  efficiency, bit/s/Hz    s  bytes, R  symbols/s: of both alike
    sigma  share of the bytes that is each user's own: sent to it alone (textbook)

Users are placed by `mei_gym.network` in the default scenario's cell: propagation, shadowing and interference, with
fading averaged. Nobody has an efficiency of 0: the weakest link lives by repetition.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from agents.statistics import Estimate, interval_over_runs
from mei_gym.chance import episode_key
from mei_gym.compiled import plain
from mei_gym.network.cell import downlink_efficiency, network_state, place_cell, place_user
from mei_gym.network.setup import network_params

GROUPS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50)  # users of a multicast
SCENARIO = "mei/SplitInference-v0"


class Gain(NamedTuple):
    """Of groups of one size and one share of own bytes."""

    users: int
    own_share: float
    mean: Estimate  # over groups, 95 % bootstrap
    low: float  # 5th percentile of the groups
    high: float  # 95th


def default_network() -> Any:
    """The parameters of the default scenario's network."""
    import mei_gym  # noqa: F401 (registers the ids)
    from mei_gym.envs.view import task_of

    scenario = task_of(SCENARIO).resolve("default", {})
    place = scenario.network
    return network_params(
        scenario.radio.cell, place.topology, place.sites, place.served, place.region, place.handover
    )  # fmt: skip


def drawn_efficiencies(groups: int, users: int, seed: int = 0) -> np.ndarray:
    """f8[groups, users]: downlink efficiencies of users who are placed in the default cell."""
    params = default_network()
    state = network_state(groups, users, params.sites)
    state.user_mean_speed_mps[:] = 1.0  # who moves how does not change where they are
    efficiency = np.empty((groups, users))
    with np.errstate(over="ignore"):  # 64-bit counters of chance run over
        for lane in range(groups):
            state.key[lane] = plain(episode_key)(seed, lane)
            plain(place_cell)(params, state, lane)
            for user in range(users):
                plain(place_user)(params, state, lane, user)
                efficiency[lane, user] = plain(downlink_efficiency)(params, state, lane, user)
    return efficiency


def gains(efficiency: np.ndarray, users: int, own_share: float = 0.0) -> np.ndarray:
    """f8[groups]: unicast air time over that of a multicast and the users' own parts."""
    alone = 1.0 / efficiency[:, :users]
    return alone.sum(axis=1) / ((1.0 - own_share) * alone.max(axis=1) + own_share * alone.sum(axis=1))


def measured(efficiency: np.ndarray, own_shares: tuple[float, ...]) -> list[Gain]:
    """Every size of group that there are users for, at every share."""
    found = []
    for own_share in own_shares:
        for users in GROUPS:
            if users <= efficiency.shape[1]:
                values = gains(efficiency, users, own_share)
                low, high = np.quantile(values, (0.05, 0.95))
                found.append(Gain(users, own_share, interval_over_runs(values), float(low), float(high)))
    return found
