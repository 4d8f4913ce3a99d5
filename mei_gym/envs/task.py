"""What a shell must know of an environment, and nothing more: a `Task`.

A shell (one lane under `gymnasium.Env`, many under `gymnasium.vector.VectorEnv` or SB3's `VecEnv`) holds no rule.
It allocates arrays, calls the task's compiled entry, and copies rows out.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from math import expm1, log1p
from typing import Any, NamedTuple

import numpy as np

from mei_gym.compiled import scalar

LINEAR, LOG = 0, 1  # how a quantity is laid on [0, 1]


class Field(NamedTuple):
    """One number of an observation: its SI quantity lies in [low, high] and is shown in [0, 1].

    LINEAR: (x - low) / (high - low).  LOG: log(1 + x / grain) / log(1 + high / grain), for quantities that span
    decades and may be 0; `grain` is the size below which differences hardly show. Values beyond the range are
    shown at its end.
    """

    name: str
    unit: str
    low: float
    high: float
    scale: int
    grain: float
    meaning: str


def linear(name: str, unit: str, low: float, high: float, meaning: str) -> Field:
    """A field on a linear scale."""
    return Field(name, unit, low, high, LINEAR, 1.0, meaning)


def logarithmic(name: str, unit: str, grain: float, high: float, meaning: str) -> Field:
    """A field on a logarithmic scale from 0 to `high`."""
    return Field(name, unit, 0.0, high, LOG, grain, meaning)


class Scale(NamedTuple):
    """The scales of all fields as arrays, for the compiled rules and for policies that read observations."""

    scale_kind: np.ndarray  # i8[field]
    scale_low: np.ndarray  # f8[field]
    scale_grain: np.ndarray  # f8[field]
    scale_width: np.ndarray  # f8[field]


def scale_of(fields: tuple[Field, ...]) -> Scale:
    """The arrays of a tuple of fields."""
    widths = [f.high - f.low if f.scale == LINEAR else log1p(f.high / f.grain) for f in fields]
    return Scale(
        np.array([f.scale for f in fields], np.int64),
        np.array([f.low for f in fields], np.float64),
        np.array([f.grain for f in fields], np.float64),
        np.array(widths, np.float64),
    )


@scalar
def shown(params, field, value):
    """In [0, 1]: how an SI value appears in an observation."""
    if params.scale_kind[field] == LINEAR:
        position = (value - params.scale_low[field]) / params.scale_width[field]
    else:
        position = log1p(max(0.0, value) / params.scale_grain[field]) / params.scale_width[field]
    return min(1.0, max(0.0, position))


@scalar
def meant(params, field, position):
    """In SI: what an observed number stands for."""
    if params.scale_kind[field] == LINEAR:
        return params.scale_low[field] + position * params.scale_width[field]
    return params.scale_grain[field] * expm1(position * params.scale_width[field])


class Task(NamedTuple):
    """An environment, as its shells see it."""

    name: str
    module: str  # whose docstring is the environment's page
    fields: tuple[Field, ...]
    info: tuple[str, ...]  # names of the numbers in `info`, in SI
    reward_parts: tuple[str, ...]  # those of them that add up to the reward
    sizes: tuple[str, ...]  # the numbers of params that arrays of state are as long as
    resolve: Callable[[str, dict[str, Any]], Any]  # scenario name, overrides -> validated scenario
    parameters: Callable[[Any], Any]  # scenario -> what the rules read
    allocate: Callable[[Any, int], Any]  # parameters, lanes -> what the rules change
    factors: Callable[[Any], tuple[int, ...]]  # parameters -> choices in each part of an action
    mover: Callable[[tuple[str, ...], bool], Callable[..., None]]  # layouts of params, state, out; parallel -> entry
    picture: Callable[[Any, Any, int, dict[str, Any]], np.ndarray]  # one frame, uint8[height, width, 3]
    sentence: Callable[[Any, Any, int, dict[str, Any]], str]  # the same in words
    step_word: str = "step"  # what a step is: "request" where each step decides one

    def __reduce__(self) -> tuple[Callable[[str], Task], tuple[str]]:
        """A copy or a pickle of a Task is the Task: it is told by its module, since compiled code travels nowhere."""
        return task_in, (self.module,)


def task_in(module: str) -> Task:
    """The Task of an environment's module."""
    return import_module(module).TASK


def factor_masks(joint: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """Masks of an action's parts, one after the other: what is feasible with some choice of the others."""
    table, axes = joint.reshape(factors), range(len(factors))
    return np.concatenate([table.any(axis=tuple(other for other in axes if other != axis)) for axis in axes])
