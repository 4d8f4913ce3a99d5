"""Quality when the model stops early: at a fixed depth through either lens, or once it is sure enough.

This model was not trained to exit, and its exits save little: a confidence exit's mean depth stands in the JSON
beside its loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mei_gym.measurements.model import head
from mei_gym.measurements.paired import Paired, Tokens
from mei_gym.measurements.tuned_lens import fit_tuned_lens, tuned_logits

if TYPE_CHECKING:
    from torch import Tensor

    from mei_gym.measurements.quality import QualityStudy

EVERYWHERE_STEP = 3  # at every third depth all corpora are measured
FIRST_EXIT = 6  # confidence is first asked there
WAYS = {"every block from 6": 1, "every sixth block": 6}


def measure_exits(study: QualityStudy) -> None:
    """Logit lens, tuned lens, then confidence exits through the tuned lens."""
    layers = study.model.card.layers
    depths = sorted({*range(0, layers + 1, study.plan.exit_step), layers})
    for depth in depths:
        for corpus in study.missing("exit_logit", "logit lens", depth, depth, depth % EVERYWHERE_STEP == 0):
            paired = study.paired(corpus)
            score = paired.of_hidden(paired.hidden[depth], lambda x: head(study.model, x)).score()
            study.add("exit_logit", "logit lens", corpus, depth, score, depth)
    lens: Tensor | None = None
    for corpus in study.corpora:
        if tuned_is_done(study, corpus, depths):
            continue
        if lens is None:
            study.say("fitting the tuned lens")
            lens = fit_tuned_lens(study.model, study.windows("wiki", study.plan.lens_windows, "train"))
        measure_tuned(study, corpus, depths, lens)


def tuned_is_done(study: QualityStudy, corpus: str, depths: list[int]) -> bool:
    """Whether every exit of the tuned lens stands in the record."""
    keys = [("exit_tuned", "tuned lens", corpus, depth, float(depth)) for depth in depths]
    keys += [("exit_confidence", way, corpus, -1, tau) for way in WAYS for tau in study.plan.thresholds]
    return all(study.record.has(key) for key in keys)


def measure_tuned(study: QualityStudy, corpus: str, depths: list[int], lens: Tensor) -> None:
    """All depths of one corpus, kept token by token for the confidence exits."""
    paired, found = study.paired(corpus), {}
    for depth in depths:
        study.check_time()
        study.say(f"exit_tuned at {depth}, {corpus}")
        found[depth] = paired.of_hidden(paired.hidden[depth], lambda x, w=lens[depth]: tuned_logits(study.model, w, x))
        if not study.record.has(("exit_tuned", "tuned lens", corpus, depth, float(depth))):
            study.add("exit_tuned", "tuned lens", corpus, depth, found[depth].score(), depth)
    layers = study.model.card.layers
    found[layers] = whole(paired)
    for way, step in WAYS.items():
        asked = [depth for depth in depths if depth == layers or (depth >= FIRST_EXIT and depth % step == 0)]
        for tau in study.plan.thresholds:
            if study.record.has(("exit_confidence", way, corpus, -1, tau)):
                continue
            tokens, mean_depth = confident(found, asked, tau)
            study.record.note("confidence", setting=way, corpus=corpus, amount=tau, mean_depth=round(mean_depth, 3))
            study.add("exit_confidence", way, corpus, tau, tokens.score())


def whole(paired: Paired) -> Tokens:
    """The model's own end, which every token can take: no loss, and always sure."""
    import torch

    nothing = torch.zeros_like(paired.nll)
    return Tokens(nothing, nothing == 0, nothing + 1, nothing + torch.inf)


def confident(found: dict[int, Tokens], asked: list[int], tau: float) -> tuple[Tokens, float]:
    """Each token at the first depth asked whose largest probability exceeds tau; and the mean depth."""
    import torch

    sure = torch.stack([found[depth].confidence > tau for depth in asked])
    first = sure.int().argmax(0)  # the last depth is always sure
    chosen = [torch.stack(parts).gather(0, first[None])[0] for parts in zip(*(found[depth] for depth in asked))]
    depth = torch.tensor(asked, device=first.device)[first].double().mean()
    return Tokens._make(chosen), float(depth)
