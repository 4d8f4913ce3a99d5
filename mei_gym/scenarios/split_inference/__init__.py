"""What a SplitInference world is: the values that a scenario fixes, their ranges and their reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from mei_gym.costs.transfer import TEXT_BYTES_PER_TOKEN
from mei_gym.scenarios.parts import Arrivals, Network, Radio, Server, refuse_classes, refuse_shares, trace_as_arrival
from mei_gym.scenarios.resolve import names as scenario_names
from mei_gym.scenarios.resolve import resolve as resolve_in
from mei_gym.scenarios.schema import NotNegative, Part, Positive, Share, Spread, WorldScenario

FOLDER = Path(__file__).parent


class Application(Part):
    """An application: who runs it, what it asks, and what it needs."""

    share: Share = Field(description="of the users")
    classes: dict[str, Share] = Field(description="shares of the device classes among its users", min_length=1)
    lengths: str = Field(description="named lengths of prompts and answers (workload.lengths)")
    answer_limit: int = Field(4096, ge=1, le=4096, description="tokens, besides the scenario's own limit")
    ttft_target_s: Positive = Field(description="s, time to the first token that counts as prompt")
    tpot_target_s: Positive = Field(description="s, time per further token that counts as fluent")
    leakage_budget: Share = Field(description="leakage accepted; 1: the prompt is no secret")
    leakage_hard: bool = Field(False, description="whether what leaks more is not to be sent at all")
    prompt_bytes_per_token: Positive = Field(
        TEXT_BYTES_PER_TOKEN, description="bytes, of a prompt that travels as it is; 4: text"
    )
    ttft_weight: NotNegative = Field(description="worth of a first token in time")
    tpot_weight: NotNegative = Field(description="worth of a fluent answer")
    energy_weight: NotNegative = Field(description="cost of one request's energy allowance")
    leakage_weight: NotNegative = Field(description="cost of leaking everything over the budget")
    quality_weight: NotNegative = Field(description="cost of a perplexity twice as high")


class DeviceClass(Part):
    """A class of devices: a device card, and how its owner lives with it."""

    card: str = Field(description="device card (mei-gym profiles)")
    pressure_share: Share = Field(description="of the apps' memory, taken by other apps on average")
    pressure_spread: Share = Field(description="standard deviation of that share")
    requests_per_charge: Positive = Field(description="requests that a battery should last for, by this use alone")
    battery_share: Share = Field(description="of a charge that its owner gives to this use")
    speed_mps: NotNegative = Field(description="m/s, mean speed of its users")
    mobility: str = Field("gauss_markov", description="how they move (network.movement)")
    layers_from: Literal["flash", "air"] = Field(description="where layers that are not in memory come from")
    fetch_power_w: NotNegative = Field(description="W, while layers are loaded")


class Curve(Part):
    """A curve over the cuts: measured on a real model, or a few numbers that are cited or chosen."""

    origin: Literal["measured", "cited", "chosen"]
    source: str = Field(min_length=8)
    measured_on: str = Field("", description="the model whose measured curve is read at the same relative depth")
    corpus: str = Field("wiki", description="text on which it was measured")

    @model_validator(mode="before")
    @classmethod
    def _a_measured_curve_has_a_model(cls, values: Any) -> Any:
        """Measured: `measured_on` is needed; cited or chosen: the numbers are, and `measured_on` is passed over."""
        if not isinstance(values, dict):
            return values
        if values.get("origin") != "measured":
            return {**values, "measured_on": ""}
        if not values.get("measured_on"):
            raise ValueError("a measured curve needs measured_on, the model that it was measured on")
        return values


class Leakage(Curve):
    """Share of a prompt's tokens that an attacker reads at a cut: `edge` at cut 0, none at the last."""

    edge: Share = Field(1.0, description="at cut 0, where the prompt itself travels")
    shallow: Share = Field(1.0, description="after the first layer, where the curve is not measured")
    deep: Share = Field(1.0, description="before the last layer, likewise; a line runs between them")


class Quality(Curve):
    """Relative rise of perplexity when activations travel with fewer bits, in groups of 64 channels."""

    bits_8: NotNegative = Field(0.0, description="with 8 bits, where the curve is not measured")
    bits_4: NotNegative = Field(0.0, description="with 4 bits, likewise")


class SplitInferenceScenario(WorldScenario):
    """A whole world, frozen."""

    model: str = Field(description="the language model")
    server: Server
    network: Network = Field(default_factory=lambda: Network.model_validate({}))
    radio: Radio
    users: int = Field(ge=1, le=4096, description="users of the cell")
    requests_per_s: Positive = Field(description="1/s, of all users together, mean over a day")
    background_per_s: NotNegative = Field(description="1/s, requests of other cells' users at the server")
    background_lengths: str = Field(description="named lengths of their prompts and answers (workload.lengths)")
    arrivals: Arrivals = Field(default_factory=lambda: Arrivals.model_validate({}))
    trace: str = Field("", description="short for arrivals.trace: a trace that the users' requests replay")
    day_s: Positive = Field(description="s, how long the day's swell takes; shorter than a day: compressed")
    day_strength: Share = Field(description="0: no swell; 1: as at ServeGen m-small")
    activity_spread: Spread = Field(description="standard deviation of the logarithm of users' activity")
    prompt_limit: int = Field(ge=16, le=8192, description="tokens; longer prompts are cut")
    answer_limit: int = Field(ge=1, le=4096, description="tokens; longer answers are cut")
    applications: dict[str, Application] = Field(min_length=1, max_length=8)
    device_classes: dict[str, DeviceClass] = Field(min_length=1, max_length=8)
    battery_low: Share = Field(description="charge at the beginning: uniform from here")
    battery_high: Share = Field(description="to here")
    battery_reserve: Share = Field(description="below this charge a device computes nothing")
    pressure_time_s: Positive = Field(description="s, correlation time of other apps' memory")
    lateness: float = Field(gt=1, allow_inf_nan=False, description="a time this many targets long is worth nothing")
    patience_s: Positive = Field(description="s, after which a user gives up whose prompt has not begun to run")
    leakage: Leakage
    quality: Quality

    @model_validator(mode="before")
    @classmethod
    def _trace_is_an_arrival(cls, values: Any) -> Any:
        """`trace=path` stands for `arrivals={"trace": path}`."""
        return trace_as_arrival(values)

    @model_validator(mode="after")
    def _sizes_are_fixed(self) -> SplitInferenceScenario:
        if "server.requests_at_once" in self.drawn:
            raise ValueError("server.requests_at_once sizes the table of requests and cannot be drawn; give one value")
        return self

    @model_validator(mode="after")
    def _shares_fit_together(self) -> SplitInferenceScenario:
        refuse_shares(self.applications, self.drawn)
        refuse_classes(self.applications, self.device_classes, self.drawn)
        if self.battery_low > self.battery_high:
            raise ValueError(
                f"battery_low is {self.battery_low}; at most battery_high, {self.battery_high}, is accepted"
            )
        return self


def resolve(name: str, overrides: dict[str, Any]) -> SplitInferenceScenario:
    """The scenario of a name or YAML path, with overrides."""
    return resolve_in(FOLDER, SplitInferenceScenario, name, overrides)


def names() -> list[str]:
    """The scenarios that ship with the package."""
    return scenario_names(FOLDER)
