"""Quality against what happens to the hidden states at a cut: fewer bits, or noise.

Every token's states are changed once, prefill and decode alike; keys and values of either side stay whole. From the
middle of the model on, the first token carries activations hundreds of times the others' (an attention sink), and a
few channels stand out: one scale a token then fails where groups of channels do not, so both are measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mei_gym.measurements.rounding import rounded

if TYPE_CHECKING:
    from torch import Tensor

    from mei_gym.measurements.quality import QualityStudy

GROUPS = {"group 64": 64, "per token": None}
FIRST_WHOLE, FIRST_WHOLE_BITS = "per token, first token whole", 4
EVERYWHERE_STEP = 6  # at every sixth cut all corpora are measured


def measure_activation_bits(study: QualityStudy) -> None:
    """Few bits at every cut, fewer at some, and the first token spared where one scale a token fails."""
    plan, layers = study.plan, study.model.card.layers
    common = [(cut, bits) for cut in range(0, layers, plan.cut_step) for bits in plan.cut_bits]
    rare = [(cut, bits) for cut in some_cuts(layers, plan.rare_step) for bits in plan.rare_cut_bits]
    for cut, bits in sorted({*common, *rare}):
        everywhere = bits in plan.cut_bits and cut % EVERYWHERE_STEP == 0
        for setting, group in GROUPS.items():
            for corpus in study.missing("activation", setting, bits, cut, everywhere):
                paired = study.paired(corpus)
                score = paired.from_cut(cut, rounded(paired.hidden[cut], bits, group))
                study.add("activation", setting, corpus, bits, score, cut)
    for cut in some_cuts(layers, plan.rare_step):
        for corpus in study.missing("activation", FIRST_WHOLE, FIRST_WHOLE_BITS, cut):
            paired = study.paired(corpus)
            score = paired.from_cut(cut, but_first(paired.hidden[cut], FIRST_WHOLE_BITS))
            study.add("activation", FIRST_WHOLE, corpus, FIRST_WHOLE_BITS, score, cut)


def but_first(hidden: Tensor, bits: int) -> Tensor:
    """Hidden states [B, T, d] rounded with one scale a token, the first token of each window left whole."""
    changed = rounded(hidden, bits, None)
    changed[:, 0] = hidden[:, 0]
    return changed


def measure_noise(study: QualityStudy) -> None:
    """Gaussian noise of several sizes, the same draw at every cut."""
    import torch

    draws: dict[str, Tensor] = {}
    for cut in some_cuts(study.model.card.layers, study.plan.rare_step):
        for share in study.plan.noise:
            for corpus in study.missing("noise", "Gaussian", share, cut, cut % EVERYWHERE_STEP == 0):
                hidden = study.paired(corpus).hidden[cut]
                if corpus not in draws:
                    generator = torch.Generator().manual_seed(study.seed)
                    draws[corpus] = torch.randn(hidden.shape, generator=generator).to(hidden.device)
                score = study.paired(corpus).from_cut(cut, noisy(hidden, share, draws[corpus]))
                study.add("noise", "Gaussian", corpus, share, score, cut)


def noisy(hidden: Tensor, share: float, draw: Tensor) -> Tensor:
    """Hidden states plus `share` of each token's own rms, times a standard normal draw."""
    rms = hidden.square().mean(-1, keepdim=True).sqrt()
    return hidden + share * rms * draw


def some_cuts(layers: int, step: int) -> list[int]:
    """Every step-th cut, and the first and last at which a block stands on either side."""
    return sorted({*range(0, layers, step), *(cut for cut in (1, layers - 1) if step <= 3 and 0 <= cut < layers)})
