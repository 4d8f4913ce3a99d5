"""The parts of a scenario that every environment shares: the network, the traffic, and the edge server."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mei_gym.scenarios.schema import NotNegative, Part, Positive, Share, Spread

Number = float | int


class Network(Part):
    """Where the sites stand, how users move among them, and how sites reach the edge server."""

    topology: str = Field("hexagonal", description="hexagonal, poisson or file (network.topology)")
    sites: dict[str, Number | str] = Field(default_factory=dict, description="values of the topology, by name")
    served: int = Field(
        1, ge=0, description="how many sites, the nearest to the origin, have the scenario's users; 0: all"
    )
    region: dict[str, Number | str] = Field(
        default_factory=dict,
        description="where users move: values of network.movement, by name; left out: the served cells of a lattice,"
        " else the rectangle of the sites",
    )
    handover: dict[str, Number] = Field(default_factory=dict, description="values of network.handover, by name")
    backhaul: str = Field("", description="between the sites and the server (network.backhaul); empty: none")
    wires: dict[str, Number] = Field(default_factory=dict, description="values of the backhaul, by name")
    server_at: Literal["site", "backhaul"] = Field(
        "site", description="the server stands at the site in the middle, or behind the backhaul of all sites"
    )


class Radio(Part):
    """The air; what is left out of `cell` keeps the default of network.cell.CellParams."""

    round_trip_s: Positive = Field(description="s, air and transport to the edge server and back, median")
    round_trip_spread: Spread = Field(description="standard deviation of its logarithm")
    fetch_share: Share = Field(description="of the downlink, for what is loaded over the air")
    sharing: Literal["equal", "max_min"] = Field(
        "equal", description="of a cell's uplink: equal air time or equal rates"
    )
    cell: dict[str, Number | str] = Field(default_factory=dict, description="values of CellParams, by name")


class Server(Part):
    """The edge server."""

    device: str = Field(description="measured device")
    running_limit: int = Field(ge=1, le=1024, description="requests in the batch (vLLM: max_num_seqs)")
    chunk_tokens: int = Field(ge=16, le=8192, description="prompt tokens in one iteration")
    memory_share: Share = Field(
        description="of the memory, for weights, keys and values (vLLM: gpu_memory_utilization)"
    )
    iteration_overhead_s: NotNegative = Field(description="s, scheduler and sampler of one iteration")
    requests_at_once: int = Field(ge=16, le=4096, description="requests under way, waiting included, before refusal")
    queue_order: Literal["fcfs", "shortest"] = Field(
        "fcfs", description="who is admitted next: the first come, or the smallest reservation"
    )


class Arrivals(Part):
    """How requests come; the mean rates and the day's shape stand beside it."""

    own: str = Field("conversation", description="the users' own stream: a law of workload.arrival_laws")
    own_law: dict[str, Number] = Field(default_factory=dict, description="numbers of that law, by name")
    background: str = Field("conversation", description="the background's stream, likewise")
    background_law: dict[str, Number] = Field(default_factory=dict, description="likewise")
    trace: str = Field("", description="path of a trace whose times and lengths the own stream replays")
    trace_scale: Positive = Field(1.0, description="of the trace's times: 2 plays at half the speed")
    trace_at_rate: bool = Field(False, description="play the trace so fast that its mean rate is requests_per_s")
