"""What every scenario is made of: frozen parts whose numbers have ranges, and the values that episodes draw."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Spread = Annotated[
    float, Field(ge=0, le=3)
]  # of a logarithm: beyond 3, one value in six is 20 times the median or more


class Part(BaseModel):
    """A frozen part of a scenario; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WorldScenario(Part):
    """What all whole scenarios have."""

    name: str
    summary: str
    drawn: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="laws of the values that each episode draws, by dotted name"
    )
