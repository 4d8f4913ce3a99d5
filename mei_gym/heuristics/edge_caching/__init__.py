"""Heuristics of EdgeCaching: by name, in the order of a comparison table."""

from __future__ import annotations

from mei_gym.heuristics.edge_caching.blind import NoCache, Random, Static
from mei_gym.heuristics.edge_caching.marginal import Marginal
from mei_gym.heuristics.edge_caching.planned import (
    Independent,
    StaticPopularity,
    TrimCachingGen,
    TrimCachingGenPerByte,
    TrimCachingSpec,
    TrueGen,
    TrueSpec,
)
from mei_gym.heuristics.edge_caching.replacement import (
    GreedyDual,
    GreedyDualDedup,
    Lfu,
    LfuDedup,
    Lru,
    LruDedup,
)
from mei_gym.heuristics.edge_caching.table import Table
from mei_gym.heuristics.policy import Policy

FAMILIES: tuple[type[Policy], ...] = (
    NoCache,
    Random,
    Static,
    Table,
    Lru,
    LruDedup,
    Lfu,
    LfuDedup,
    GreedyDual,
    GreedyDualDedup,
    Marginal,
    StaticPopularity,
    Independent,
    TrimCachingGen,
    TrimCachingGenPerByte,
    TrimCachingSpec,
    TrueGen,
    TrueSpec,
)
