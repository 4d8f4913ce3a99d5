"""Bounds of static placement: the optimum of small problems, the relaxation of large ones."""

from mei_gym.heuristics.placement import everything
from mei_gym.oracle.placement.programme import Optimum, optimal, relaxed_bound

__all__ = ["Optimum", "everything", "optimal", "relaxed_bound"]
