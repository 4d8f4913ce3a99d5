"""What is told of an environment's episodes besides their score: its `Description`, in `agents.measures.<environment>`.

`info` holds numbers of one step. Some are of the step itself (what was decided cost so much); others are means over
what ended in it, and must be weighted with how many those were. A description says which numbers become measures,
which are shown as they are spread over the steps, and where the decisions of a policy are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.envs.task import Task
from mei_gym.floors import name_of, package_of
from mei_gym.heuristics import registered

Names = str | tuple[str, ...]  # of info: one number, or several that are added up


class Measure(NamedTuple):
    """A number of an episode: sum of `value` (times `weight`, if it is a mean) over sum of `count`."""

    name: str
    label: str
    unit: str
    value: str
    weight: Names | None  # of how many a step's value is the mean; None: it is a sum
    count: Names | None  # the denominator; None: steps
    at_end: bool = False  # value and count are the last step's alone; steps are counted all the same


class Spread(NamedTuple):
    """How a number of `info` is spread over the steps: a panel of its quantiles."""

    name: str
    label: str
    value: str
    weight: Names | None  # for how many a step's value stands; None: one
    least: float  # smaller values are drawn here; the axis is logarithmic
    least_is_marked: bool = False  # on the axis, with a sign


class Axis(NamedTuple):
    """A side of the decision picture: numbers of `info` as they were before the decision, added up; logarithmic."""

    label: str
    values: Names
    edges: np.ndarray  # of the cells; what lies beyond stands in the outermost
    unit: float = 1.0  # what the label's unit is in SI
    least: float = 0.0  # an edge below is drawn here


class Decisions(NamedTuple):
    """A picture of what a policy decides, by the state in which it did: the mean of a number of `info` in each cell."""

    across: Axis
    up: Axis
    value: str  # of info, after the decision
    label: str  # `{most}` is replaced
    most: Callable[[Lanes], float]  # the largest value
    ticks: tuple[float, ...]
    caption: str


class Description(NamedTuple):
    """An environment, as comparisons, reports and dashboards tell of it."""

    task: Task
    measures: tuple[Measure, ...]
    shown: tuple[str, ...]  # measures of the short table
    printed: dict[str, str]  # measures of the terminal's table, with their headings
    shares_of: str  # what shares are of: "all requests"
    charts: dict[str, dict[str, str]]  # of TensorBoard: group -> title -> measure
    words: dict[str, str]  # for the reward's parts
    sources: str  # a sentence on where the numbers come from
    spreads: tuple[Spread, ...] = ()
    spreads_name: str = "spreads"  # of their picture's file
    spreads_caption: str = ""
    decisions: Decisions | None = None
    only_tuned: tuple[str, ...] = ("static", "table")  # heuristics that say nothing without parameters


def description_of(id: str) -> Description:
    """The Description of a registered id: here, or on the floor `measures` of another package."""
    module = registered(id)[0].module
    package = package_of(module)
    where = "agents" if package == "mei_gym" else package
    return import_module(f"{where}.measures.{name_of(module)}").DESCRIPTION


def told(numbers: np.ndarray, names: tuple[str, ...], wanted: Names) -> np.ndarray:
    """f8[...]: a number of info, or several added up, from numbers [..., name]."""
    several = (wanted,) if isinstance(wanted, str) else wanted
    return numbers[..., [names.index(each) for each in several]].sum(axis=-1, dtype=np.float64)


def measured(
    measures: tuple[Measure, ...], numbers: np.ndarray, names: tuple[str, ...], going: np.ndarray
) -> dict[str, np.ndarray]:
    """Each measure by name, f8[episode], from info's numbers [step, episode, name]; 0 where nothing was counted.

    `going` bool[step, episode] says which steps are of the episode: one that has ended brings nothing more.
    """
    result = {}
    for measure in measures:
        value = told(numbers, names, measure.value)
        if measure.weight:
            value = value * told(numbers, names, measure.weight)
        count = told(numbers, names, measure.count) if measure.count else going
        if measure.at_end:
            value, count = value[-1:], count[-1:] if measure.count else count
        result[measure.name] = value.sum(axis=0) / np.maximum(count.sum(axis=0, dtype=np.float64), 1.0)
    return result
