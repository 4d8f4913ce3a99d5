"""EdgeCaching as the oracles see it: its rows, the choices worth trying, and the ceiling that its steps tell."""

from __future__ import annotations

from mei_gym.oracle.bound import Ceiling
from mei_gym.oracle.edge_caching.candidates import candidates
from mei_gym.oracle.edge_caching.tables import best_static, best_table
from mei_gym.oracle.family import Family, Grid, Sizes

BITS: Grid = {"bits": (16, 8, 4)}
REPLANS: Grid = {"replan_epochs": (1, 10, 100)}

FAMILY = Family(
    order=(
        "no_cache", "random", "best_static", "best_table", "lru", "lru_tuned", "lru_dedup", "lru_dedup_tuned", "lfu",
        "lfu_tuned", "lfu_dedup", "lfu_dedup_tuned", "greedy_dual", "greedy_dual_tuned", "greedy_dual_dedup",
        "greedy_dual_dedup_tuned", "static_popularity", "independent", "independent_tuned", "trimcaching_gen",
        "trimcaching_gen_tuned", "trimcaching_spec", "trimcaching_spec_tuned", "trimcaching_gen_true",
        "trimcaching_spec_true", "marginal", "marginal_tuned",
    ),
    grids={
        "lru": BITS,
        "lru_dedup": BITS,
        "lfu": BITS,
        "lfu_dedup": BITS,
        "greedy_dual": BITS,
        "greedy_dual_dedup": BITS,
        "independent": REPLANS,
        "trimcaching_gen": REPLANS,
        "trimcaching_spec": REPLANS,
        "marginal": {
            "toll": (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0),
            "horizon_s": (25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0),
        },
    },
    best_static=best_static,
    best_table=best_table,
    candidates=candidates,
    bound=Ceiling,
    bound_in_words="each request with everything stored everywhere, loaded and idle",
    sizes=Sizes(8, 128),  # four minutes: what is fetched later is judged by later decisions
)  # fmt: skip
