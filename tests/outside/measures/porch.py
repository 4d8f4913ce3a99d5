"""What is told of Porch."""

from __future__ import annotations

from agents.measures import Description, Measure, Spread
from outside.envs.porch import TASK

DESCRIPTION = Description(
    task=TASK,
    measures=(
        Measure("delay_s", "delay", "s", "delay_s", None, None),
        Measure("edge_delay_s", "delay where the edge was busy", "s", "delay_s", "at_edge", "at_edge"),
        Measure("energy_j", "energy", "J", "energy_j", None, None),
        Measure("at_edge", "answered by the edge", "share", "at_edge", None, None),
        Measure("ceiling", "ceiling", "1", "ceiling", None, None),
        Measure("wait_s", "wait at the end", "s", "wait_s", None, None, at_end=True),
    ),
    shown=("delay_s", "energy_j", "at_edge"),
    printed={"delay_s": "delay s", "at_edge": "edge %"},
    shares_of="all prompts",
    charts={"Delay": {"delay (s)": "delay_s", "at the edge (share)": "at_edge"}},
    words={"reward_delay": "waiting"},
    sources="All numbers are chosen.",
    spreads=(Spread("delay_s", "delay (s)", "delay_s", None, 0.01),),
    spreads_caption="Delay over the prompts of the test episodes.",
)
