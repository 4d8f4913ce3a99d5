"""Static placement of models at the edge: TrimCaching's Gen and Spec, caching without sharing, simpler rules."""

from mei_gym.heuristics.placement.greedy import greedy, greedy_placement, independent
from mei_gym.heuristics.placement.instance import (
    Instance,
    alone,
    everything,
    fits,
    hit_ratio,
    instance,
    served_worth,
    used_bytes,
)
from mei_gym.heuristics.placement.knapsack import EPSILON, spec, spec_placement
from mei_gym.heuristics.placement.simple import popular, random_placement
from mei_gym.heuristics.placement.unions import Unions, unions_of

__all__ = [
    "EPSILON",
    "Instance",
    "Unions",
    "alone",
    "everything",
    "fits",
    "greedy",
    "greedy_placement",
    "hit_ratio",
    "independent",
    "instance",
    "popular",
    "random_placement",
    "served_worth",
    "spec",
    "spec_placement",
    "unions_of",
    "used_bytes",
]
