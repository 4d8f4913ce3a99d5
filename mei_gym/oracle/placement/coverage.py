"""What placements serve, as elements that pairs of a server and a variant cover; equal elements are one.

    U(x) = sum_e c_e [some (m, v) in P_e with x[m, v] = 1]

A request of user k for model i brings the largest worth w[m, k, v] of what is placed. With w's values 0 < w_1 < ...
that is sum_l (w_l - w_{l-1}) [something of worth w_l or more is placed]: one element a value. Where utility is 0 or 1
that is one element a request, and users whom the same servers reach in time share it.

    c  weight           P  pairs, m V + v
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.heuristics.placement import Instance


class Coverage(NamedTuple):
    """Elements in compressed rows."""

    weight: np.ndarray  # f8[elements]
    first_pair: np.ndarray  # i8[elements + 1]
    pair: np.ndarray  # i8[...]: server * variants + variant, rising within an element


def coverage_of(problem: Instance) -> Coverage:
    """The elements of a problem."""
    library = problem.library
    weight: dict[tuple[int, ...], float] = {}
    for model in range(library.models):
        variants = np.arange(model * library.precisions, (model + 1) * library.precisions)
        pairs = (np.arange(len(problem.capacity_bytes))[:, None] * library.variants + variants).ravel()
        for of_user in problem.worth[:, :, variants].transpose(1, 0, 2).reshape(problem.worth.shape[1], -1):
            below = 0.0
            for value in np.unique(of_user[of_user > 0.0]):
                element = tuple(pairs[of_user >= value].tolist())
                weight[element] = weight.get(element, 0.0) + float(value - below)
                below = value
    return Coverage(
        np.array(list(weight.values())),
        np.concatenate(([0], np.cumsum([len(each) for each in weight]))).astype(np.int64),
        np.array([pair for each in weight for pair in each], np.int64),
    )
