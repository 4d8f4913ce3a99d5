"""A campaign's file: which experiments, in which scenarios, with which training seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from agents.experiment import CONFIGS, Experiment, ExperimentError, Part, load, nearest, read


class Campaign(Part):
    """A campaign, frozen."""

    name: str
    summary: str = ""
    experiments: tuple[str, ...] = Field(min_length=1, description="files of configs/experiments, without .yaml")
    scenarios: tuple[str, ...] = Field(("default",), min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0, lt=100)], ...] = Field((0, 1, 2, 3, 4), min_length=1)


def load_campaign(path: Path) -> Campaign:
    """The campaign of a file."""
    values = read(path)
    for key in values:
        if key not in Campaign.model_fields:
            raise ExperimentError(f"There is no key {key!r} in a campaign; {nearest(key, Campaign.model_fields)}")
    try:
        return Campaign.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ExperimentError(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']} (given: {fault['input']!r})."
        ) from None


def matrix(
    campaign: Campaign, path: Path, scenario: str, settings: Sequence[str] = ()
) -> Iterator[tuple[str, Experiment]]:
    """Folder name and experiment of every run in a scenario, one seed of all experiments after the other."""
    beside = path.parent.parent / "experiments"
    folder = beside if beside.is_dir() else CONFIGS / "experiments"
    for seed in campaign.seeds:
        for name in campaign.experiments:
            experiment = load(folder / f"{name}.yaml", [f"scenario={scenario}", f"seed={seed}", *settings])
            yield f"{experiment.name}_seed{seed}", experiment
