"""Heuristics of SplitInference: by name, in the order of a comparison table."""

from __future__ import annotations

from mei_gym.heuristics.policy import Policy
from mei_gym.heuristics.split_inference.blind import DeviceOnly, EdgeOnly, Random, Static
from mei_gym.heuristics.split_inference.neurosurgeon import EnergyAware, Neurosurgeon, NeurosurgeonIdle
from mei_gym.heuristics.split_inference.queue_aware import QueueAware
from mei_gym.heuristics.split_inference.table import Table

FAMILIES: tuple[type[Policy], ...] = (
    Random,
    DeviceOnly,
    EdgeOnly,
    Static,
    Table,
    NeurosurgeonIdle,
    Neurosurgeon,
    EnergyAware,
    QueueAware,
)
