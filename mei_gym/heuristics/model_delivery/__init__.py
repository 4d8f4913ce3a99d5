"""Heuristics of ModelDelivery: by name, in the order of a comparison table."""

from __future__ import annotations

from mei_gym.heuristics.model_delivery.air_aware import AirAware, Myopic
from mei_gym.heuristics.model_delivery.blind import Random, Static
from mei_gym.heuristics.model_delivery.orders import (
    EarliestDeadline,
    Fifo,
    LargestGroup,
    UnicastOnly,
    WeightedByRate,
)
from mei_gym.heuristics.model_delivery.table import Table
from mei_gym.heuristics.policy import Policy

FAMILIES: tuple[type[Policy], ...] = (
    Random,
    Static,
    Table,
    UnicastOnly,
    Fifo,
    EarliestDeadline,
    LargestGroup,
    WeightedByRate,
    Myopic,
    AirAware,
)
