"""What is told of ModelDelivery: how many are served in time, what air and energy that takes, what multicast saves.

Shares and means are of all requests of an episode. Multicast gain: the air that receivers would have taken one by one,
over the air that was taken.
"""

from __future__ import annotations

import numpy as np

from agents.measures import Axis, Decisions, Description, Measure, Spread
from mei_gym.envs.model_delivery import TASK

DESCRIPTION = Description(
    task=TASK,
    measures=(
        Measure("delivered", "served in time", "share", "delivered", None, "settled"),
        Measure("missed", "missed", "share", "missed", None, "settled"),
        Measure("refused", "refused", "share", "refused", None, "settled"),
        Measure("latency_s", "latency", "s", "latency_s", "delivered", "delivered"),
        Measure("quality_loss", "quality loss", "share", "quality_loss", "delivered", "delivered"),
        Measure("air_s", "air a request", "s", "air_s", None, "settled"),
        Measure("multicast_gain", "multicast gain", "ratio", "unicast_air_s", None, "air_s"),
        Measure("station_energy_j", "stations' energy", "J", "station_energy_j", None, "settled"),
        Measure("device_energy_j", "devices' energy", "J", "device_energy_j", None, "settled"),
        Measure("sent_bytes", "sent", "bytes", "sent_bytes", None, "settled"),
        Measure("corrected", "infeasible actions", "share", "corrected", None, None),
        Measure("unsettled", "waiting at the end", "share", "pending", None, "requests_total", at_end=True),
    ),
    shown=("delivered", "latency_s", "air_s", "multicast_gain", "quality_loss", "station_energy_j"),
    printed={"delivered": "in time", "latency_s": "latency s", "air_s": "air s", "multicast_gain": "gain"},
    shares_of="all requests",
    charts={
        "Delivery": {
            "served in time (share)": "delivered",
            "missed (share)": "missed",
            "latency (s)": "latency_s",
        },
        "Air and energy": {
            "air (s a request)": "air_s",
            "multicast gain": "multicast_gain",
            "stations' energy (J a request)": "station_energy_j",
        },
        "Quality": {"quality loss (share)": "quality_loss"},
        "Decisions": {"infeasible actions (share)": "corrected"},
    },
    words={
        "reward_delivered": "served in time",
        "reward_quality": "quality loss",
        "reward_energy": "energy",
        "reward_air": "air taken",
        "reward_late": "missed",
    },
    sources="Loss by bits is published for Llama models and stands in for smaller ones; devices are cited or derived"
    " (mei-gym profiles); the station's power is EARTH's model (recalled).",
    spreads=(
        Spread("latency_s", "latency (s)", "latency_s", "delivered", 0.1),
        Spread("air_s", "air of a decision (s)", "air_s", None, 0.01, least_is_marked=True),
    ),
    spreads_name="latency_air",
    spreads_caption="Latency of the requests served in time (means of those between decisions) and air of a decision,"
    " over the test episodes: median, quartiles (bar), 5th and 95th percentile (line).",
    decisions=Decisions(
        across=Axis("pending requests", "pending", np.concatenate([[0], np.geomspace(2, 32, 9)]), least=1.0),
        up=Axis("requests lately (1/s)", "rate_hz", np.geomspace(0.02, 2.0, 13)),
        value="bits",
        label="mean bits of what is sent, waiting as 0 (of {most:g})",
        most=lambda lanes: float(lanes.params.library_bits.max()),
        ticks=(0, 4, 8, 16),
        caption="In how many bits each policy sends. Mean bits, waiting as 0, over how many requests are pending and"
        " how many came lately when the decision is taken. Grey: fewer than twenty decisions.",
    ),
)
