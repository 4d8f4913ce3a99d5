"""Taking weights, channels, heads and blocks out of a model, those first that seem to matter least.

magnitude     |w|, over a whole matrix                      (Han et al. 2015)
Wanda         |w| rms(x of its input), over an output's row (2306.11695); 2:4 keeps two of four neighbours
MLP channel   |column of W_down| rms(x), over a block       removing it is a zero column: gate, up and down shrink
head          |columns of W_output| rms(x), over a block    likewise
block         the loss without it, on text that is not the test's
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mei_gym.architectures import Architecture
from mei_gym.measurements.blocks import BlockWeights
from mei_gym.measurements.model import RealModel, embed, run_block
from mei_gym.measurements.rounding import MATRICES

if TYPE_CHECKING:
    from torch import Tensor

Moments = dict[str, "Tensor"]  # of a block: by matrix, the mean square of each input


def input_moments(model: RealModel, ids: Tensor) -> list[Moments]:
    """Mean square of every product's inputs in every block, over the tokens of `ids`."""
    hidden, found = embed(model, ids), []
    for i in range(model.card.layers):
        moments: Moments = {}
        hidden = run_block(model, i, hidden, lambda name, x, into=moments: into.update({name: mean_square(x)}))
        found.append(moments)
    return found


def mean_square(x: Tensor) -> Tensor:
    """Of each channel, over all tokens."""
    return x.square().flatten(0, -2).mean(0)


def matrix_rows(card: Architecture, name: str) -> list[int]:
    """Rows of the matrices that one product joins: query, key and value, or gate and up."""
    joined = {"qkv": [card.attention_width, card.kv_width, card.kv_width], "gate_up": [card.mlp_size] * 2}
    return joined.get(name, [card.hidden_size])


def magnitude_pruned(card: Architecture, block: BlockWeights, share: float) -> BlockWeights:
    """Without the smallest `share` of each matrix."""
    import torch

    def pruned(weight: Tensor) -> Tensor:
        return weight * above(weight.abs().flatten(), share).view(weight.shape)

    changed = {
        name: torch.cat([pruned(part) for part in getattr(block, name).split(matrix_rows(card, name))])
        for name in MATRICES
    }
    return block._replace(**changed)


def wanda_pruned(block: BlockWeights, moments: Moments, share: float) -> BlockWeights:
    """Without the least `share` of each output's weights, by size and by what usually comes in."""
    return _scored(block, moments, lambda score: above(score, share))


def two_of_four(block: BlockWeights, moments: Moments | None) -> BlockWeights:
    """Two of every four neighbouring inputs stay, by Wanda's score, or by size where no moments are given."""

    def kept(score: Tensor) -> Tensor:
        fours = score.view(score.shape[0], -1, 4)
        return above(fours, 0.5).view(score.shape)

    return _scored(block, moments, kept)


def _scored(block: BlockWeights, moments: Moments | None, kept: Callable[[Tensor], Tensor]) -> BlockWeights:
    changed = {}
    for name in MATRICES:
        weight = getattr(block, name)
        score = weight.abs() if moments is None else weight.abs() * moments[name].sqrt()
        changed[name] = weight * kept(score)
    return block._replace(**changed)


def above(score: Tensor, share: float) -> Tensor:
    """Which scores stay when the lowest `share` along the last dimension goes."""
    count = int(share * score.shape[-1] + 1e-9)
    if count == 0:
        return score == score
    lowest = score.topk(count, largest=False, sorted=False).indices
    return (score == score).scatter(-1, lowest, False)


def without_channels(block: BlockWeights, moments: Moments, share: float) -> BlockWeights:
    """Without the least `share` of the MLP's channels."""
    score = block.down.norm(dim=0) * moments["down"].sqrt()
    return block._replace(down=block.down * above(score, share))


def without_heads(card: Architecture, block: BlockWeights, moments: Moments, count: int) -> BlockWeights:
    """Without the `count` least of the query heads."""
    energy = block.output.square().sum(0) * moments["output"]
    score = energy.view(card.heads, card.head_size).sum(-1).sqrt()
    kept = above(score, count / card.heads).repeat_interleave(card.head_size)
    return block._replace(output=block.output * kept)


def without_blocks(model: RealModel, removed: set[int]) -> RealModel:
    """The model with fewer blocks; its card keeps the whole model's count of layers."""
    return model._replace(chain=[block for i, block in enumerate(model.chain) if i not in removed])
