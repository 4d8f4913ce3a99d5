"""ModelDelivery as the oracles see it: its rows, a request alone, and the choices worth trying."""

from __future__ import annotations

from mei_gym.oracle.family import Family, Sizes
from mei_gym.oracle.model_delivery.alone import Alone
from mei_gym.oracle.model_delivery.candidates import candidates
from mei_gym.oracle.model_delivery.tables import best_static, best_table

BITS = (16.0, 8.0, 4.0)  # of every shipped library

FAMILY = Family(
    order=(
        "random", "best_static", "best_table", "unicast_only", "unicast_only_tuned", "fifo", "fifo_tuned",
        "earliest_deadline", "earliest_deadline_tuned", "largest_group_first", "largest_group_first_tuned",
        "weighted_by_rate", "weighted_by_rate_tuned", "myopic", "air_aware", "air_aware_tuned",
    ),
    grids={
        **{
            name: {"bits": BITS}
            for name in ("unicast_only", "fifo", "earliest_deadline", "largest_group_first", "weighted_by_rate")
        },
        "air_aware": {
            "hold": (0.0, 0.02, 0.05, 0.08, 0.12, 0.16, 0.2, 0.3),
            "crowd": (0.0, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.04),
            "margin": (0.7, 0.85, 1.0, 1.15, 1.3, 1.6, 2.0),
        },
    },
    best_static=best_static,
    best_table=best_table,
    candidates=candidates,
    bound=Alone,
    bound_in_words="each request alone with the whole cell, its transmissions for nothing",
    sizes=Sizes(candidates=8, horizon=1024),  # to the end: decisions differ in how long they take
)  # fmt: skip
