"""What an EdgeCaching world is: the values that a scenario fixes, their ranges and their reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from mei_gym.costs.transfer import TEXT_BYTES_PER_TOKEN
from mei_gym.scenarios.library import Library
from mei_gym.scenarios.parts import Arrivals, Network, Number, Popularity, Radio, refuse_shares, trace_as_arrival
from mei_gym.scenarios.resolve import names as scenario_names
from mei_gym.scenarios.resolve import resolve as resolve_in
from mei_gym.scenarios.schema import NotNegative, Part, Positive, Share, Spread, WorldScenario

FOLDER = Path(__file__).parent


class Application(Part):
    """An application: what it asks, and what it needs."""

    share: Share = Field(description="of the users")
    lengths: str = Field(description="named lengths of prompts and answers (workload.lengths)")
    answer_limit: int = Field(4096, ge=1, le=4096, description="tokens, besides the scenario's own limit")
    ttft_target_s: Positive = Field(description="s, time to the first token")
    tpot_target_s: Positive = Field(description="s, time per further token; both make the deadline of an answer")
    prompt_bytes_per_token: Positive = Field(TEXT_BYTES_PER_TOKEN, description="bytes; 4: text")
    worth: NotNegative = Field(description="of a perfect answer in time")
    quality_weight: NotNegative = Field(description="share of the worth that a perplexity twice as high costs")
    speed_mps: NotNegative = Field(description="m/s, mean speed of its users")
    mobility: str = Field("gauss_markov", description="how they move (network.movement)")


class Servers(Part):
    """The edge servers, one at each served site, all alike."""

    device: str = Field(description="measured device")
    store_bytes: Positive = Field(description="bytes for models in a server's memory")
    accelerator_bytes: Positive = Field(description="bytes for weights in the accelerator's memory")
    load_from: Literal["disk_to_ram", "ram_to_gpu_pageable", "ram_to_gpu_pinned"] = Field(
        description="the measured path from the store to the accelerator"
    )
    answers_at_once: int = Field(
        ge=1, le=64, description="answers that decode at once; a server with more is passed over"
    )


class Backhaul(Part):
    """The wires between the servers and to the cloud."""

    layout: str = Field("star", description="star or mesh (network.backhaul)")
    preset: str = Field("reference", description="kind of wires, by name")
    wires: dict[str, Number] = Field(default_factory=dict, description="values of the wires, by name")


class SitesPopularity(Popularity):
    """Which models are asked for, and how far sites differ in that."""

    ring_share: Share = Field(description="of the models, that are popular elsewhere than at another site")


class EdgeCachingScenario(WorldScenario):
    """A whole world, frozen."""

    library: Library
    popularity: SitesPopularity
    servers: Servers
    backhaul: Backhaul
    network: Network
    radio: Radio
    air_share: Positive = Field(le=1, description="of a cell's rate, for one user's transfer")
    users: int = Field(ge=1, le=4096, description="users of all cells")
    requests_per_s: float = Field(
        ge=1e-3,
        allow_inf_nan=False,
        description="1/s, of all users together, mean over a day; arrivals are found by the second",
    )
    arrivals: Arrivals = Field(default_factory=lambda: Arrivals.model_validate({}))
    trace: str = Field("", description="short for arrivals.trace: a trace that the users' requests replay")
    day_s: Positive = Field(description="s, how long the day's swell takes; shorter than a day: compressed")
    day_strength: Share = Field(description="0: no swell; 1: as at ServeGen m-small")
    activity_spread: Spread = Field(description="standard deviation of the logarithm of users' activity")
    prompt_limit: int = Field(ge=16, le=8192, description="tokens; longer prompts are cut")
    answer_limit: int = Field(ge=1, le=4096, description="tokens; longer answers are cut")
    applications: dict[str, Application] = Field(min_length=1, max_length=8)
    epoch_s: Positive = Field(description="s between two decisions of one server")
    memory_s: Positive = Field(description="s, how long a request counts in the estimated popularity")
    eviction: Literal["value", "lru", "lfu", "greedy_dual", "chosen"] = Field(
        description="what goes when room is needed: value, lru, lfu, greedy_dual, or chosen by the action"
    )
    lateness: float = Field(
        gt=1, allow_inf_nan=False, description="an answer this many deadlines late is worth nothing"
    )
    cloud_price: NotNegative = Field(description="of an answer from the cloud, as a share of its worth")
    relay_price: NotNegative = Field(description="of an answer from another site's server, likewise")
    backhaul_price_per_byte: NotNegative = Field(description="of fetching from the cloud")
    edge_price_per_byte: NotNegative = Field(description="of fetching from another server")
    energy_price_per_j: NotNegative = Field(description="of the accelerators' energy")

    @model_validator(mode="before")
    @classmethod
    def _trace_is_an_arrival(cls, values: Any) -> Any:
        """`trace=path` stands for `arrivals={"trace": path}`."""
        return trace_as_arrival(values)

    @model_validator(mode="after")
    def _sizes_are_fixed(self) -> EdgeCachingScenario:
        for name in self.drawn:
            if name.startswith(("library.", "network.")) or name == "servers.answers_at_once":
                raise ValueError(f"{name} is the same in every episode and cannot be drawn; give one value")
        if self.network.backhaul or self.network.wires:
            raise ValueError(
                "the servers' wires are those of backhaul; network.backhaul and network.wires are not read"
            )
        return self

    @model_validator(mode="after")
    def _shares_fit_together(self) -> EdgeCachingScenario:
        refuse_shares(self.applications, self.drawn)
        return self


def resolve(name: str, overrides: dict[str, Any]) -> EdgeCachingScenario:
    """The scenario of a name or YAML path, with overrides."""
    return resolve_in(FOLDER, EdgeCachingScenario, name, overrides)


def names() -> list[str]:
    """The scenarios that ship with the package."""
    return scenario_names(FOLDER)
