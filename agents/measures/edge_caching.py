"""What is told of EdgeCaching: who answers, how late and how well, and what it costs."""

from __future__ import annotations

import numpy as np

from agents.measures import Axis, Decisions, Description, Measure, Spread
from mei_gym.envs.edge_caching import TASK

ANSWERED = "local", "relayed", "cloud"  # of the requests: those that somebody answers

DESCRIPTION = Description(
    task=TASK,
    measures=(
        Measure("hit_ratio", "answered in time at the edge", "share", "hits", None, "requests"),
        Measure("local", "answered at their own site", "share", "local", None, "requests"),
        Measure("relayed", "answered at another site", "share", "relayed", None, "requests"),
        Measure("cloud", "answered by the cloud", "share", "cloud", None, "requests"),
        Measure("lost", "answered by nobody", "share", "lost", None, "requests"),
        Measure("late", "answered late", "share", "late", None, "requests"),
        Measure("latency_s", "latency of an answer", "s", "latency_s", ANSWERED, ANSWERED),
        Measure("quality_loss", "quality loss", "share", "quality_loss", ANSWERED, ANSWERED),
        Measure("energy_j", "energy at the edge", "J", "energy_j", None, "requests"),
        Measure("cloud_bytes", "fetched from the cloud", "bytes", "fetched_cloud_bytes", None, None),
        Measure("edge_bytes", "fetched from other servers", "bytes", "fetched_edge_bytes", None, None),
        Measure("evicted", "variants evicted", "count", "evicted", None, None),
        Measure("stored", "stores in use", "share", "stored", None, None),
        Measure("fetch_bits", "bits fetched", "bits", "fetch_bits", None, None),
        Measure("corrected", "infeasible actions", "share", "corrected", None, None),
        Measure("ceiling", "ceiling", "1", "ceiling", None, None),
    ),
    shown=("hit_ratio", "local", "cloud", "latency_s", "quality_loss", "energy_j", "cloud_bytes"),
    printed={"hit_ratio": "hits", "local": "own site", "cloud": "cloud", "latency_s": "latency s"},
    shares_of="all requests",
    charts={
        "Answers": {
            "in time at the edge (share)": "hit_ratio",
            "at their own site (share)": "local",
            "at another site (share)": "relayed",
            "by the cloud (share)": "cloud",
            "latency (s)": "latency_s",
        },
        "Costs": {
            "fetched from the cloud (bytes a decision)": "cloud_bytes",
            "energy at the edge (J a request)": "energy_j",
            "quality loss (share)": "quality_loss",
        },
        "Decisions": {"bits fetched": "fetch_bits", "infeasible actions (share)": "corrected"},
    },
    words={
        "reward_answers": "answers in time",
        "reward_price": "price of afar",
        "reward_backhaul": "backhaul",
        "reward_energy": "energy",
    },
    sources="Times and energy follow profiles measured on an H100; the loss of 8 and 4 bits is published, some of it of"
    " a stand-in (mei-gym profiles).",
    spreads=(
        Spread("latency_s", "latency of an answer (s, mean of a step)", "latency_s", ANSWERED, 0.03),
        Spread("fetched_bytes", "fetched from the cloud in a decision (bytes)", "fetched_cloud_bytes", None, 1e6, True),
    ),
    spreads_name="latency_fetches",
    spreads_caption="Latency of the answers (means of a step) and bytes that a decision fetches from the cloud, over"
    " the steps of the test episodes: median, quartiles (bar), 5th and 95th percentile (line).",
    decisions=Decisions(
        across=Axis("time since the episode began (s)", "time_s", np.geomspace(10, 2100, 20), least=5.0),
        up=Axis("variants in all stores", "held", np.concatenate([[0], np.geomspace(4, 512, 15)]), least=1.0),
        value="fetch_bits",
        label="mean bits fetched (0: nothing)",
        most=lambda lanes: float(lanes.params.library_bits[0]),
        ticks=(0, 2, 4, 8, 16),
        caption="What each policy fetches. Mean bits of a decision, 0 where nothing is fetched, over the time since the"
        " episode began and how many variants all stores hold. Grey: fewer than twenty decisions.",
    ),
)
