"""Quality against what is taken out: weights, channels, heads, whole blocks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from mei_gym.measurements.paired import Paired
from mei_gym.measurements.pruning import (
    input_moments,
    magnitude_pruned,
    two_of_four,
    wanda_pruned,
    without_blocks,
    without_channels,
    without_heads,
)

if TYPE_CHECKING:
    from mei_gym.measurements.quality import QualityStudy

EVERYWHERE = (0.2, 0.3, 0.5)  # shares that are measured on every corpus
DROPPED_EVERYWHERE = (1, 2, 4, 6)


def measure_pruning(study: QualityStudy) -> None:
    """Unstructured by magnitude and by Wanda, 2:4, then MLP channels and heads."""
    model, plan = study.model, study.plan

    @cache
    def moments():
        return input_moments(model, study.windows("wiki", plan.calibration_windows, "train"))

    def changed(one_block):
        return model._replace(chain=[one_block(block, i) for i, block in enumerate(model.chain)])

    def compare(curve, setting, share, one_block):
        study.compare(curve, setting, share, lambda: changed(one_block), everywhere=share in EVERYWHERE)

    for share in plan.shares:
        compare("prune_magnitude", "each matrix", share, lambda b, i, s=share: magnitude_pruned(model.card, b, s))
    for share in plan.shares:
        compare("prune_wanda", "each output", share, lambda b, i, s=share: wanda_pruned(b, moments()[i], s))
    if plan.shares:
        compare("prune_2_4", "by magnitude", 0.5, lambda b, i: two_of_four(b, None))
        compare("prune_2_4", "by Wanda", 0.5, lambda b, i: two_of_four(b, moments()[i]))
    for share in plan.structured_shares:
        compare("structured", "MLP channels", share, lambda b, i, s=share: without_channels(b, moments()[i], s))
    heads = model.card.heads
    for count in sorted({max(1, round(share * heads)) for share in plan.structured_shares}):
        share = round(count / heads, 4)
        compare("structured", "heads", share, lambda b, i, n=count: without_heads(model.card, b, moments()[i], n))


def measure_dropped_blocks(study: QualityStudy) -> None:
    """Each block alone; then the least important together, ranked on text that is not the test's."""
    model = study.model
    blocks = range(0, model.card.layers, study.plan.block_step)
    for i in blocks:
        study.compare("drop_layers", "one block", 1, lambda i=i: without_blocks(model, {i}), cut=i)

    @cache
    def order() -> list[int]:
        for note in study.record.noted("ranking"):
            return note["order"]
        study.say("which blocks matter least")
        paired = Paired(model, study.windows("wiki", study.plan.ranking_windows, "train"))
        loss = {i: paired.of_model(without_blocks(model, {i})).dnll for i in blocks}
        found = sorted(loss, key=lambda i: loss[i])
        study.record.note("ranking", order=found, dnll=[float(f"{loss[i]:.4g}") for i in found])
        return found

    for count in study.plan.dropped:
        study.compare(
            "drop_layers", "least important", count, lambda n=count: without_blocks(model, set(order()[:n])),
            everywhere=count in DROPPED_EVERYWHERE,
        )  # fmt: skip
