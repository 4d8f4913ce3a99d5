"""The setting of TrimCaching's simulation: servers and users on a square kilometre, who reaches whom in what time.

    n_m = max(1, activity |{k: d_mk <= 275 m}|)                         users that a server expects
    C_mk = B / n_m log2(1 + (P / n_m) d_mk^-4 / (N0 B / n_m))           downlink to a user that it covers
    t[m, k, i] = D_i / C_mk                                             from a server that covers k
               = D_i / C_mm' + min over m' that cover k of D_i / C_m'k  from another, over the wires between
    I1 = 1  if t <= deadline of (k, i)                                  whether a store at m is a hit

All of it recalled (the papers' text was not at hand), but: n_m is at least 1, distances at least
1 m, nothing fades, and inference takes no time (chosen). Each user has an order of popularity of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mei_gym.heuristics.placement import Instance, instance
from mei_gym.units import watts_of_dbm
from mei_gym.workload.library import LibraryParams

SIDE_M, RADIUS_M = 1000.0, 275.0  # recalled
BANDWIDTH_HZ, POWER_W = 400e6, watts_of_dbm(43.0)  # recalled, of a server
EXPONENT = 4.0  # recalled; antenna factor 1
NOISE_W_PER_HZ = watts_of_dbm(-174.0)  # thermal, 290 K
ACTIVITY = 0.5  # recalled
WIRE_BPS = 10e9  # recalled, between any two servers
DEADLINES_S = (0.5, 1.0)  # recalled
LEAST_M = 1.0  # chosen: where the path loss begins
SPEEDS_MPS = ((0.5, 1.8), (2.0, 8.0), (5.5, 20.0))  # recalled: on foot, by bicycle, by car; a third of the users each
LEG_S = 30.0  # chosen, mean time until a walker turns


class Topology(NamedTuple):
    """Who is where, wants what, and until when."""

    server_m: np.ndarray  # f8[M, 2]
    user_m: np.ndarray  # f8[K, 2]
    order: np.ndarray  # i8[K, I]: a user's rank of each model, from 0
    deadline_s: np.ndarray  # f8[K, I]


def drawn_topology(servers: int, users: int, models: int, seed: int) -> Topology:
    """A topology; more servers of one seed are those of fewer, and some more."""
    places, people, wishes, limits = (np.random.default_rng((seed, purpose)) for purpose in range(4))
    return Topology(
        server_m=places.uniform(0.0, SIDE_M, (servers, 2)),
        user_m=people.uniform(0.0, SIDE_M, (users, 2)),
        order=np.array([wishes.permutation(models) for _ in range(users)]),
        deadline_s=limits.uniform(*DEADLINES_S, (users, models)),
    )


def probabilities(topology: Topology, zipf: float) -> np.ndarray:
    """f8[K, I]: that a request is this user's for this model; all users ask as often."""
    weight = (1.0 + topology.order) ** -zipf
    return weight / weight.sum(axis=1, keepdims=True) / len(weight)


def downlink_bps(topology: Topology, fading: np.ndarray | float = 1.0) -> np.ndarray:
    """f8[M, K]: rate to a user that the server covers, 0 to another; `fading` is |h|^2 of each link."""
    distance_m = np.linalg.norm(topology.server_m[:, None] - topology.user_m[None], axis=2)
    covered = distance_m <= RADIUS_M
    sharers = np.maximum(1.0, ACTIVITY * covered.sum(axis=1, keepdims=True))
    bandwidth_hz = BANDWIDTH_HZ / sharers
    gain = fading * np.maximum(distance_m, LEAST_M) ** -EXPONENT
    snr = POWER_W / sharers * gain / (NOISE_W_PER_HZ * bandwidth_hz)
    return np.where(covered, bandwidth_hz * np.log2(1.0 + snr), 0.0)


def in_time(topology: Topology, model_bytes: np.ndarray, fading: np.ndarray | float = 1.0) -> np.ndarray:
    """bool[M, K, I]: I1."""
    with np.errstate(divide="ignore"):
        air_s = 8.0 * model_bytes / downlink_bps(topology, fading)[:, :, None]
    through_others_s = 8.0 * model_bytes / WIRE_BPS + air_s.min(axis=0)
    return np.minimum(air_s, through_others_s) <= topology.deadline_s


def problem_of(library: LibraryParams, topology: Topology, capacity_bytes: float, zipf: float) -> Instance:
    """The placement problem of a topology."""
    return problem_on(library, topology, capacity_bytes, zipf, in_time(topology, library.variant_bytes))


def problem_on(
    library: LibraryParams, topology: Topology, capacity_bytes: float, zipf: float, utility: np.ndarray
) -> Instance:
    """The placement problem of a topology whose links are such that `utility` comes in time."""
    capacities = np.full(len(topology.server_m), capacity_bytes)
    return instance(library, capacities, probabilities(topology, zipf), utility)


def faded(topology: Topology, model_bytes: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """I1 under draws of Rayleigh fading, independent from link to link."""
    generator = np.random.default_rng((seed, 8))
    for _ in range(draws):
        links = generator.exponential(size=(len(topology.server_m), len(topology.user_m)))
        yield in_time(topology, model_bytes, links)


def walked(topology: Topology, times_s: np.ndarray, seed: int, step_s: float = 5.0) -> list[Topology]:
    """The topology at some times, its users walking straight legs and turning at random, thrown back by the borders."""
    generator = np.random.default_rng((seed, 9))
    users = len(topology.user_m)
    low, high = np.array([SPEEDS_MPS[user % len(SPEEDS_MPS)] for user in range(users)]).T
    speed_mps = generator.uniform(low, high)
    angle = generator.uniform(0.0, 2.0 * np.pi, users)
    place_m, clock_s, seen = topology.user_m.copy(), 0.0, []
    for time_s in times_s:
        while clock_s < time_s:
            turns = generator.random(users) < -np.expm1(-step_s / LEG_S)
            angle = np.where(turns, generator.uniform(0.0, 2.0 * np.pi, users), angle)
            place_m = place_m + speed_mps[:, None] * step_s * np.stack((np.cos(angle), np.sin(angle)), axis=1)
            out_x, out_y = np.abs(place_m - SIDE_M / 2.0).T > SIDE_M / 2.0
            angle = np.where(out_x, np.pi - angle, angle)
            angle = np.where(out_y, -angle, angle)
            place_m = SIDE_M - np.abs(SIDE_M - np.abs(place_m))
            clock_s += step_s
        seen.append(topology._replace(user_m=place_m))
    return seen
