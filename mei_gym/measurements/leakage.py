"""The campaign behind `mei-gym measure leakage`: what an attacker reads of a prompt from the states at a cut.

    attacker         guesses, from h_t at cut l, the token with the nearest row of the embedding table to
    nearest          h_t itself, by cosine
    nearest_centred  h_t less its mean over the text, rows less theirs
    ridge            a linear map of [h_t / rms(h_t), 1], trained on other text to the centred rows of unit length
    ridge_pair       likewise of h_t and h_t+1: does the next state give the token away?
    most_frequent    nothing: always the token most frequent in the training text

The attacker retrains on activations defended like those that it then sees: rounded, or with noise. The first token of
a window is left out. A linear attacker without a language model's prior finds a *lower* bound of what leaks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mei_gym.measurements.model import RealModel, embed, run_block
from mei_gym.measurements.study import BudgetSpent, Study

if TYPE_CHECKING:
    from torch import Tensor

OFTEN, RARE = 100, 5  # times in the training text: so many and more, once up to so many


class LeakageRow(NamedTuple):
    """How many of a text's tokens one attacker names right, first guess and first five."""

    attacker: str
    defence: str  # none, bits_token, bits_group64 or noise
    cut: int
    amount: float  # bits, or noise / rms; 16 bits: none
    corpus: str
    seen: str  # which tokens, by times in the whole training text, whatever the budget: all, never, rare, often
    trained_tokens: int
    tokens: int
    top1: float
    top1_se: float
    top5: float

    keys = 7


class Plan(NamedTuple):
    """How much a campaign measures; every choice is a matter of time, not of the method."""

    train_windows: int = 40
    windows: int = 12  # of wiki test
    other_windows: int = 4
    corpora: tuple[str, ...] = ("wiki", "news", "pydoc")
    cut_step: int = 1  # ridge and nearest, and the bits that travel
    rare_step: int = 3  # other defences, pairs
    bits: tuple[int, ...] = (8, 4)
    rare_bits: tuple[int, ...] = (2,)
    noise: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
    budgets: tuple[int, ...] = (500, 2000, 8000)
    budget_cuts: tuple[int, ...] = (6, 15, 24, 29)


FULL = Plan()
ON_CPU = FULL._replace(windows=3, other_windows=1)
QUICK = Plan(
    train_windows=4, windows=1, other_windows=1, corpora=("wiki",), cut_step=14, rare_step=14, bits=(4,), rare_bits=(),
    noise=(0.5,), budgets=(500,), budget_cuts=(14,),
)  # fmt: skip


def measure_leakage(
    out: Path, *, weights: Path | None = None, texts: Path | None = None, device: str = "cpu", quick: bool = False,
    budget_s: float | None = None, seed: int = 0, progress: bool = True, plan: Plan | None = None,
    model: RealModel | None = None,
) -> Path:  # fmt: skip
    """Measure leakage by cut into `out/leakage/<model>.csv` and `.json`; the CSV's path.

    By default SmolLM2-135M of its installed package and the prepared texts; `plan` and `model` replace the size of
    the campaign and the model. `budget_s` stops between two cuts; the same call then goes on where it stopped.
    """
    chosen = plan or (QUICK if quick else ON_CPU if device == "cpu" else FULL)
    study = LeakageStudy(
        "leakage", out, LeakageRow, weights=weights, texts_folder=texts, device=device, quick=quick, budget_s=budget_s,
        seed=seed, progress=progress, settings=chosen._asdict(), model=model,
    )  # fmt: skip
    with study.torch.inference_mode():
        try:
            study.measure(chosen)
        except BudgetSpent:
            study.stopped()
        return study.finish(attacker="linear, without a language model's prior: a lower bound")


class LeakageStudy(Study):
    """Walks the cuts in order, with the states of all texts at the cut in hand."""

    def measure(self, plan: Plan) -> None:
        """Every attack at each cut."""
        from mei_gym.measurements.attackers import Table

        self.plan, layers = plan, self.model.card.layers
        ids = {"train": self.windows("wiki", plan.train_windows, "train")}
        for corpus in plan.corpora:
            ids[corpus] = self.windows(corpus, plan.windows if corpus == "wiki" else plan.other_windows)
        self.ids, self.table = ids, Table(self.model.ends.embedding)
        self.counts = self.torch.bincount(ids["train"].flatten(), minlength=self.model.card.vocabulary)
        self.draws: dict[str, Tensor] = {}
        self._baseline()
        states = {name: embed(self.model, each) for name, each in ids.items()}
        for cut in range(layers):
            if cut:
                states = {name: run_block(self.model, cut - 1, hidden) for name, hidden in states.items()}
            self._attack_cut(cut, states)

    def _attack_cut(self, cut: int, states: dict[str, Tensor]) -> None:
        plan, last = self.plan, self.model.card.layers - 1
        common = cut % plan.cut_step == 0 or cut == last
        rare = cut % plan.rare_step == 0 or cut in (1, last)
        plain: list[tuple[str, str, float]] = []
        if common:
            plain += [("nearest", "none", 16), ("nearest_centred", "none", 16), ("ridge", "none", 16)]
            plain += [("ridge", "bits_group64", bits) for bits in plan.bits]
        if rare:
            plain += [("ridge_pair", "none", 16)]
            plain += [("ridge", "bits_group64", bits) for bits in plan.rare_bits]
            plain += [("ridge", "bits_token", bits) for bits in (*plan.bits, *plan.rare_bits)]
            plain += [("ridge", "noise", share) for share in plan.noise]
        for attacker, defence, amount in plain:
            self._attack(attacker, defence, cut, float(amount), states)
        if cut in plan.budget_cuts:
            for budget in plan.budgets:
                self._attack("ridge", "none", cut, 16.0, states, budget)

    def _attack(
        self, attacker: str, defence: str, cut: int, amount: float, states: dict[str, Tensor], budget: int | None = None
    ) -> None:
        from mei_gym.measurements import attackers

        trained = 0 if attacker.startswith("nearest") else self.ids["train"][:, 1:].numel()
        if attacker == "ridge_pair":
            trained = self.ids["train"][:, 2:].numel()
        trained = min(trained, budget) if budget else trained
        keys = [(attacker, defence, cut, amount, corpus, "all", trained) for corpus in self.plan.corpora]
        if all(self.record.has(key) for key in keys):
            return
        self.check_time()
        self.say(f"cut {cut}: {attacker}, {defence} {amount:g}" + (f", {budget} tokens" if budget else ""))
        defended = {name: self._defended(name, hidden, defence, amount) for name, hidden in states.items()}
        if attacker.startswith("nearest"):
            guess = attackers.nearest(self.table, centred=attacker == "nearest_centred")
        else:
            pair = attacker == "ridge_pair"
            guess = attackers.trained(self.table, defended["train"], self.ids["train"], pair, budget)
        for corpus in self.plan.corpora:
            hits = guess(defended[corpus], self.ids[corpus])
            self._record(attacker, defence, cut, amount, corpus, trained, *hits)

    def _defended(self, name: str, hidden: Tensor, defence: str, amount: float) -> Tensor:
        from mei_gym.measurements.quality_cuts import noisy
        from mei_gym.measurements.rounding import rounded

        if defence == "none":
            return hidden
        if defence == "noise":
            if name not in self.draws:
                generator = self.torch.Generator().manual_seed(self.seed + len(self.draws))
                self.draws[name] = self.torch.randn(hidden.shape, generator=generator).to(hidden.device)
            return noisy(hidden, amount, self.draws[name])
        return rounded(hidden, int(amount), 64 if defence == "bits_group64" else None)

    def _record(
        self, attacker: str, defence: str, cut: int, amount: float, corpus: str, trained: int, first: Any, five: Any,
        truth: Tensor,
    ) -> None:  # fmt: skip
        times = self.counts[truth]
        groups = {
            "all": times >= 0,
            "never": times == 0,
            "rare": (times > 0) & (times <= RARE),
            "often": times >= OFTEN,
        }
        rows = []
        for seen, inside in groups.items():
            count = int(inside.sum())
            if count == 0:
                continue
            top1, top5 = float(first[inside].double().mean()), float(five[inside].double().mean())
            error = (top1 * (1.0 - top1) / count) ** 0.5
            rows.append(LeakageRow(attacker, defence, cut, amount, corpus, seen, trained, count, top1, error, top5))
        self.record.add(*rows)

    def _baseline(self) -> None:
        """What always naming the most frequent tokens of the training text finds."""
        best = self.counts.topk(5).indices
        trained = self.ids["train"][:, 1:].numel()
        for corpus in self.plan.corpora:
            if self.record.has(("most_frequent", "none", -1, 16.0, corpus, "all", trained)):
                continue
            truth = self.ids[corpus][:, 1:].flatten()
            hits = (truth == best[0], (truth[:, None] == best).any(-1), truth)
            self._record("most_frequent", "none", -1, 16.0, corpus, trained, *hits)
