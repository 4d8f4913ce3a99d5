"""What a Porch's world is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from mei_gym.scenarios.resolve import resolve as resolve_in
from mei_gym.scenarios.schema import NotNegative, Positive, WorldScenario

FOLDER = Path(__file__).parent


class PorchScenario(WorldScenario):
    """A whole world, frozen."""

    servers: int = Field(ge=1, le=8, description="a prompt goes to the least busy one")
    bandwidth_hz: Positive = Field(description="Hz, of the uplink")
    power_w: Positive = Field(description="W, of the phone's radio")
    slot_s: Positive = Field(description="s between two prompts")
    s_per_joule: NotNegative = Field(description="s, what a joule is worth")
    order: Literal["least", "first"] = Field("least", description="which server answers: the least busy or the first")


def resolve(name: str, overrides: dict[str, Any]) -> PorchScenario:
    """The scenario of a name or YAML path, with overrides."""
    return resolve_in(FOLDER, PorchScenario, name, overrides)
