"""Attackers on activations: the nearest row of the embedding table, and a linear map trained to find it.

    W = argmin |X W - E|^2 + ridge |W|^2      X: [h / rms(h), 1] of every training token, E: its centred, unit embedding

The guess is the row with the largest cosine to X W. Solved in float64 through the normal equations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 1e-3  # of the mean diagonal (llm.md, section 6)
AT_ONCE = 2048  # tokens whose similarity to the whole table is held together

Guess = Callable[["Tensor", "Tensor"], tuple["Tensor", "Tensor", "Tensor"]]


class Table:
    """An embedding table [V, d]: its rows of unit length, and the same after centring."""

    def __init__(self, embedding: Tensor) -> None:
        from torch.nn.functional import normalize

        self.rows = normalize(embedding, dim=-1)
        self.centred_rows = normalize(embedding - embedding.mean(0), dim=-1)

    def named(self, states: Tensor, truth: Tensor, centred: bool) -> tuple[Tensor, Tensor]:
        """Whether the nearest row, and one of the nearest five, of each state [n, d] is the token `truth` [n]."""
        import torch

        rows = self.centred_rows if centred else self.rows
        first, five = [], []
        for part, right in zip(states.split(AT_ONCE), truth.split(AT_ONCE)):
            best = (part.to(rows.dtype) @ rows.t()).topk(5, dim=-1).indices
            first.append(best[:, 0] == right)
            five.append((best == right[:, None]).any(-1))
        return torch.cat(first), torch.cat(five)


def nearest(table: Table, centred: bool) -> Guess:
    """Guess the row nearest to the state itself."""

    def guess(hidden: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        states, truth = hidden[:, 1:].flatten(0, 1), ids[:, 1:].flatten()
        if centred:
            states = states - states.mean(0)
        return *table.named(states, truth, centred), truth

    return guess


def trained(table: Table, hidden: Tensor, ids: Tensor, pair: bool = False, budget: int | None = None) -> Guess:
    """Guess through a ridge regression on the states [B, T, d] of known text; `budget`: on so many of its tokens."""
    import torch

    x, truth = inputs(hidden, pair), known(ids, pair)
    if budget is not None and budget < len(truth):
        chosen = torch.linspace(0, len(truth) - 1, budget, device=truth.device).long()  # spread over the text
        x, truth = x[chosen], truth[chosen]
    x = x.double()
    gram, cross = x.t() @ x, x.t() @ table.centred_rows[truth].double()
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    weights = torch.cholesky_solve(cross, torch.linalg.cholesky(gram)).to(hidden.dtype)

    def guess(others: Tensor, other_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        right = known(other_ids, pair)
        return *table.named(inputs(others, pair) @ weights, right, centred=True), right

    return guess


def inputs(hidden: Tensor, pair: bool) -> Tensor:
    """[n, d + 1]: states over their rms and a constant, first tokens left out; of pairs [n, 2 d + 1]."""
    import torch

    scaled = hidden / hidden.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-12)
    parts = [scaled[:, 1:-1], scaled[:, 2:]] if pair else [scaled[:, 1:]]
    return torch.cat((*parts, torch.ones_like(parts[0][..., :1])), dim=-1).flatten(0, 1)


def known(ids: Tensor, pair: bool) -> Tensor:
    """The tokens [n] that `inputs` are of."""
    return (ids[:, 1:-1] if pair else ids[:, 1:]).flatten()
