"""The survey's claims on caching and delivery, each beside what this suite measures.

A claim is a range of ratios (or a hit ratio). A *case* is a setting in which the ratio was measured; its verdict says
whether it lies below, within or above the claim. What a case stands on is named with it: computed from architectures,
cited from others' tables, or simulated here. The survey: arXiv 2407.18921.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from agents.reproduce import trimcaching
from agents.reproduce.multicast import Gain
from agents.reproduce.resnet import tuned_library
from agents.statistics import Bootstrap, Estimate
from mei_gym.compiled import plain
from mei_gym.costs.adaptation import lora_weights
from mei_gym.costs.memory import stored_bytes
from mei_gym.profiles.cited import cited_quality
from mei_gym.profiles.curves import load_curves
from mei_gym.profiles.load import architecture_of
from mei_gym.workload.library import Family, Library, library_of_families, storage_efficiency

STORAGE, BYTES, HITS, MULTICAST = "storage efficiency", "fewer bytes", "hit ratio", "multicast efficiency"
CLAIMS = {
    STORAGE: (5.0, 10.0),
    BYTES: (4.0, 8.0),
    HITS: (0.8, 1.0),
    MULTICAST: (3.0, 5.0),
}  # as the survey has them
BASES = ("Llama-2-7B", "Llama-3-8B", "Qwen2.5-7B", "Mistral-7B")
RANK = 16  # of adapters, on query and value matrices
WHOLE = {16.0: 16.0}
FORMATS = {16.0: 16.0, 8.0: 8.5, 4.0: 4.89}  # bits a weight takes: llama.cpp f16, q8_0, q4_K_M (quoted: its README)
VARIANTS = (1, 2, 4, 6, 8, 10, 16, 32, 64)  # of a base
QUALITY = {8.0: "q8_0", 4.0: "q4_K_M"}
MEASURED, GROUPED = "SmolLM2-135M", "group 64, asymmetric"  # curves of quality that were measured for this project
LIBRARIES = 20  # drawn


class Case(NamedTuple):
    """A measurement for a claim."""

    claim: str
    case: str
    value: Estimate  # an interval of no width where nothing is drawn
    stands_on: str

    @property
    def verdict(self) -> str:
        """Where the value lies: the interval too, or it is said that it reaches across an end."""
        low, high = CLAIMS[self.claim]
        if self.value.high < low:
            return "below"
        if self.value.low > high:
            return "above"
        return "within" if self.value.low >= low and self.value.high <= high else "across an end"


def exact(value: float) -> Estimate:
    """A number that nothing was drawn for."""
    return Estimate(value, value, value)


def lora_family(base: str, adapters: int) -> Family:
    """A base that users ask for, and adapters on it."""
    card = architecture_of(base)
    return Family(card, True, adapters, lora_weights(card, RANK))


def frozen_family(base: str, tuned: int, share: float) -> Family:
    """A base that users ask for, and fine-tunes that keep this share of its layers, the lowest ones."""
    card = architecture_of(base)
    return Family(card, True, frozen_layers=(round(share * card.layers),) * tuned)


def adapter_share() -> float:
    """Of a model's bytes, what is its adapter's."""
    card = architecture_of(BASES[0])
    weights = lora_weights(card, RANK)
    return weights / (card.weights + weights)


def efficiency_of(library: Library) -> float:
    """Of all of a library."""
    return storage_efficiency(library, range(len(library.uses)))


def efficiency_by_variants(kind: str, variants: int) -> float:
    """Storage efficiency of Llama-2-7B with so many models made of it, itself among them."""
    others, base = variants - 1, BASES[0]
    if kind == "LoRA":
        return efficiency_of(library_of_families({"a": lora_family(base, others)}, WHOLE))
    if kind == "LoRA in 16, 8 and 4 bits":
        return efficiency_of(library_of_families({"a": lora_family(base, others)}, FORMATS))
    share = float(kind.removeprefix("frozen to "))
    return efficiency_of(library_of_families({"a": frozen_family(base, others, share)}, WHOLE))


KINDS = ("LoRA", "LoRA in 16, 8 and 4 bits", "frozen to 0.9", "frozen to 0.75", "frozen to 0.5")


def storage_cases() -> Iterator[Case]:
    """Storage efficiency: bytes of models stored each by itself over those of the union of their blocks."""
    stands = "computed from architectures"
    for kind in KINDS:
        for variants in (2, 6, 10, 32):
            case = f"{BASES[0]}, {kind}, {variants} models"
            yield Case(STORAGE, case, exact(efficiency_by_variants(kind, variants)), stands)
    families = {base: lora_family(base, 7) for base in BASES}
    yield Case(
        STORAGE, "4 bases, 8 LoRA models of each", exact(efficiency_of(library_of_families(families, WHOLE))), stands
    )
    mixed = {base: lora_family(base, 6)._replace(frozen_layers=(architecture_of(base).layers // 2,)) for base in BASES}
    yield Case(
        STORAGE, "4 bases, 7 LoRA models and a half-frozen one of each",
        exact(efficiency_of(library_of_families(mixed, WHOLE))), stands,
    )  # fmt: skip
    for models in (99, 300):
        drawn = [efficiency_of(tuned_library(models, np.random.default_rng((seed, 5)))) for seed in range(LIBRARIES)]
        value = Bootstrap(LIBRARIES).estimate(np.array([drawn]))
        yield Case(STORAGE, f"TrimCaching's ResNets, {models} models", value, "computed; depths recalled, drawn")


def bytes_cases() -> Iterator[Case]:
    """Bytes of a model as it is over those of a quantised one, scales included, with the quality that it costs."""
    published = [row for row in cited_quality() if row.curve == "weights" and row.method == "llama.cpp"]
    own = load_curves("quality", MEASURED)
    for bits, format_name in QUALITY.items():
        cited = [row.perplexity_ratio - 1.0 for row in published if row.setting == format_name]
        measured = np.expm1(own.rows(curve="weights", setting=GROUPED, amount=bits)["dnll"])
        for before in (32.0, 16.0):
            cost = f"perplexity {per_cent(cited)}, {len(cited)} models, cited"
            stands = "bits a weight quoted: llama.cpp quantize README"
            yield Case(BYTES, f"{before:g} bits to {format_name}: {cost}", exact(before / FORMATS[bits]), stands)
            cost = f"perplexity {per_cent(measured)}, {MEASURED}, {len(measured)} texts, measured"
            ratio = plain(stored_bytes)(1.0, before) / plain(stored_bytes)(1.0, bits)
            stands = "computed: costs.memory.stored_bytes, scales included"
            yield Case(BYTES, f"{before:g} bits to {bits:g} in groups of 64: {cost}", exact(ratio), stands)


def per_cent(rises: Sequence[float] | np.ndarray) -> str:
    """The range of relative rises."""
    return f"{100.0 * min(rises):+.2g} to {100.0 * max(rises):+.2g} %"


def hit_cases(known: dict[tuple[trimcaching.Cell, str], np.ndarray]) -> Iterator[Case]:
    """Hit ratios by cell and method, of some topologies."""
    for (cell, method), values in known.items():
        case = f"{method}, {cell.servers} servers, {cell.models} models, {cell.capacity_gb:g} GB each"
        drawn = Bootstrap(len(values)).estimate(values[None])
        yield Case(HITS, case, drawn, f"simulated, {len(values)} topologies; setting recalled")


def multicast_cases(measured: list[Gain], groups: int) -> Iterator[Case]:
    """Unicast air time over multicast's."""
    for gain in measured:
        if gain.users in (2, 5, 10, 20, 50):
            own = f", {100.0 * gain.own_share:.2g} % of the bytes each user's own" if gain.own_share else ""
            spread = f"; 90 % of groups {gain.low:.1f} to {gain.high:.1f}"
            stands = f"simulated, {groups} groups in the default cell"
            yield Case(MULTICAST, f"{gain.users} users{own}{spread}", gain.mean, stands)
