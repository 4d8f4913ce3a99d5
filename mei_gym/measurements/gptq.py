"""GPTQ: rounding weights column by column, each error passed on to the columns that are still to come.

    H = X^T X + damping        U = upper Cholesky factor of H^-1
    column j:   e = (w_j - round(w_j)) / U_jj        w_k -= e U_jk   for k > j

Blocks in sequence, each on the hidden states that the rounded blocks before it leave. The first token of a window
carries the massive activation that attention rests on; it is one row among hundreds, so its inputs are weighted:
without, 3 bits come out worse than plain rounding although each layer's error is lower. Source: 2210.17323.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mei_gym.measurements.blocks import BlockWeights
from mei_gym.measurements.model import RealModel, embed, run_block
from mei_gym.measurements.rounding import MATRICES, low_and_step

if TYPE_CHECKING:
    from torch import Tensor

GROUP = 64  # inputs that share minimum and step, and columns that are worked on together
DAMPING = 0.01  # of the mean diagonal, GPTQ's own
FIRST_TOKEN_WEIGHT = 16.0  # in H, chosen: the least that made 3 bits better than rounding (llm.md, section 4)


def gptq_chain(model: RealModel, ids: Tensor, bits: int) -> list[BlockWeights]:
    """All blocks rounded to `bits`, asymmetric, in groups of 64, calibrated on windows `ids` [B, T]."""
    hidden, chain = embed(model, ids), []
    for i, block in enumerate(model.chain):
        squares: dict[str, Tensor] = {}
        run_block(model, i, hidden, lambda name, x, into=squares: into.update({name: second_moments(x)}))
        changed = {name: gptq(getattr(block, name), squares[name], bits) for name in MATRICES}
        chain.append(block._replace(**changed))
        hidden = run_block(model._replace(chain=chain), i, hidden)
    return chain


def second_moments(x: Tensor) -> Tensor:
    """H [inputs, inputs] of inputs [B, T, inputs], the first token of each window weighted."""
    weighted = x.clone()
    weighted[:, 0] *= FIRST_TOKEN_WEIGHT**0.5
    flat = weighted.flatten(0, 1)
    return flat.t() @ flat


def gptq(weight: Tensor, squares: Tensor, bits: int) -> Tensor:
    """A weight [outputs, inputs] rounded so that its product with the seen inputs changes little."""
    import torch

    wide = squares.double()
    wide.diagonal().add_(DAMPING * wide.diagonal().mean())
    upper = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(wide)), upper=True).float()
    left, result = weight.clone(), torch.empty_like(weight)
    for start in range(0, weight.shape[1], GROUP):
        columns = slice(start, start + GROUP)
        part, factor = left[:, columns].clone(), upper[columns, columns]
        low, step = low_and_step(part, bits, symmetric=False)
        errors = torch.empty_like(part)
        for j in range(part.shape[1]):
            column = part[:, j : j + 1]
            value = ((column - low) / step).round().clamp(0, 2**bits - 1) * step + low
            result[:, start + j : start + j + 1] = value
            errors[:, j : j + 1] = (column - value) / factor[j, j]
            part[:, j + 1 :] -= errors[:, j : j + 1] * factor[j, j + 1 :]
        left[:, start + GROUP :] -= errors @ upper[columns, start + GROUP :]
    return result
