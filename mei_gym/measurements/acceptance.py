"""The campaign behind `mei-gym measure acceptance`: how many of a cheap draft's tokens the whole model would write.

The whole model continues prompts greedily. From every eighth token of its answer a draft model, which sees the true
text so far, writes eight tokens of its own; a token is accepted when it and all before it are the whole model's.

    survived(j) = drafts of which at least j tokens were accepted        mean accepted of g drafted = sum of the first g

The table has survived(j); the traces beside it have every draft's tokens, so that an environment can replay or resample
them. Drafts: the model left early (exit_logit, exit_tuned), with fewer bits, pruned, or with blocks dropped.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mei_gym.measurements import texts
from mei_gym.measurements.model import RealModel
from mei_gym.measurements.record import write_whole
from mei_gym.measurements.study import BudgetSpent, Study

if TYPE_CHECKING:
    from torch import Tensor

    from mei_gym.measurements.acceptance_drafts import Draft

PROMPT, ANSWER, DRAFTED = 64, 48, 8  # tokens (llm.md, section 5)
FIRST_OF_WIKI = 20_000  # before it stand the windows that other measurements take first
TRACE_COLUMNS = ("draft", "setting", "amount", "corpus", "prompt", "start", "matches")


class AcceptanceRow(NamedTuple):
    """How many drafts of one kind came at least so far."""

    draft: str
    setting: str
    amount: float  # blocks run, bits, share removed or blocks dropped
    corpus: str
    position: int  # 1 .. 8
    drafts: int
    survived: int  # drafts of which at least `position` tokens were accepted
    block_share: float  # of the whole model's work in blocks that a drafted token costs

    keys = 5


class Plan(NamedTuple):
    """How much a campaign measures; every choice is a matter of time, not of the method."""

    prompts: int = 48  # of wiki
    other_prompts: int = 24
    corpora: tuple[str, ...] = ("wiki", "news", "pydoc")
    exits: tuple[int, ...] = (6, 12, 18, 21, 24, 26, 28, 29)
    lens_windows: int = 24
    bits: tuple[int, ...] = (8, 4, 3, 2)
    pruned: tuple[float, ...] = (0.3, 0.5, 0.6)
    dropped: tuple[int, ...] = (2, 4, 6, 8, 10, 12)
    ranking_windows: int = 6


FULL = Plan()
ON_CPU = FULL._replace(prompts=12, other_prompts=6, ranking_windows=3)
QUICK = Plan(
    prompts=2, other_prompts=1, corpora=("wiki",), exits=(24,), lens_windows=3, bits=(4,), pruned=(), dropped=(2,),
    ranking_windows=1,
)  # fmt: skip


def measure_acceptance(
    out: Path, *, weights: Path | None = None, texts: Path | None = None, device: str = "cpu", quick: bool = False,
    budget_s: float | None = None, seed: int = 0, progress: bool = True, plan: Plan | None = None,
    model: RealModel | None = None,
) -> Path:  # fmt: skip
    """Measure drafts into `out/acceptance/<model>.csv`, `.json` and `.traces.csv`; the CSV's path.

    By default SmolLM2-135M of its installed package and the prepared texts; `plan` and `model` replace the size of
    the campaign and the model. `budget_s` stops between two drafts; the same call then goes on where it stopped.
    """
    chosen = plan or (QUICK if quick else ON_CPU if device == "cpu" else FULL)
    study = AcceptanceStudy(
        "acceptance", out, AcceptanceRow, weights=weights, texts_folder=texts, device=device, quick=quick,
        budget_s=budget_s, seed=seed, progress=progress, settings=chosen._asdict(), model=model,
    )  # fmt: skip
    with study.torch.inference_mode():
        try:
            study.measure(chosen)
        except BudgetSpent:
            study.stopped()
        return study.finish_with_traces()


class AcceptanceStudy(Study):
    """The whole model's answers, and every draft's against them."""

    def measure(self, plan: Plan) -> None:
        """Every draft on every corpus."""
        from mei_gym.measurements.acceptance_drafts import drafts

        counts = {name: plan.prompts if name == "wiki" else plan.other_prompts for name in plan.corpora}
        prompts = {name: self._prompts(name, count) for name, count in counts.items()}  # resumed ones are told, too
        answers: dict[str, Tensor] = {}
        for draft in drafts(self, plan):
            for corpus in plan.corpora:
                if self.record.has((draft.name, draft.setting, draft.amount, corpus, DRAFTED)):
                    continue
                self.check_time()
                if corpus not in answers:
                    self.say(f"the whole model answers on {corpus}")
                    answers[corpus] = greedy(self.model, prompts[corpus], ANSWER + DRAFTED)
                self.say(f"{draft.name} {draft.amount:g}, {draft.setting}, on {corpus}")
                self._add(draft, corpus, matches(draft, answers[corpus]))

    def _prompts(self, corpus: str, count: int) -> Tensor:
        """Token ids [prompts, 64] at random starts."""
        ids = texts.tokens(corpus, "test", self.folder)
        first = FIRST_OF_WIKI if corpus == "wiki" and len(ids) > 2 * FIRST_OF_WIKI else 0
        starts = np.random.default_rng(self.seed).integers(first, len(ids) - 200, size=count)
        self.windows_used[f"{corpus}.test.{count}"] = {"length": PROMPT, "starts": starts.tolist()}
        rows = np.stack([ids[start : start + PROMPT] for start in starts]).astype(np.int64)
        return self.torch.from_numpy(rows).to(self.device)

    def _add(self, draft: Draft, corpus: str, found: np.ndarray) -> None:
        """Record the survival of drafts [prompts, starts, 8], and their traces."""
        accepted = np.cumprod(found, axis=-1).reshape(-1, DRAFTED).sum(axis=0)
        told = [["".join("01"[int(each)] for each in start) for start in prompt] for prompt in found]
        key = (draft.name, draft.setting, draft.amount, corpus)
        self.record.note("trace", key=list(key), matches=told)
        count = found.shape[0] * found.shape[1]
        self.record.add(
            *(
                AcceptanceRow(*key, position + 1, count, int(accepted[position]), round(draft.block_share, 4))
                for position in range(DRAFTED)
            )
        )

    def finish_with_traces(self) -> Path:
        """Write the traces, then CSV and JSON, which names the traces' hash."""
        lines = [",".join(TRACE_COLUMNS)]
        told = {tuple(note["key"]): note["matches"] for note in self.record.noted("trace")}
        for (name, setting, amount, corpus), prompts in told.items():
            for prompt, starts in enumerate(prompts):
                for start, each in enumerate(starts):
                    lines.append(f"{name},{setting},{amount:g},{corpus},{prompt},{start * DRAFTED},{each}")
        text = "\n".join(lines) + "\n"
        path = self.record.csv_path.with_suffix(".traces.csv")
        write_whole(path, text)
        return self.finish(
            traces={"file": path.name, "rows": len(lines) - 1, "sha256": hashlib.sha256(text.encode()).hexdigest()},
            mean_accepted=mean_accepted(self.record.rows),
        )


def mean_accepted(rows: list[AcceptanceRow]) -> list[dict[str, Any]]:
    """Mean accepted tokens of 1 .. 8 drafted, and what a constant rate, that of the first position, would give."""
    found: dict[tuple, dict[int, AcceptanceRow]] = {}
    for row in rows:
        found.setdefault(tuple(row[:4]), {})[row.position] = row
    said = []
    for key, at in found.items():
        survival = np.array([at[j].survived / at[j].drafts for j in sorted(at)])
        constant = np.cumsum(survival[0] ** np.arange(1, len(survival) + 1))
        said.append(
            {
                **dict(zip(AcceptanceRow._fields, key)),
                "mean": [round(float(value), 4) for value in np.cumsum(survival)],
                "at_constant_rate": [round(float(value), 4) for value in constant],
            }
        )
    return said


def greedy(model: RealModel, prompts: Tensor, count: int) -> Tensor:
    """Token ids [B, T + count]: the prompts and the model's likeliest continuation."""
    from mei_gym.measurements.acceptance_drafts import whole

    return continued(whole(model), prompts, count)


def continued(draft: Draft, ids: Tensor, count: int) -> Tensor:
    """Token ids [B, T + count] with the draft's likeliest tokens, each seen by the next."""
    import torch

    for _ in range(count):
        ids = torch.cat((ids, draft.logits(ids).argmax(-1, keepdim=True)), dim=1)
    return ids


def matches(draft: Draft, answers: Tensor) -> np.ndarray:
    """[prompts, starts, 8]: whether each drafted token is the whole model's, over the true text before the draft."""
    found = []
    for start in range(PROMPT, PROMPT + ANSWER, DRAFTED):
        drafted = continued(draft, answers[:, :start], DRAFTED)[:, start:]
        found.append((drafted == answers[:, start : start + DRAFTED]).cpu().numpy())
    return np.stack(found, axis=1)
