"""Quality against the bits of the weights: rounding to nearest, one block alone, and GPTQ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mei_gym.measurements.gptq import gptq_chain
from mei_gym.measurements.rounding import rounded, rounded_block

if TYPE_CHECKING:
    from mei_gym.measurements.quality import QualityStudy

WAYS = ((64, False), (64, True), (32, False))  # group of inputs, symmetric
ENDS_BITS, BLOCK_BITS = 4, 2
MAIN = (8, 6, 5, 4, 3)  # bits that are measured on every corpus; at 2 the model is gone


def named(group: int, symmetric: bool) -> str:
    """ "group 64, asymmetric"."""
    return f"group {group}, {'symmetric' if symmetric else 'asymmetric'}"


def measure_weights(study: QualityStudy) -> None:
    """All matrices of all blocks at once; then embedding and head alone."""
    model = study.model

    def blocks_rounded(bits, group, symmetric):
        return model._replace(chain=[rounded_block(block, bits, group, symmetric) for block in model.chain])

    for group, symmetric in WAYS:
        for bits in study.plan.weight_bits:
            everywhere = (group, symmetric) == WAYS[0] and bits in MAIN
            study.compare(
                "weights", named(group, symmetric), bits,
                lambda b=bits, g=group, s=symmetric: blocks_rounded(b, g, s), everywhere=everywhere,
            )  # fmt: skip

    def ends_rounded():
        embedding = rounded(model.ends.embedding, ENDS_BITS)
        head = embedding if model.card.tied_head else rounded(model.ends.head, ENDS_BITS)
        return model._replace(ends=model.ends._replace(embedding=embedding, head=head))

    study.compare("weights", "embedding and head alone, group 64, asymmetric", ENDS_BITS, ends_rounded)


def measure_single_blocks(study: QualityStudy) -> None:
    """Each block in turn at 2 bits: a table for mixed precision."""
    for i in range(0, study.model.card.layers, study.plan.block_step):

        def one_rounded(i=i):
            chain = list(study.model.chain)
            chain[i] = rounded_block(chain[i], BLOCK_BITS)
            return study.model._replace(chain=chain)

        study.compare("block_bits", named(64, False), BLOCK_BITS, one_rounded, cut=i)


def measure_gptq(study: QualityStudy) -> None:
    """GPTQ at few bits, calibrated on wiki train."""
    for bits in study.plan.gptq_bits:

        def corrected(bits=bits):
            ids = study.windows("wiki", study.plan.calibration_windows, "train")
            return study.model._replace(chain=gptq_chain(study.model, ids, bits))

        study.compare("weights_gptq", named(64, False), bits, corrected, everywhere=True)
