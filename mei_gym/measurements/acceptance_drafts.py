"""Drafts that need no second model: the model itself, left early, with fewer bits, pruned, or with blocks dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from mei_gym.measurements.model import RealModel, embed, head, run_blocks
from mei_gym.measurements.pruning import magnitude_pruned, without_blocks
from mei_gym.measurements.rounding import rounded_block
from mei_gym.measurements.tuned_lens import fit_tuned_lens, tuned_logits

if TYPE_CHECKING:
    from torch import Tensor

    from mei_gym.measurements.acceptance import AcceptanceStudy, Plan


class Draft(NamedTuple):
    """A way to write the next token."""

    name: str
    setting: str
    amount: float
    block_share: float  # of the whole model's work in blocks; few bits and zeros save bytes, not this
    logits: Callable[[Tensor], Tensor]  # of the token after ids [B, T]: [B, V]


def drafts(study: AcceptanceStudy, plan: Plan) -> Iterator[Draft]:
    """Every draft of a plan, the whole model first: it must accept itself."""
    model = study.model
    layers = model.card.layers
    yield whole(model)
    exits = [depth for depth in plan.exits if depth < layers]
    lens = fit_tuned_lens(model, study.windows("wiki", plan.lens_windows, "train")) if exits else None
    for depth in exits:
        yield Draft("exit_logit", "logit lens", float(depth), depth / layers, early(model, depth, None))
        assert lens is not None
        yield Draft("exit_tuned", "tuned lens", float(depth), depth / layers, early(model, depth, lens[depth]))
    for bits in plan.bits:
        changed = model._replace(chain=[rounded_block(block, bits) for block in model.chain])
        yield Draft("weights", "group 64", float(bits), 1.0, last_logits(changed))
    for share in plan.pruned:
        changed = model._replace(chain=[magnitude_pruned(model.card, block, share) for block in model.chain])
        yield Draft("prune_magnitude", "unstructured", share, 1.0, last_logits(changed))
    order = least_important(study, plan) if plan.dropped else []
    for count in plan.dropped:
        changed = without_blocks(model, set(order[:count]))
        yield Draft("drop_layers", "least important", float(count), 1.0 - count / layers, last_logits(changed))


def whole(model: RealModel) -> Draft:
    """The model as its own draft."""
    return Draft("whole", "as shipped", float(model.card.layers), 1.0, last_logits(model))


def last_logits(model: RealModel) -> Callable[[Tensor], Tensor]:
    """Logits [B, V] after the last of ids [B, T]."""
    return lambda ids: head(model, run_blocks(model, embed(model, ids))[:, -1])


def early(model: RealModel, depth: int, lens: Tensor | None) -> Callable[[Tensor], Tensor]:
    """Logits [B, V] read after `depth` blocks, through the head itself or a tuned lens."""

    def logits(ids: Tensor) -> Tensor:
        hidden = run_blocks(model, embed(model, ids), 0, depth)[:, -1]
        return head(model, hidden) if lens is None else tuned_logits(model, lens, hidden)

    return logits


def least_important(study: AcceptanceStudy, plan: Plan) -> list[int]:
    """Blocks in the order in which they are missed least, alone, on text that is not the test's."""
    from mei_gym.measurements.paired import Paired

    paired = Paired(study.model, study.windows("wiki", plan.ranking_windows, "train"))
    losses = [paired.of_model(without_blocks(study.model, {i})).dnll for i in range(study.model.card.layers)]
    return sorted(range(len(losses)), key=losses.__getitem__)
