"""What is told of SplitInference: latency, energy, leakage, quality; where each policy cuts.

Shares are of all requests that were decided: one that was given up, refused or is still under way has met no target.
"""

from __future__ import annotations

import numpy as np

from agents.measures import Axis, Decisions, Description, Measure, Spread
from mei_gym.envs.split_inference import TASK

DESCRIPTION = Description(
    task=TASK,
    measures=(
        Measure("ttft_s", "TTFT", "s", "ttft_s", "first_tokens", "first_tokens"),
        Measure("ttft_met", "TTFT within target", "share", "ttft_met", None, None),
        Measure("tpot_s", "TPOT", "s", "tpot_s", "answered", "answered"),
        Measure("tpot_met", "TPOT within target", "share", "tpot_met", None, None),
        Measure("device_energy_j", "device energy", "J", "device_energy_j", None, None),
        Measure("leakage", "leakage", "share", "leakage", None, None),
        Measure("leakage_excess", "leakage over budget", "share", "leakage_excess", None, None),
        Measure("quality_loss", "quality loss", "share", "quality_loss", None, None),
        Measure("cut", "layers on the device", "layers", "cut", None, None),
        Measure("uplink_bytes", "sent up", "bytes", "uplink_bytes", None, None),
        Measure("corrected", "infeasible actions", "share", "corrected", None, None),
        Measure("abandoned", "requests given up", "share", "abandoned", None, None),
        Measure("unfinished", "under way at the end", "share", "unfinished", None, None, at_end=True),
        Measure("refused", "refused requests", "share", "refused", None, None),
    ),
    shown=("ttft_met", "tpot_met", "abandoned", "unfinished", "device_energy_j", "leakage_excess"),
    printed={"ttft_met": "TTFT met", "tpot_met": "TPOT met", "abandoned": "given up", "device_energy_j": "device J"},
    shares_of="all requests",
    charts={
        "Latency": {
            "TTFT (s)": "ttft_s",
            "TPOT (s)": "tpot_s",
            "TTFT within target (share)": "ttft_met",
            "TPOT within target (share)": "tpot_met",
            "given up (share)": "abandoned",
        },
        "Energy": {"device energy (J a request)": "device_energy_j"},
        "Leakage and quality": {
            "leakage over budget (share)": "leakage_excess",
            "quality loss (share)": "quality_loss",
        },
        "Decisions": {"layers on the device": "cut", "infeasible actions (share)": "corrected"},
    },
    words={
        "reward_ttft": "first token in time",
        "reward_tpot": "fluent answer",
        "reward_energy": "device energy",
        "reward_leakage": "leakage over budget",
        "reward_quality": "quality loss",
    },
    sources="Leakage and quality follow curves measured on SmolLM2-135M, a stand-in; costs of the server are measured,"
    " those of devices cited or derived (mei-gym profiles).",
    spreads=(
        Spread("ttft_s", "time to the first token (s)", "ttft_s", "first_tokens", 0.003),
        Spread("energy_j", "device energy of a request (J)", "device_energy_j", None, 0.01, least_is_marked=True),
    ),
    spreads_name="latency_energy",
    spreads_caption="Time to the first token (where one came; means of those between decisions) and device energy, "
    "over the requests of the test episodes: median, quartiles (bar), 5th and 95th percentile (line).",
    decisions=Decisions(
        across=Axis("uplink of the asking user (Mbit/s)", "uplink_bps", np.geomspace(1e6, 1e9, 25), unit=1e6),
        up=Axis(
            "requests at the server", ("queue", "running"), np.concatenate([[0], np.geomspace(4, 512, 15)]), least=1.0
        ),
        value="cut",
        label="mean cut (layers, of {most:g})",
        most=lambda lanes: lanes.factors[0] - 1,
        ticks=(0, 1, 2, 4, 8, 16, 32, 64),
        caption="Where each policy cuts. Mean number of layers on the device, over what the uplink carries and how "
        "many requests are at the server when the decision is taken. Grey: fewer than twenty decisions.",
    ),
)
