"""The campaign behind `mei-gym measure quality`: what every kind of saving costs in loss, on the real model.

    curve             amount                 cut     what is changed
    weights           bits                   -       all block matrices, rounded to nearest; or embedding and head
    weights_gptq      bits                   -       all block matrices, by GPTQ
    block_bits        bits                   block   one block's matrices
    activation        bits                   cut     the hidden states that cross a cut
    noise             noise / rms            cut     likewise, Gaussian, relative to each token's rms
    prune_magnitude   share removed          -       weights
    prune_wanda       share removed          -       weights
    prune_2_4         share removed, .5      -       weights
    structured        share removed          -       MLP channels or heads of each block
    drop_layers       blocks removed         block   one block (cut: which), or the least important together
    exit_logit        blocks run             exit    head(norm(h))
    exit_tuned        blocks run             exit    head([norm(h), 1] W), W by ridge regression
    exit_confidence   threshold              -       the first exit that is sure enough; mean depth in the JSON

The baseline is the model as shipped, whose weights have 4 bits already. A cut or exit at l: l blocks have run.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mei_gym.measurements.model import RealModel
from mei_gym.measurements.paired import Paired, Score
from mei_gym.measurements.study import BudgetSpent, Study


class QualityRow(NamedTuple):
    """One setting on one text, paired with the shipped model on the same tokens."""

    curve: str
    setting: str
    corpus: str
    cut: int  # cut, exit or block; -1: none
    amount: float  # bits, share, count, noise / rms, blocks run or threshold
    tokens: int
    dnll: float  # nats a token
    dnll_se: float
    agreement: float  # of the likeliest token
    overlap: float  # mean sum of min(p, q)

    keys = 5


class Plan(NamedTuple):
    """How much a campaign measures; every choice is a matter of time, not of the method."""

    windows: int = 12  # of wiki test
    other_windows: int = 6  # of each other corpus
    calibration_windows: int = 12  # of wiki train: GPTQ, Wanda, structured pruning
    ranking_windows: int = 6  # of wiki train: which blocks matter least
    lens_windows: int = 24  # of wiki train
    corpora: tuple[str, ...] = ("wiki", "news", "pydoc", "austen")
    weight_bits: tuple[int, ...] = (8, 6, 5, 4, 3, 2)
    gptq_bits: tuple[int, ...] = (4, 3)
    shares: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    structured_shares: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)
    dropped: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15)
    block_step: int = 1  # every how manieth block is changed alone
    cut_bits: tuple[int, ...] = (8, 4)  # at every cut_step-th cut
    rare_cut_bits: tuple[int, ...] = (6, 3, 2)  # at every rare_step-th
    noise: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 1.0)  # at every rare_step-th
    cut_step: int = 1
    rare_step: int = 3
    exit_step: int = 1
    thresholds: tuple[float, ...] = (0.5, 0.7, 0.8, 0.9, 0.95)


FULL = Plan()
ON_CPU = FULL._replace(windows=6, calibration_windows=6, ranking_windows=3)  # about an hour on one core
QUICK = Plan(
    windows=1, other_windows=1, calibration_windows=1, ranking_windows=1, lens_windows=3, corpora=("wiki", "news"),
    weight_bits=(4,), gptq_bits=(), shares=(0.3,), structured_shares=(0.1,), dropped=(1,), block_step=15,
    cut_bits=(4,), rare_cut_bits=(), noise=(0.25,), cut_step=14, rare_step=14, exit_step=15, thresholds=(0.8,),
)  # fmt: skip


def measure_quality(
    out: Path, *, weights: Path | None = None, texts: Path | None = None, device: str = "cpu", quick: bool = False,
    budget_s: float | None = None, seed: int = 0, progress: bool = True, plan: Plan | None = None,
    model: RealModel | None = None,
) -> Path:  # fmt: skip
    """Measure the curves into `out/quality/<model>.csv` and `.json`; the CSV's path.

    By default SmolLM2-135M of its installed package and the prepared texts; `plan` and `model` replace the size of
    the campaign and the model. `budget_s` stops between two settings; the same call then goes on where it stopped.
    """
    chosen = plan or (QUICK if quick else ON_CPU if device == "cpu" else FULL)
    study = QualityStudy(out, chosen, weights, texts, device, quick, budget_s, seed, progress, model)
    with study.torch.inference_mode():
        try:
            study.measure()
        except BudgetSpent:
            study.stopped()
        return study.finish(**study.notes())


class QualityStudy(Study):
    """The references of each corpus, and which rows are still wanted."""

    def __init__(self, out, plan, weights, texts_folder, device, quick, budget_s, seed, progress, model) -> None:
        """See Study; the windows are cut when they are first asked for."""
        super().__init__(
            "quality", out, QualityRow, weights=weights, texts_folder=texts_folder, device=device, quick=quick,
            budget_s=budget_s, seed=seed, progress=progress, settings=plan._asdict(), model=model,
        )  # fmt: skip
        from mei_gym.measurements import texts

        self.plan: Plan = plan
        self.corpora = [name for name in plan.corpora if name in texts.present(self.folder)]
        self.references: dict[str, Paired] = {}

    def measure(self) -> None:
        """Every curve; the dear ones last."""
        from mei_gym.measurements import quality_cuts, quality_exits, quality_pruning, quality_weights

        quality_weights.measure_weights(self)
        quality_weights.measure_single_blocks(self)
        quality_pruning.measure_pruning(self)
        quality_pruning.measure_dropped_blocks(self)
        quality_cuts.measure_activation_bits(self)
        quality_cuts.measure_noise(self)
        quality_exits.measure_exits(self)
        quality_weights.measure_gptq(self)

    def paired(self, corpus: str) -> Paired:
        """The whole model over the corpus's windows."""
        if corpus not in self.references:
            count = self.plan.windows if corpus == "wiki" else self.plan.other_windows
            self.say(f"the whole model on {corpus}")
            self.references[corpus] = Paired(self.model, self.windows(corpus, count))
        return self.references[corpus]

    def missing(self, curve: str, setting: str, amount: float, cut: int = -1, everywhere: bool = False) -> list[str]:
        """Corpora on which a setting is still to be measured: all if `everywhere`, else wiki; heeds the budget."""
        corpora = self.corpora if everywhere else self.corpora[:1]
        left = [name for name in corpora if not self.record.has((curve, setting, name, cut, float(amount)))]
        if left:
            self.check_time()
            self.say(f"{curve} {amount:g}, {setting}" + (f", at {cut}" if cut >= 0 else ""))
        return left

    def add(self, curve: str, setting: str, corpus: str, amount: float, score: Score, cut: int = -1) -> None:
        """Record one score."""
        self.record.add(QualityRow(curve, setting, corpus, cut, float(amount), *score))

    def compare(self, curve: str, setting: str, amount: float, change, cut: int = -1, everywhere: bool = False) -> None:
        """Measure a changed model, made by `change()` only where it is still wanted."""
        left = self.missing(curve, setting, amount, cut, everywhere)
        changed = change() if left else self.model
        for corpus in left:
            self.add(curve, setting, corpus, amount, self.paired(corpus).of_model(changed), cut)

    def notes(self) -> dict:
        """What the JSON keeps beside the rows; the windows of rows that were resumed, too."""
        for name in self.corpora:
            self.windows(name, self.plan.windows if name == "wiki" else self.plan.other_windows)
        for count in (self.plan.calibration_windows, self.plan.ranking_windows, self.plan.lens_windows):
            self.windows("wiki", count, "train")
        return {
            "least_important_blocks": [note["order"] for note in self.record.noted("ranking")][-1:],
            "confidence_exits": self.record.noted("confidence"),
        }
