"""Device cards by the rule: what a data sheet says stays as its card has it, what the rule makes of it is made again.

    bandwidth_share, bandwidth_bytes_per_s, peak_flops, launch_s      from `transfer_class` and the data sheet

`python -m mei_gym.profiles.derive [FOLDER]` fills in every card of FOLDER/devices (default: the package's own) that
names a `transfer_class` and either lacks these numbers or has them from the rule. A card whose bandwidth share comes
from elsewhere is left alone. A new device is so a data sheet, a class of `published.classes()` and this command.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mei_gym.profiles.load import CARDS, DATA, ProfileError, checked_json, validated_card
from mei_gym.profiles.published import FILE, published_rows, rule_of
from mei_gym.profiles.schema import UNITS

FROM = "class {} of data/" + FILE  # how the source of a number begins that the rule made
BARRIERS_S = 2e-5  # of a block on a device that launches no kernels


def completed(card: dict[str, Any]) -> dict[str, Any]:
    """A card's JSON with the numbers that the rule of its class makes of its data sheet."""
    slug, transfer_class, known = card.get("slug"), card.get("transfer_class", ""), card.get("numbers", {})
    rule, origin = rule_of(transfer_class), FROM.format(transfer_class)
    bandwidth = _sheet(known, "spec_bandwidth_bytes_per_s", slug, transfer_class)
    share, flops_share = round(rule.bandwidth_share, 3), round(rule.flops_share, 3)
    numbers = dict(known)
    numbers["bandwidth_share"] = _derived(
        "bandwidth_share",
        share,
        f"{origin}: median over chips of decode rate x bytes read a token / spec bandwidth (profiles/published.py)",
    )
    numbers["bandwidth_bytes_per_s"] = _derived(
        "bandwidth_bytes_per_s",
        round(share * bandwidth),
        f"spec bandwidth x bandwidth_share = {bandwidth:.5g} x {share}",
    )
    of, sheet = ("spec bandwidth, in FLOP a byte", bandwidth)
    if gives_flops(transfer_class):
        of, sheet = ("spec FLOP/s", _sheet(known, "spec_flops", slug, transfer_class))
    numbers["peak_flops"] = _derived(
        "peak_flops",
        float(f"{flops_share * sheet:.4g}"),
        f"{origin}: prefill reaches {flops_share} of the {of}: {flops_share} x {sheet:.5g}",
    )
    if rule.launch_s > 0.0:
        numbers["launch_s"] = _derived(
            "launch_s", float(f"{rule.launch_s:.3g}"), f"{origin}: fitted with bandwidth_share"
        )
    elif "launch_s" not in known:
        why = "ten barriers of a thread pool a block, 2 us each"
        numbers["launch_s"] = {"value": BARRIERS_S, "unit": UNITS["launch_s"], "origin": "chosen", "source": why}
    return {**{name: value for name, value in card.items() if name != "numbers"}, "numbers": numbers}


def gives_flops(transfer_class: str) -> bool:
    """Whether the class has a prefill efficiency of the data sheet's FLOP/s, rather than of its bandwidth."""
    rows = [row for row in published_rows() if row.transfer_class == transfer_class and row.phase == "prefill"]
    return any(np.isfinite(row.spec_flops) for row in rows)


def by_the_rule(card: dict[str, Any]) -> bool:
    """Whether a card's JSON has a class, and no bandwidth share from elsewhere."""
    share = card.get("numbers", {}).get("bandwidth_share", {})
    source = FROM.format(card.get("transfer_class"))
    return bool(card.get("transfer_class")) and (not share or str(share.get("source", "")).startswith(source))


def write_cards(folder: Path = DATA) -> list[Path]:
    """Make the rule's numbers of every such card of a folder again; each card is written whole or not at all."""
    written = []
    for path in sorted((folder / CARDS).glob("*.json")):
        card = checked_json(path)
        if by_the_rule(card):
            card = completed(card)
            validated_card(card, path)
            unfinished = path.with_name(f"{path.name}.unfinished")
            unfinished.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
            unfinished.replace(path)
            written.append(path)
    return written


def _sheet(numbers: dict[str, Any], name: str, slug: Any, transfer_class: str) -> float:
    value = numbers.get(name, {}).get("value")
    if not isinstance(value, int | float) or not 0.0 < value < float("inf"):
        raise ProfileError(
            f"device card {slug}: {name} is {value!r}; the rule of class {transfer_class} needs it from the "
            f"data sheet, in {UNITS[name]}"
        )
    return float(value)


def _derived(name: str, value: float, source: str) -> dict[str, Any]:
    return {"value": value, "unit": UNITS[name], "origin": "derived", "source": source}


if __name__ == "__main__":
    for written_path in write_cards(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA):
        print(written_path)
