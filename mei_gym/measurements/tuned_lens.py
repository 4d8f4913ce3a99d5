"""The tuned lens: a linear map from each depth to the last, so that a model can be read before its end.

    logits_l = head([norm(h_l), 1] W_l)        W_l = argmin |[norm(h_l), 1] W - norm(h_L)|^2 + ridge |W|^2

W_l is (d + 1) x d. The logit lens is the same with W_l = identity, and useless but for the last blocks. Fitted in
float64 over whole windows but for their first token, which is like no other. Source: 2303.08112, there trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mei_gym.measurements.model import RealModel, embed, run_block

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 1e-5  # of the mean diagonal (llm.md, section 5)
AT_ONCE = 6  # windows whose states at all depths are held together


def normed(model: RealModel, hidden: Tensor) -> Tensor:
    """Hidden states under the final norm."""
    from torch.nn.functional import rms_norm

    return rms_norm(hidden, (model.card.hidden_size,), model.ends.final_norm, model.card.norm_epsilon)


def with_one(x: Tensor) -> Tensor:
    """x and a constant channel."""
    import torch

    return torch.cat((x, torch.ones_like(x[..., :1])), dim=-1)


def fit_tuned_lens(model: RealModel, ids: Tensor) -> Tensor:
    """W [layers + 1, d + 1, d] from windows ids [B, T]."""
    import torch

    depths, width = model.card.layers + 1, model.card.hidden_size
    gram = torch.zeros(depths, width + 1, width + 1, dtype=torch.float64, device=ids.device)
    cross = torch.zeros(depths, width + 1, width, dtype=torch.float64, device=ids.device)
    for batch in ids.split(AT_ONCE):
        states = [embed(model, batch)]
        for i in range(model.card.layers):
            states.append(run_block(model, i, states[-1]))
        target = normed(model, states[-1])[:, 1:].flatten(0, 1).double()
        for depth, hidden in enumerate(states):
            x = with_one(normed(model, hidden)[:, 1:]).flatten(0, 1).double()
            gram[depth] += x.t() @ x
            cross[depth] += x.t() @ target
    ridge = RIDGE * gram.diagonal(dim1=-2, dim2=-1).mean(-1)
    gram.diagonal(dim1=-2, dim2=-1).add_(ridge[:, None])
    return torch.linalg.solve(gram, cross).float()


def tuned_logits(model: RealModel, lens: Tensor, hidden: Tensor) -> Tensor:
    """Logits of hidden states [..., d] through one depth's W [d + 1, d]."""
    from torch.nn.functional import linear

    return linear(with_one(normed(model, hidden)) @ lens, model.ends.head)
