"""A processor: all that is known of one model on one device: measured knots, lent ones, or a derived roofline."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.architectures import Architecture
from mei_gym.profiles.fit import Grid, Knots, Roofline, fit
from mei_gym.profiles.load import (
    ProfileError,
    architecture_of,
    devices,
    load_card,
    load_profile,
    models,
    nearest,
    slug_of,
)
from mei_gym.profiles.remembered import remembered
from mei_gym.profiles.unseen import transfer

NO_KNOTS = Knots(np.zeros(0), np.zeros(0))
NO_GRID = Grid(np.zeros(0), np.zeros(0), np.zeros((0, 0)))
VALUE_BYTES = 2.0  # of an activation, key or value on a derived device: fp16, chosen


class Processor(NamedTuple):
    """One model on one device."""

    origin: str  # measured; transferred: from other models measured on the device; derived: from a card
    architecture: Architecture
    roofline: Roofline
    read_bytes_per_weight: float
    value_bytes: float
    context_share: float
    prefill: Knots
    decode: Grid
    head: Knots
    embedding: Knots


@remembered
def processor_of(device: str, model: str) -> Processor:
    """The processor of a device and model: its own profile, else what other models lend, else a card."""
    architecture = architecture_of(model)
    if slug_of(model) in models(device):
        profile, known = load_profile(device, model), fit(device, model)
        card = profile.card
        return Processor(
            "measured",
            architecture,
            known.roofline,
            card.weight_bytes_per_value,
            card.value_bytes,
            known.context_share,
            known.prefill,
            known.decode,
            known.head,
            known.embedding,
        )
    if device not in devices():
        raise ProfileError(f"no device {device!r}{nearest(device, devices())}")
    if models(device):
        return transferred(device, architecture)
    card = load_card(device)
    if card.origin != "derived":
        raise ProfileError(
            f"nothing anchors {architecture.name} on {device}: nothing was measured there, and its card has no roofline"
        )
    derived = Roofline(card["peak_flops"], card["bandwidth_bytes_per_s"], card["launch_s"], card["roofline_order"])
    bytes_per_weight = card["stored_bits_per_weight"] / 8.0
    return Processor(
        "derived", architecture, derived, bytes_per_weight, VALUE_BYTES, 1.0, NO_KNOTS, NO_GRID, NO_KNOTS, NO_KNOTS
    )


def transferred(device: str, architecture: Architecture, left_out: frozenset[str] = frozenset()) -> Processor:
    """The processor of an architecture on a measured device, from the models measured there but those left out."""
    lent = transfer(device, architecture, left_out)
    return Processor(
        "transferred",
        architecture,
        lent.roofline,
        lent.weight_bytes,
        lent.value_bytes,
        lent.context_share,
        lent.prefill,
        lent.decode,
        lent.head,
        lent.embedding,
    )
