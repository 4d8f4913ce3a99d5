"""The part of a scenario that says which models there are and what they are made of."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from mei_gym.costs.adaptation import lora_weights
from mei_gym.profiles.cited import cited_quality
from mei_gym.profiles.load import architecture_of
from mei_gym.scenarios.resolve import ScenarioError
from mei_gym.scenarios.schema import Part, Positive, Share
from mei_gym.workload.library import Family as FamilyOfModels
from mei_gym.workload.library import Library as LibraryOfModels
from mei_gym.workload.library import library_of_blocks, library_of_families

METHOD = "llama.cpp"  # of the quality table: its formats are those whose stored bits the scenarios take


class Family(Part):
    """A base and the models made of it."""

    base: str = Field(description="the language model that the others are made of")
    plain: bool = Field(True, description="whether users ask for the base itself")
    adapters: int = Field(0, ge=0, le=10_000, description="models that add a LoRA adapter")
    rank: int = Field(16, ge=1, le=1024, description="of the adapters")
    targets: str = Field("qv", description="matrices that the adapters change: qv or all")
    tuned: int = Field(0, ge=0, le=1000, description="fine-tunes whose lowest layers are the base's")
    frozen: list[Share] = Field([0.5], min_length=1, description="share of the layers that they keep, in turn")
    quality_of: str = Field(
        "", description="the model whose published loss by bits stands for this one; empty: its own"
    )


class Library(Part):
    """Families of models at some precisions, or blocks and models written out."""

    families: dict[str, Family] = Field(default_factory=dict, max_length=64)
    stored_bits: dict[int, Positive] = Field(
        {16: 16.0}, min_length=1, max_length=4, description="precisions: bits by name, and bits that a weight takes"
    )
    deduplicated: bool = Field(True, description="whether models share blocks; else each is stored and sent whole")
    blocks: dict[str, float] = Field(
        default_factory=dict, description="bytes of blocks, where the library is written out"
    )
    models: dict[str, list[str]] = Field(default_factory=dict, description="blocks of each model, likewise")
    base: str = Field("", description="the language model that those models run as, likewise")

    @model_validator(mode="before")
    @classmethod
    def _written_out_in_place_of_families(cls, values: Any) -> Any:
        """Models that are written out stand in place of a scenario's families and their precisions."""
        if isinstance(values, dict) and values.get("models"):
            return {**values, "families": {}, "stored_bits": {16: 16.0}}
        return values

    @model_validator(mode="after")
    def _one_way_or_the_other(self) -> Library:
        if self.blocks and not self.models:
            raise ValueError(f"a library has blocks ({', '.join(list(self.blocks)[:3])}) and no models made of them")
        if not (self.families or self.models):
            raise ValueError("a library needs families, or models with blocks")
        if self.models and not self.base:
            raise ValueError("a library of models with blocks needs a base, the language model that they run as")
        return self


def library_of_part(part: Library) -> LibraryOfModels:
    """The library itself.

    Raises:
        ScenarioError: an unknown model, adapter or block.
    """
    try:
        if part.models:
            return library_of_blocks(part.blocks, part.models, architecture_of(part.base).name, part.deduplicated)
        stored_bits = {float(bits): float(stored) for bits, stored in part.stored_bits.items()}
        families = {name: family_of_part(family) for name, family in part.families.items()}
        return library_of_families(families, stored_bits, part.deduplicated)
    except ScenarioError:
        raise
    except ValueError as error:
        raise ScenarioError(str(error)) from None


def family_of_part(family: Family) -> FamilyOfModels:
    """A family with its counts of weights."""
    card = architecture_of(family.base)
    frozen = [family.frozen[number % len(family.frozen)] for number in range(family.tuned)]
    return FamilyOfModels(
        base=card,
        plain=family.plain,
        adapters=family.adapters,
        adapter_weights=lora_weights(card, family.rank, family.targets),
        frozen_layers=tuple(min(card.layers - 1, round(share * card.layers)) for share in frozen),
    )


def quality_losses(part: Library) -> list[list[float]]:
    """Relative rise of perplexity of each base (a row) at each of the library's precisions, as published.

    Raises:
        ScenarioError: a model of which nothing is published at a precision.
    """
    bits = sorted(part.stored_bits, reverse=True)
    if part.models:
        return [[0.0]]
    rows = []
    for name, family in part.families.items():
        model = architecture_of(family.quality_of or family.base).name
        rows.append([loss_at(name, model, each) for each in bits])
    return rows


def loss_at(family: str, model: str, bits: int) -> float:
    """Relative rise of perplexity of a model with weights of so many bits."""
    if bits >= 16:
        return 0.0
    known = [row for row in cited_quality() if row.curve == "weights" and row.method == METHOD]
    for row in known:
        if row.model == model and row.amount == bits:
            return row.perplexity_ratio - 1.0
    there = ", ".join(sorted({row.model for row in known if row.amount == bits})) or "none"
    raise ScenarioError(
        f"Nothing is published of {model} at {bits} bits for the family {family}; quality_of can be one of {there}."
    )
