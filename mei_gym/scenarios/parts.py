"""The parts of a scenario that every environment shares: the network, the traffic, and the edge server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

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


class Popularity(Part):
    """Which models are asked for; an environment adds where and when they are looked at."""

    law: str = Field("zipf", description="by name (workload.popularity)")
    exponent: NotNegative | None = Field(None, description="of a Zipf-Mandelbrot law, in place of the name")
    offset: NotNegative = Field(0.0, description="of that law")
    shares: list[float] = Field(default_factory=list, description="of the requests, one a model, in place of a law")
    drift_sd: NotNegative = Field(0.0, description="standard deviation of a model's logarithmic drift")
    drift_tau_s: Positive = Field(description="s, correlation time of the drift")
    newcomers_per_s: NotNegative = Field(0.0, description="1/s, models that take the place of the least popular one")


class OfUsers(Protocol):
    """An application: a share of the users."""

    share: float


class OnDevices(OfUsers, Protocol):
    """An application whose users have devices of several classes."""

    classes: dict[str, float]


def trace_as_arrival(values: Any) -> Any:
    """A scenario's values, where `trace=path` stands for `arrivals={"trace": path}`."""
    if isinstance(values, dict) and values.get("trace"):
        return {**values, "trace": "", "arrivals": {**dict(values.get("arrivals") or {}), "trace": values["trace"]}}
    return values


def refuse_shares(applications: Mapping[str, OfUsers], drawn: Mapping[str, Any]) -> None:
    """Shares of the users that do not add up to 1; where one is drawn, they are taken of their sum."""
    total = sum(each.share for each in applications.values())
    if total <= 0.0 or (abs(total - 1.0) > 1e-6 and not shares_drawn(drawn)):
        raise ValueError(f"the applications' shares add up to {total:g}; 1 is needed")


def refuse_classes(applications: Mapping[str, OnDevices], classes: Mapping[str, Any], drawn: Mapping[str, Any]) -> None:
    """Device classes that there are not, or whose shares do not add up to 1 in an application."""
    for name, application in applications.items():
        unknown = [each for each in application.classes if each not in classes]
        if unknown:
            known = ", ".join(classes)
            raise ValueError(f"application {name} runs on {unknown[0]!r}, which is no device class; known are {known}")
        inner = sum(application.classes.values())
        if inner <= 0.0 or (abs(inner - 1.0) > 1e-6 and not shares_drawn(drawn)):
            raise ValueError(f"the device shares of application {name} add up to {inner:g}; 1 is needed")


def shares_drawn(drawn: Mapping[str, Any]) -> bool:
    """Whether episodes draw a share of users or of devices."""
    return any(name.endswith(".share") or ".classes." in name for name in drawn)
