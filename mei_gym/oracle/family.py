"""What the oracles must know of an environment, and nothing more: a `Family`, in `oracle.<environment>`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.envs.task import Task
from mei_gym.floors import on_floor
from mei_gym.heuristics.policy import Policy, World
from mei_gym.oracle.progress import Say

if TYPE_CHECKING:
    from mei_gym.oracle.bound import Bound
    from mei_gym.oracle.tuning import Trials

RANDOM, BEST_STATIC, BEST_TABLE = "random", "best_static", "best_table"
TUNED = "_tuned"  # ends the row of a heuristic with tuned parameters

Grid = dict[str, tuple[float, ...]]


class Sizes(NamedTuple):
    """How hard a clairvoyant search looks."""

    candidates: int = 8  # chosen: 16 were no better
    horizon: int = 384  # chosen: requests that come while a user is patient; a shorter look leaves harm to come unseen


class Family(NamedTuple):
    """An environment, as the oracles see it."""

    #: Rows of the headroom table from `random` on: heuristics, what validation seeds choose, and `<name>_tuned`.
    order: tuple[str, ...]
    #: heuristic -> parameter -> the values that it is tuned over, in the order of the ascent
    grids: dict[str, Grid]
    #: The best policy that always does the same.
    best_static: Callable[[Trials, Say], Policy]
    #: The best one that looks only at who asks, found from the best static; None: the environment has no such thing.
    best_table: Callable[[Trials, Policy, Say], Policy] | None
    #: world, lanes, the base's actions, count -> int64[n, count]: feasible actions to try, the base's first
    candidates: Callable[[World, Lanes, np.ndarray, int], np.ndarray]
    #: Watches lanes that were just reset, and says what no policy can pass.
    bound: Callable[[World, Lanes], Bound]
    bound_in_words: str
    sizes: Sizes = Sizes()  # of the clairvoyant search


def family_of(task: Task) -> Family:
    """The Family of a Task."""
    return import_module(on_floor(task.module, "oracle")).FAMILY
