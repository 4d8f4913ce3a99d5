"""Rounding to few bits and back: what quantisation does to values, not how fast a kernel would be.

    asymmetric   q = round((x - min) / step)   step = (max - min) / (2^b - 1)      x' = q step + min
    symmetric    q = round(x / step)           step = max|x| / (2^(b-1) - 1)       x' = q step

Minimum and step belong to a group of neighbours along the last dimension: of a weight its inputs, of a hidden state
its channels (one group over all channels is "per token").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mei_gym.measurements.blocks import BlockWeights

if TYPE_CHECKING:
    from torch import Tensor

MATRICES = ("qkv", "output", "gate_up", "down")  # of BlockWeights; norms and biases stay whole


def rounded(x: Tensor, bits: int, group: int | None = 64, symmetric: bool = False) -> Tensor:
    """x after rounding to `bits` and back; a group of None, or wider than x, is the whole last dimension."""
    width = x.shape[-1]
    size = width if group is None else min(group, width)
    if width % size:
        raise ValueError(f"{width} values cannot be cut into groups of {size}; choose a divisor of {width}")
    parts = x.reshape(*x.shape[:-1], width // size, size)
    low, step = low_and_step(parts, bits, symmetric)
    return ((parts - low).div_(step).round_().mul_(step) + low).view(x.shape)


def low_and_step(parts: Tensor, bits: int, symmetric: bool) -> tuple[Tensor, Tensor]:
    """The value of q = 0 and the step of each group, the last dimension; a group of one value keeps it."""
    import torch

    if symmetric:
        high, low = parts.abs().amax(-1, keepdim=True), torch.zeros_like(parts[..., :1])
        step = high / (2 ** (bits - 1) - 1)
    else:
        low, high = parts.amin(-1, keepdim=True), parts.amax(-1, keepdim=True)
        step = (high - low) / (2**bits - 1)
    return low, torch.where(step == 0, torch.ones_like(step), step)


def rounded_block(block: BlockWeights, bits: int, group: int | None = 64, symmetric: bool = False) -> BlockWeights:
    """The block with its four matrices rounded."""
    return block._replace(**{name: rounded(getattr(block, name), bits, group, symmetric) for name in MATRICES})
