"""The static problem of caching models at the edge: who stores what, given who asks for what and what arrives in time.

    U(x) = sum_k sum_i  max over servers m and variants v of model i with x[m, v] = 1  of  w[m, k, v]
    w[m, k, v] = p[k, i] u[m, k, v]
    subject to  sum_j D_j [some v with x[m, v] = 1 uses block j] <= Q_m      for each server m

    x  placement           p  probability, that a request is user k's for model i
    u  utility             what the request gets from m by v: 1 in time, 0 late, less for fewer bits
    w  worth               D  block_bytes           Q  capacity_bytes

With one precision and u the indicator "in time", U / sum p is TrimCaching's expected hit ratio,
p (1 - prod_m (1 - x I)) summed (quoted, secondary: a review of arXiv 2404.14204); the capacity is its storage with
de-duplication (recalled). U is monotone and submodular; so are a set's bytes, which makes the problem hard.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.workload.library import LibraryParams


class Instance(NamedTuple):
    """M servers, K users (or groups of users who are alike), I models in V variants."""

    library: LibraryParams
    capacity_bytes: np.ndarray  # f8[M]
    worth: np.ndarray  # f8[M, K, V]
    demand: float  # sum of p


def instance(
    library: LibraryParams, capacity_bytes: np.ndarray, probability: np.ndarray, utility: np.ndarray
) -> Instance:
    """The problem of some servers.

    Args:
        library: models as sets of blocks.
        capacity_bytes: [M].
        probability: [K, I], that a request is user k's for model i; need not add up to 1.
        utility: [M, K, V], of a variant at a server to a user's request: 0 to 1, or whether it comes in time.

    Raises:
        ValueError: another shape, a number out of range, nobody who asks, or a server that holds no block.
    """
    capacity, p, u = (np.ascontiguousarray(each, np.float64) for each in (capacity_bytes, probability, utility))
    if capacity.ndim != 1 or p.ndim != 2 or p.shape[1] != library.models:
        raise ValueError(
            f"capacity_bytes has the shape {capacity.shape} and probability {p.shape}; "
            f"(servers,) and (users, {library.models}) are accepted."
        )
    if u.shape != (len(capacity), len(p), library.variants):
        raise ValueError(
            f"utility has the shape {u.shape}; {(len(capacity), len(p), library.variants)} is accepted: "
            "servers, users, variants."
        )
    if not (len(capacity) and len(p)):
        raise ValueError(f"There are {len(capacity)} servers and {len(p)} users; at least 1 of each is needed.")
    if not (np.isfinite(p).all() and (p >= 0.0).all() and p.sum() > 0.0):
        raise ValueError(f"probability sums to {p.sum():g}, least {p.min():g}; 0 or more, not all 0, is accepted.")
    if not ((u >= 0.0).all() and (u <= 1.0).all()):
        raise ValueError(f"utility runs from {u.min():g} to {u.max():g}; 0 to 1 is accepted.")
    smallest = float(library.block_bytes.min())
    if not (np.isfinite(capacity).all() and (capacity >= smallest).all()):
        raise ValueError(f"capacity_bytes is {capacity.min():g}; at least the smallest block, {smallest:g}, is needed.")
    return Instance(library, capacity, p.repeat(library.precisions, axis=1) * u, float(p.sum()))


def hit_ratio(problem: Instance, placed: np.ndarray) -> float:
    """A share of the demand: U over sum p, what a placement [M, V] serves; with u in time, the expected hit ratio."""
    return float(served_worth(problem, placed).sum() / problem.demand)


def served_worth(problem: Instance, placed: np.ndarray) -> np.ndarray:
    """f8[K, I]: what the best server and variant bring of each user's requests for each model."""
    best = np.where(placed.astype(bool)[:, None, :], problem.worth, 0.0).max(axis=0)
    return best.reshape(len(best), problem.library.models, problem.library.precisions).max(axis=2)


def used_bytes(library: LibraryParams, placed: np.ndarray) -> np.ndarray:
    """f8[M]: bytes of the union of the blocks of what each server holds."""
    uses = np.diff(library.variant_first_block)
    variant_of_use = np.repeat(np.arange(library.variants), uses)
    held = np.zeros((len(placed), library.blocks), bool)
    for server, row in enumerate(placed.astype(bool)):
        held[server, library.variant_block[row[variant_of_use]]] = True
    return held @ library.block_bytes


def fits(problem: Instance, placed: np.ndarray) -> bool:
    """Whether every server has room for what it is to hold."""
    return bool((used_bytes(problem.library, placed) <= room(problem.capacity_bytes)).all())


def room(capacity_bytes: np.ndarray) -> np.ndarray:
    """Bytes, with what sums of floating-point numbers may be wrong by."""
    return capacity_bytes * (1.0 + 1e-12)


def everything(problem: Instance) -> float:
    """A share: what is served where every server holds every variant; no placement passes it."""
    return hit_ratio(problem, np.ones((len(problem.capacity_bytes), problem.library.variants), bool))


def alone(library: LibraryParams) -> LibraryParams:
    """The library with a block of its own for each variant: what a cache pays that knows nothing of sharing."""
    variants = np.arange(library.variants + 1)
    return library._replace(
        blocks=library.variants,
        block_bytes=library.variant_bytes,
        variant_first_block=variants,
        variant_block=variants[:-1],
    )
