"""The libraries of TrimCaching's simulation: ResNets of three sizes, fine-tuned with their lowest layers frozen.

A *layer* is what has parameters of its own: a convolution, a batch norm, the classifier, in the order of the forward
pass; 41, 73 and 107 of them. A model frozen to depth d shares layers 0..d-1 with what it was tuned from. One block a
layer; layers that the same models use are one block (workload/library.py).

    special case   every model is tuned from its base
    general case   some are tuned from models that were tuned before: blocks are shared across two rounds

He et al. 2015 (widths, strides do not matter here); depths [29, 40], [49, 72], [87, 106], fp32 weights (recalled).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.workload.library import Library, library_of

WIDTHS = (64, 128, 256, 512)  # He et al. 2015, table 1
CLASSES = 1000  # ImageNet's; CIFAR-100's classifier would be a tenth of it, 4 % of ResNet-18
BITS = 32  # fp32: 46.8 MB for ResNet-18
GROUP = 6  # chosen, general case: a model of the first round, and five tuned from it (CIFAR-100 has 20 times 5 classes)


class ResNet(NamedTuple):
    """A base: stages of building blocks of two or three convolutions, and the depths to which it is frozen."""

    name: str
    stages: tuple[int, ...]
    bottleneck: bool
    depths: tuple[int, int]  # least and most frozen layers (recalled)


RESNETS = (
    ResNet("ResNet-18", (2, 2, 2, 2), False, (29, 40)),
    ResNet("ResNet-34", (3, 4, 6, 3), False, (49, 72)),
    ResNet("ResNet-50", (3, 4, 6, 3), True, (87, 106)),
)


def layer_weights(net: ResNet) -> list[int]:
    """Parameters of each layer, from the image to the classes."""
    layers = convolution(3, WIDTHS[0], 7)
    inputs = WIDTHS[0]
    for stage, (width, blocks) in enumerate(zip(WIDTHS, net.stages)):
        outputs = 4 * width if net.bottleneck else width
        for block in range(blocks):
            if net.bottleneck:
                layers += convolution(inputs, width, 1) + convolution(width, width, 3) + convolution(width, outputs, 1)
            else:
                layers += convolution(inputs, width, 3) + convolution(width, outputs, 3)
            if block == 0 and (stage > 0 or net.bottleneck):
                layers += convolution(inputs, outputs, 1)  # the shortcut, where the shape changes
            inputs = outputs
    return [*layers, inputs * CLASSES + CLASSES]


def convolution(inputs: int, outputs: int, side: int) -> list[int]:
    """Parameters of a convolution without bias and of its batch norm."""
    return [inputs * outputs * side * side, 2 * outputs]


def tuned_library(models: int, generator: np.random.Generator, general: bool = False) -> Library:
    """Fine-tunes of the three bases, as many of each; one variant a model.

    Raises:
        ValueError: a number of models that three bases do not share.
    """
    if models < len(RESNETS) or models % len(RESNETS):
        raise ValueError(f"The library has {models} models; a positive multiple of {len(RESNETS)} is accepted.")
    made: dict[str, list[dict[str, float]]] = {}
    base_of = []
    for number, net in enumerate(RESNETS):
        sizes = [weights * BITS / 8.0 for weights in layer_weights(net)]
        depths = generator.integers(net.depths[0], net.depths[1] + 1, models // len(RESNETS))
        parent: list[str] = []
        for place, depth in enumerate(depths):
            own = f"{net.name}/{place}"
            first_round = not general or place % GROUP == 0
            below = [net.name] * len(sizes) if first_round else parent
            owners = [below[layer] if layer < depth else own for layer in range(len(sizes))]
            if place % GROUP == 0:
                parent = owners
            made[own] = [{f"{owner}/{layer}": size for layer, (owner, size) in enumerate(zip(owners, sizes))}]
        base_of += [number] * len(depths)
    return library_of(made, (float(BITS),), tuple(base_of), tuple(net.name for net in RESNETS), True)
