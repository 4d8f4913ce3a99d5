"""A training step from two forward passes: nothing is kept for a backward pass, and no gradient is ever held.

    g = (L(w + e z) - L(w - e z)) / 2 e        w <- w - l g z        z normal, drawn anew from its seed each time

Source: MeZO (2305.17333): the weights are moved in place, so that the memory is that of inference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def zeroth_step(
    parameters: list[Tensor], loss: Callable[[], Tensor], epsilon: float, learning_rate: float, seed: int | None
) -> Tensor:
    """One step in place; returns the slope g, a scalar on the parameters' device.

    Without a seed each of the three draws is another one: the work is the same, and a CUDA graph, in which no generator
    may be seeded, can time it; nothing is learnt by it.
    """
    import torch

    generator = None if seed is None else torch.Generator(parameters[0].device)

    def move(distance: Any) -> None:
        if generator is not None and seed is not None:
            generator.manual_seed(seed)
        for part in parameters:
            part.add_(torch.empty_like(part).normal_(generator=generator).mul_(distance))

    with torch.no_grad():
        move(epsilon)
        above = loss()
        move(-2.0 * epsilon)
        slope = (above - loss()) / (2.0 * epsilon)
        move(epsilon - learning_rate * slope)
    return slope
