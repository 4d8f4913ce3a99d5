"""Which sets of shared blocks a server may hold: what TrimCaching Spec enumerates, laid out once for a library.

A block is *shared* if variants of more than one model use it; a variant's other blocks are its *specific* bytes. Of all
2^n sets of n shared blocks only unions of variants' shared blocks can be best: another set has a block that nobody who
is there uses. Models that share nothing, directly or through others, are of different *families*, and the best sets of
two families are found apart. So the unions of each family are enumerated for itself, which finds the placement that all
2^n sets would: for three bases with 12, 24 and 20 depths of frozen layers, 59 unions in place of 2^56 sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mei_gym.workload.library import LibraryParams

MOST_UNIONS = 4096  # chosen, of one family: a placement of seconds

Blocks = frozenset[int]


class Unions(NamedTuple):
    """The unions of all families, and what each lets a server choose from: at most one variant of each model.

    A union that *grows* holds the one before it and adds models that were not there: the knapsack goes on with the
    table that it has, over the new models alone. Otherwise all of its models are choices.
    """

    family_first_union: np.ndarray  # i8[families + 1]
    union_bytes: np.ndarray  # f8[unions]
    union_grows: np.ndarray  # i8[unions]
    union_first_choice: np.ndarray  # i8[unions + 1]
    choice_first_option: np.ndarray  # i8[choices + 1]: a choice is of a model
    option_variant: np.ndarray  # i8[options]
    option_bytes: np.ndarray  # f8[options]: specific bytes


def unions_of(library: LibraryParams, most: int = MOST_UNIONS) -> Unions:
    """The unions of a library's families.

    Raises:
        ValueError: a family has more than `most` unions.
    """
    size, shared = library.block_bytes, shared_blocks(library)
    first_union, first_choice, first_option = [0], [0], [0]
    union_bytes, grows, options = [], [], []
    for models in families_of(shared, library.precisions):
        before: Blocks | None = None
        seen: set[int] = set()
        for union in closed_under_union((shared[v] for each in models for v in each), most, len(models)):
            choices = [[v for v in each if shared[v] <= union] for each in models]
            there = {number for number, each in enumerate(choices) if each}
            goes_on = (
                before is not None
                and before < union
                and all(shared[v] <= before for number in seen for v in choices[number])
            )
            for number in sorted(there - seen if goes_on else there):
                options += choices[number]
                first_option.append(len(options))
            grows.append(int(goes_on))
            union_bytes.append(float(sum(size[block] for block in union)))
            first_choice.append(len(first_option) - 1)
            before, seen = union, there
        first_union.append(len(union_bytes))
    specific = [library.variant_bytes[v] - sum(size[block] for block in shared[v]) for v in options]
    whole = (np.array(each, np.int64) for each in (first_union, grows, first_choice, first_option, options))
    family_first, grown, choice_first, option_first, variants = whole
    return Unions(
        family_first, np.array(union_bytes), grown, choice_first, option_first, variants, np.maximum(specific, 0.0)
    )


def shared_blocks(library: LibraryParams) -> list[Blocks]:
    """Of each variant: its blocks that variants of other models use too."""
    used = np.split(library.variant_block, library.variant_first_block[1:-1])
    users: list[set[int]] = [set() for _ in range(library.blocks)]
    for variant, blocks in enumerate(used):
        for block in blocks:
            users[block].add(variant // library.precisions)
    return [frozenset(int(block) for block in blocks if len(users[block]) > 1) for blocks in used]


def families_of(shared: Sequence[Blocks], precisions: int) -> list[list[range]]:
    """Families of models, each model as the range of its variants; those that share nothing are one family."""
    models = [range(first, first + precisions) for first in range(0, len(shared), precisions)]
    families: list[tuple[set[int], list[int]]] = [(set(), [])]
    for number, variants in enumerate(models):
        blocks = set().union(*(shared[v] for v in variants))
        members = [number]
        if blocks:
            for family in [each for each in families if each[0] & blocks]:
                families.remove(family)
                blocks |= family[0]
                members += family[1]
            families.append((blocks, members))
        else:
            families[0][1].append(number)
    return [[models[number] for number in sorted(members)] for _, members in families if members]


def closed_under_union(sets: Iterable[Blocks], most: int, models: int) -> list[Blocks]:
    """All unions of some sets, of none too, the smallest first."""
    found: set[Blocks] = {frozenset()}
    for each in set(sets):
        found |= {each | other for other in found}
        if len(found) > most:
            raise ValueError(
                f"The {models} models of a family have more than {most} unions of shared blocks, too many to try each; "
                "the greedy placement needs none."
            )
    return sorted(found, key=lambda union: (len(union), sorted(union)))
