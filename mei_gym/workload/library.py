"""The models that users may ask for, and the blocks that they are made of.

    model      what a user asks for: a base, a base with a LoRA adapter, or a fine-tune that keeps the lowest layers
    variant    a model at a precision: v = model * precisions + precision
    block      weights that are stored or sent as one: a run of a base's layers at one precision, an adapter, ...

    bytes of a set of variants = sum over the union of their blocks of D_j            D_j  block_bytes[j]

A base of L layers is cut into runs of layers where some fine-tune's frozen part ends; a model of the base shares the
runs below its own, its embedding and its head. At b bits a weight takes the bits that its format stores with its scales
(`stored_bits`). An adapter stays in 16 bits, so a model's precisions share it. Blocks that the same variants use are
one block: what a cache or a transmission needs to know is who shares what. A block takes whole bytes, so that sums of
bytes are exact in whatever order they are made: a store that is as large as what it is to hold holds it.

Source: the library of TrimCaching (arXiv 2405.03990), its models frozen from below; LoRA as served by S-LoRA.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, isfinite
from typing import NamedTuple

import numpy as np

from mei_gym.architectures import Architecture
from mei_gym.spelling import nearest

MOST_MODELS, MOST_BLOCKS = 10_000, 100_000  # chosen: tables of some MB
ADAPTER_BITS = 16.0


class LibraryParams(NamedTuple):
    """What a scenario fixes about the library; `library_params` lays it."""

    models: int
    precisions: int
    variants: int
    blocks: int
    library_bits: np.ndarray  # f8[precisions], falling
    block_bytes: np.ndarray  # f8[blocks]
    variant_first_block: np.ndarray  # i8[variants + 1]: where a variant's blocks begin in `variant_block`
    variant_block: np.ndarray  # i8[uses]: blocks, rising within a variant
    variant_bytes: np.ndarray  # f8[variants]: of its blocks
    model_base: np.ndarray  # i8[models]: which base a model is of


class Family(NamedTuple):
    """A base and the models made of it."""

    base: Architecture
    plain: bool = True  # whether users ask for the base itself
    adapters: int = 0  # models that add an adapter to the base
    adapter_weights: int = 0  # of each
    frozen_layers: tuple[int, ...] = ()  # of each fine-tune: how many of its lowest layers are the base's


class Library(NamedTuple):
    """Models as sets of blocks, with the names that tables and pictures show."""

    models: tuple[str, ...]
    bits: tuple[float, ...]
    block_bytes: dict[str, float]
    uses: tuple[frozenset[str], ...]  # the blocks of each variant
    base_of: tuple[int, ...]  # of each model
    bases: tuple[str, ...]

    def variants_of(self, model: int) -> range:
        """The numbers of a model's variants, the most bits first."""
        return range(model * len(self.bits), (model + 1) * len(self.bits))


def library_of_families(
    families: Mapping[str, Family], stored_bits: Mapping[float, float], deduplicated: bool = True
) -> Library:
    """The library of some families at some precisions.

    Args:
        families: by name, which their models' names begin with.
        stored_bits: bits that a weight takes in the memory, by the precision's nominal bits (16: 16).
        deduplicated: whether variants share blocks; otherwise each is one block of its own.

    Raises:
        ValueError: no models, or a fine-tune that freezes more layers than there are.
    """
    bits = tuple(sorted(map(float, stored_bits), reverse=True))
    models: dict[str, list[dict[str, float]]] = {}
    base_of: list[int] = []
    for number, (name, family) in enumerate(families.items()):
        made = models_of_family(name, family, {each: float(stored_bits[each]) for each in bits})
        models.update(made)
        base_of += [number] * len(made)
    return library_of(models, bits, tuple(base_of), tuple(each.base.name for each in families.values()), deduplicated)


def models_of_family(
    name: str, family: Family, stored_bits: Mapping[float, float]
) -> dict[str, list[dict[str, float]]]:
    """The blocks of each of a family's models, at each precision, with their bytes."""
    card = family.base
    for frozen in family.frozen_layers:
        if not 0 <= frozen < card.layers:
            raise ValueError(f"frozen_layers is {frozen} of {name}; 0 to {card.layers - 1} is accepted.")
    starts = sorted({0, *family.frozen_layers})
    runs = list(zip(starts, [*starts[1:], card.layers]))
    ends_weights = card.weights - card.layers * card.block_weights  # embedding, head and the last norm

    def parts(owner_of_run: Mapping[int, str], bits: float) -> dict[str, float]:
        stored = stored_bits[bits] / 8.0
        found = {f"{name}/ends@{bits:g}": ends_weights * stored}
        for first, last in runs:
            owner = owner_of_run.get(first, name)
            found[f"{owner}/{first}-{last}@{bits:g}"] = (last - first) * card.block_weights * stored
        return found

    made: dict[str, list[dict[str, float]]] = {}
    if family.plain:
        made[name] = [parts({}, bits) for bits in stored_bits]
    for number in range(family.adapters):
        adapter = {f"{name}/lora{number}": family.adapter_weights * ADAPTER_BITS / 8.0}
        made[f"{name}/lora{number}"] = [{**parts({}, bits), **adapter} for bits in stored_bits]
    for number, frozen in enumerate(family.frozen_layers):
        own = f"{name}/tuned{number}"
        made[own] = [parts({first: own for first, _ in runs if first >= frozen}, bits) for bits in stored_bits]
    return made


def library_of_blocks(
    blocks: Mapping[str, float],
    models: Mapping[str, Sequence[str]],
    base: str,
    deduplicated: bool = True,
) -> Library:
    """A library that is written out: bytes of each block, and the blocks of each model; one precision of 16 bits.

    Raises:
        ValueError: a model that refers to an unknown block or to none, or a block without bytes.
    """
    for name, size in blocks.items():
        if not (isfinite(size) and size > 0.0):
            raise ValueError(f"The block {name!r} has {size} bytes; a finite number above 0 is accepted.")
    for model, used in models.items():
        if not used:
            raise ValueError(f"The model {model!r} has no blocks; at least 1 is needed.")
        for block in used:
            if block not in blocks:
                raise ValueError(f"The model {model!r} refers to the block {block!r}; {nearest(block, blocks)}")
    parts = {model: [{block: float(blocks[block]) for block in used}] for model, used in models.items()}
    return library_of(parts, (16.0,), (0,) * len(parts), (base,), deduplicated)


def library_of(
    models: Mapping[str, Sequence[Mapping[str, float]]],
    bits: tuple[float, ...],
    base_of: tuple[int, ...],
    bases: tuple[str, ...],
    deduplicated: bool,
) -> Library:
    """The library of models given as blocks with bytes, a mapping for each precision; like blocks are joined."""
    if not 1 <= len(models) <= MOST_MODELS:
        raise ValueError(f"The library has {len(models)} models; 1 to {MOST_MODELS} are accepted.")
    variants = [
        {block: float(ceil(size)) for block, size in parts.items()} for each in models.values() for parts in each
    ]
    if not deduplicated:
        names = [f"{model}@{each:g}" for model in models for each in bits]
        variants = [{name: sum(parts.values())} for name, parts in zip(names, variants)]
    users: dict[str, list[int]] = {}
    sizes: dict[str, float] = {}
    for number, parts in enumerate(variants):
        for block, size in parts.items():
            if sizes.setdefault(block, size) != size:
                raise ValueError(
                    f"The block {block!r} has {sizes[block]:g} bytes in one model and {size:g} in another."
                )
            users.setdefault(block, []).append(number)
    joined: dict[tuple[int, ...], str] = {}
    block_bytes: dict[str, float] = {}
    used: list[set[str]] = [set() for _ in variants]
    for block, who in users.items():
        name = joined.setdefault(tuple(who), block)
        block_bytes[name] = block_bytes.get(name, 0.0) + sizes[block]
        for number in who:
            used[number].add(name)
    if len(block_bytes) > MOST_BLOCKS:
        raise ValueError(f"The library has {len(block_bytes)} blocks; up to {MOST_BLOCKS} are accepted.")
    return Library(tuple(models), bits, block_bytes, tuple(map(frozenset, used)), base_of, bases)


def library_params(library: Library) -> LibraryParams:
    """The library as the rules read it."""
    number = {block: place for place, block in enumerate(library.block_bytes)}
    uses = [sorted(number[block] for block in used) for used in library.uses]
    sizes = np.array(list(library.block_bytes.values()))
    return LibraryParams(
        models=len(library.models),
        precisions=len(library.bits),
        variants=len(uses),
        blocks=len(number),
        library_bits=np.array(library.bits),
        block_bytes=sizes,
        variant_first_block=np.concatenate(([0], np.cumsum([len(used) for used in uses]))).astype(np.int64),
        variant_block=np.array([block for used in uses for block in used], np.int64),
        variant_bytes=np.array([sizes[used].sum() for used in uses]),
        model_base=np.array(library.base_of, np.int64),
    )


def bytes_of_set(library: Library, variants: Iterable[int]) -> float:
    """Bytes of the union of some variants' blocks."""
    held: set[str] = set()
    for variant in variants:
        held |= library.uses[variant]
    return sum(library.block_bytes[block] for block in held)


def storage_efficiency(library: Library, variants: Iterable[int]) -> float:
    """A ratio: bytes of some variants stored each by itself, over those of the union of their blocks."""
    chosen = list(variants)
    alone = sum(bytes_of_set(library, [variant]) for variant in chosen)
    return alone / bytes_of_set(library, chosen)
