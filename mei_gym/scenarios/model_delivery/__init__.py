"""What a ModelDelivery world is: the values that a scenario fixes, their ranges and their reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from mei_gym.scenarios.library import Library
from mei_gym.scenarios.parts import Arrivals, Network, Number, Popularity, refuse_classes, refuse_shares
from mei_gym.scenarios.resolve import names as scenario_names
from mei_gym.scenarios.resolve import resolve as resolve_in
from mei_gym.scenarios.schema import NotNegative, Part, Positive, Share, Spread, WorldScenario

FOLDER = Path(__file__).parent


class Application(Part):
    """An application: who asks for models, how soon they are needed, and what a delivery is worth."""

    share: Share = Field(description="of the users")
    classes: dict[str, Share] = Field(description="shares of the device classes among its users", min_length=1)
    deadline_low: Positive = Field(description="least deadline, in times of the model's download by TS 22.261")
    deadline_high: Positive = Field(description="greatest deadline, likewise; uniform between them")
    worth: Positive = Field(1.0, description="of a model delivered in time, as it is with the most bits")
    quality_weight: NotNegative = Field(description="share of the worth that a perplexity twice as high would cost")
    late_weight: NotNegative = Field(description="cost of a request that was not served in time")

    @model_validator(mode="after")
    def _low_is_low(self) -> Application:
        if self.deadline_low > self.deadline_high:
            raise ValueError(f"deadline_low is {self.deadline_low:g}; at most deadline_high is accepted")
        return self


class DeviceClass(Part):
    """A class of devices: a device card, what it computes with, and how its owner moves."""

    card: str = Field(description="device card (mei-gym profiles)")
    least_bits: float = Field(ge=1, le=32, description="fewest bits of weights that it computes with")
    speed_mps: NotNegative = Field(description="m/s, mean speed of its users")
    mobility: str = Field("gauss_markov", description="how they move (network.movement)")


class CellPopularity(Popularity):
    """Which models are asked for, and how often that is brought up to date."""

    look_s: Positive = Field(description="s, after which popularities are brought up to date")


class Station(Part):
    """The base station's power: P = asleep, or awake + slope x radiated (EARTH's linear model)."""

    power_slope: NotNegative = Field(description="W drawn for each W radiated")
    awake_w: NotNegative = Field(description="W more than asleep, while it sends")


class ModelDeliveryScenario(WorldScenario):
    """A whole world, frozen."""

    library: Library
    network: Network = Field(default_factory=lambda: Network.model_validate({}))
    cell: dict[str, Number | str] = Field(default_factory=dict, description="values of network.cell.CellParams")
    station: Station
    users: int = Field(ge=1, le=4096, description="users of the cell")
    requests: int = Field(ge=1, le=100_000, description="of an episode")
    requests_per_s: Positive = Field(description="1/s, of all users together, mean over a day")
    requests_at_once: int = Field(ge=1, le=256, description="requests that may be pending; beyond it one is refused")
    arrivals: Arrivals = Field(default_factory=lambda: Arrivals.model_validate({}))
    day_s: Positive = Field(description="s, how long the day's swell takes; shorter than a day: compressed")
    day_strength: Share = Field(description="0: no swell; 1: as at ServeGen m-small")
    activity_spread: Spread = Field(description="standard deviation of the logarithm of users' activity")
    popularity: CellPopularity
    applications: dict[str, Application] = Field(min_length=1, max_length=8)
    device_classes: dict[str, DeviceClass] = Field(min_length=1, max_length=8)
    look_s: Positive = Field(description="s between two reports of where pending users are and what they receive")
    wait_s: Positive = Field(description="s that waiting takes at most")
    rate_memory_s: Positive = Field(description="s that a request counts in the rates that are shown")
    energy_weight: NotNegative = Field(description="cost of the energy allowance")
    energy_allowance_j: Positive = Field(description="J that the energy is measured by")
    air_weight: NotNegative = Field(description="cost of the air allowance")
    air_allowance_s: Positive = Field(description="s of a cell's whole downlink that the air is measured by")

    @model_validator(mode="after")
    def _sizes_are_fixed(self) -> ModelDeliveryScenario:
        for name in self.drawn:
            if name in ("requests_at_once", "requests") or name.startswith("library."):
                raise ValueError(f"{name} is the same in every episode and cannot be drawn; give one value")
        return self

    @model_validator(mode="after")
    def _shares_fit_together(self) -> ModelDeliveryScenario:
        refuse_shares(self.applications, self.drawn)
        refuse_classes(self.applications, self.device_classes, self.drawn)
        return self


def resolve(name: str, overrides: dict[str, Any]) -> ModelDeliveryScenario:
    """The scenario of a name or YAML path, with overrides."""
    return resolve_in(FOLDER, ModelDeliveryScenario, name, overrides)


def names() -> list[str]:
    """The scenarios that ship with the package."""
    return scenario_names(FOLDER)
