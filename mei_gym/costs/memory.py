"""Holding a model: bytes of weights at a precision, of keys and values, and how many blocks fit.

    stored = weights * bits / 8        bits: 16, or what a format of fewer bits stores with its scales

Processor 0 is the server, 1.. are the device classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import NamedTuple

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.profiles.load import ProfileError, carded_devices, load_card, load_profile, models
from mei_gym.profiles.processor import processor_of

GROUP_WEIGHTS = 64  # weights that share a 16-bit scale and a 16-bit minimum below 16 bits; chosen, as for activations
GROUP_BITS = 32


class MemoryCosts(NamedTuple):
    """What a processor holds; the first index is the processor."""

    memory_bytes: np.ndarray  # f8[processors]: what the device has
    system_bytes: np.ndarray  # f8[processors]: what the operating system and other services keep
    block_stored_bytes: np.ndarray  # f8[processors]: one block's weights
    embedding_stored_bytes: np.ndarray  # f8[processors]
    head_stored_bytes: np.ndarray  # f8[processors]: final norm and head; a tied head adds nothing on a whole model
    cached_bytes_per_token: np.ndarray  # f8[processors]: keys and values of one token in one block


def memory_costs(model: str, server: str, devices: Sequence[str]) -> MemoryCosts:
    """Memory of a model on a server (processor 0) and on device classes (1..)."""
    slugs = (server, *devices)
    processors = [processor_of(slug, model) for slug in slugs]
    sizes = [_memory(slug) for slug in slugs]
    cards = [p.architecture for p in processors]
    stored = [p.read_bytes_per_weight for p in processors]
    return MemoryCosts(
        memory_bytes=np.array([size[0] for size in sizes]),
        system_bytes=np.array([size[1] for size in sizes]),
        block_stored_bytes=np.array([w * c.block_weights for w, c in zip(stored, cards)]),
        embedding_stored_bytes=np.array([w * c.embedding_weights for w, c in zip(stored, cards)]),
        head_stored_bytes=np.array([w * (c.head_weights + c.hidden_size) for w, c in zip(stored, cards)]),
        cached_bytes_per_token=np.array([c.kv_bytes(p.value_bytes) for p, c in zip(processors, cards)]),
    )


def _memory(device: str) -> tuple[float, float]:
    """Bytes of memory and of what the system keeps: from the card, else from the measured device."""
    if device in carded_devices():
        card = load_card(device)
        return card["memory_bytes"], card.get("system_bytes", 0.0)
    measured = load_profile(device, models(device)[0]).card.device
    if measured.memory_bytes is None:
        raise ProfileError(f"device {device} has no memory_bytes in its profile and no card in devices/")
    return measured.memory_bytes, 0.0


@scalar
def stored_bytes(weights, bits):
    """Bytes of weights stored with `bits` each; below 16, with their scales and minima."""
    scales = 0.0 if bits >= 16 else GROUP_BITS / GROUP_WEIGHTS
    return weights * (bits + scales) / 8.0


@scalar
def cached_bytes(costs, processor, first, last, tokens):
    """Bytes of the keys and values that `tokens` leave in the blocks first..last-1."""
    return (last - first) * tokens * costs.cached_bytes_per_token[processor]


@scalar
def resident_bytes(costs, processor, blocks, tokens):
    """Bytes of a model's prefix: embedding, blocks 0..blocks-1 and their keys and values; no blocks, no bytes."""
    if blocks <= 0:
        return 0.0
    weights = costs.embedding_stored_bytes[processor] + blocks * costs.block_stored_bytes[processor]
    return weights + cached_bytes(costs, processor, 0, blocks, tokens)


@scalar
def blocks_that_fit(costs, processor, free_bytes, layers, tokens):
    """How many blocks of a prefix fit into `free_bytes` together with the embedding and their caches; at most all."""
    left = free_bytes - costs.embedding_stored_bytes[processor]
    if left <= 0.0:
        return 0
    a_block = costs.block_stored_bytes[processor] + tokens * costs.cached_bytes_per_token[processor]
    return min(layers, int(floor(left / a_block)))
