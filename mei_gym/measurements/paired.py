"""A changed model against the whole one on the same tokens: loss, agreement and overlap.

    dnll        mean over tokens of  nll(changed) - nll(whole)     nats a token
    dnll_se     deviation of those differences / sqrt(tokens)
    agreement   share of tokens whose likeliest successor is the same
    overlap     mean of sum over the vocabulary of min(p, q): how often sampled speculative decoding accepts

Paired, since the loss itself depends on which windows were taken far more than on what was changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from mei_gym.measurements.model import RealModel, embed, head, run_block, run_blocks

if TYPE_CHECKING:
    from torch import Tensor


class Score(NamedTuple):
    """How far a changed model is from the whole one."""

    tokens: int
    dnll: float
    dnll_se: float
    agreement: float
    overlap: float


class Tokens(NamedTuple):
    """The same of each predicted token, [B, T - 1]."""

    dnll: Tensor
    agrees: Tensor
    overlap: Tensor
    confidence: Tensor  # the largest probability

    def score(self) -> Score:
        """Means over the tokens."""
        count = self.dnll.numel()
        spread = float(self.dnll.double().std()) / count**0.5
        return Score(
            count,
            float(self.dnll.double().mean()),
            spread,
            float(self.agrees.double().mean()),
            float(self.overlap.double().mean()),
        )


class Paired:
    """The whole model over a batch of windows: hidden states at every cut, and its predictions."""

    def __init__(self, model: RealModel, ids: Tensor) -> None:
        """Run the whole model once over ids [B, T]."""
        import torch

        self.model, self.ids = model, ids
        self.hidden = [embed(model, ids)]  # at cut l
        for i in range(len(model.chain)):
            self.hidden.append(run_block(model, i, self.hidden[-1]))
        self.at_once = 4 if ids.is_cuda else 1  # windows whose logits are held together: 100 MB each at 49,152 words
        self.nll = torch.empty(ids.shape[0], ids.shape[1] - 1, device=ids.device)
        self.top = torch.empty_like(self.nll, dtype=torch.int64)
        self.p = torch.empty(*self.nll.shape, model.card.vocabulary, device=ids.device)
        for rows in self._chunks():
            logp = head(model, self.hidden[-1][rows, :-1]).log_softmax(-1)
            self.nll[rows], self.top[rows] = self._nll(logp, rows), logp.argmax(-1)
            torch.exp(logp, out=self.p[rows])

    def of_model(self, changed: RealModel) -> Score:
        """Another model on the same windows."""
        hidden = run_blocks(changed, embed(changed, self.ids))
        return self.of_hidden(hidden, lambda x: head(changed, x)).score()

    def from_cut(self, cut: int, hidden: Tensor) -> Score:
        """The whole model's blocks from a cut on, over other hidden states there."""
        return self.of_hidden(run_blocks(self.model, hidden, first=cut)).score()

    def of_hidden(self, hidden: Tensor, project: Callable[[Tensor], Tensor] | None = None) -> Tokens:
        """Predictions from hidden states [B, T, d], through the whole model's head or `project`."""
        import torch

        parts = []
        for rows in self._chunks():
            last = hidden[rows, :-1]
            logp = (head(self.model, last) if project is None else project(last)).log_softmax(-1)
            dnll, (largest, top) = self._nll(logp, rows) - self.nll[rows], logp.max(-1)
            overlap = torch.minimum(logp.exp_(), self.p[rows]).sum(-1).clamp(max=1.0)  # sums of float32 reach 1.00001
            parts.append((dnll, top == self.top[rows], overlap, largest.exp()))
        return Tokens._make(torch.cat(part) for part in zip(*parts))

    def _nll(self, logp: Tensor, rows: slice) -> Tensor:
        return -logp.gather(-1, self.ids[rows, 1:, None])[..., 0]

    def _chunks(self) -> list[slice]:
        return [slice(start, start + self.at_once) for start in range(0, len(self.ids), self.at_once)]
