"""SplitInference as the oracles see it: its rows, a request alone, and the choices worth trying."""

from __future__ import annotations

from mei_gym.oracle.family import Family
from mei_gym.oracle.split_inference.alone import Alone
from mei_gym.oracle.split_inference.candidates import candidates
from mei_gym.oracle.split_inference.tables import best_static, best_table

FAMILY = Family(
    order=(
        "random", "device_only", "edge_only", "best_static", "best_table", "neurosurgeon_idle", "neurosurgeon",
        "energy_aware", "energy_aware_tuned", "queue_aware", "queue_aware_tuned",
    ),
    grids={
        "energy_aware": {"energy_scale": (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0)},
        "queue_aware": {
            "memory_toll": (0.0, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0),
            "air_toll": (0.0, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
            "server_toll": (0.0, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
            "energy_scale": (0.5, 0.7, 1.0, 1.2, 1.5, 2.0, 2.8, 4.0, 6.0),
        },
    },
    best_static=best_static,
    best_table=best_table,
    candidates=candidates,
    bound=Alone,
    bound_in_words="each request alone in an ideal world",
)  # fmt: skip
