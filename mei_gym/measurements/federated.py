"""Federated LoRA on a real model: held-out loss against rounds, for texts apart or mixed, clean or noisy clients.

A round: every client takes the server's factors, makes some AdamW steps of its own on its own text (optimiser anew each
round), and sends its factors; the server takes the plain mean of all A and of all B apart (FedAvg).

    by_text      each client has one text (or a contiguous part of one): not identically distributed
    iid          each window of each client is from a text drawn evenly
    centralised  one model takes the same steps on the by_text clients' windows of that step together, one optimiser
    noisy        a share of the clients, drawn by the seed, has the tokens of each training window shuffled
    zeroth       centralised, but each step is MeZO's on the factors: two forward passes, no backward pass

Clients are computed side by side (see `lora`). Draws depend on (seed, round, step, client) alone, so that arrangements
and ranks meet the same windows. Held-out: windows of wiki's test split and of the last fifth of each other text.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mei_gym.measurements import machine, texts
from mei_gym.measurements.adaptation_steps import machine_and_moment
from mei_gym.measurements.lora import (
    SCALE,
    Factors,
    adapted_block,
    averaged,
    for_clients,
    random_factors,
    sent_bytes,
    set_gradients,
    tensors,
)
from mei_gym.measurements.model import RealModel, embed, head, token_nll
from mei_gym.measurements.record import Campaign, slug
from mei_gym.measurements.zeroth import zeroth_step

if TYPE_CHECKING:
    from torch import Tensor

TARGETS = "qv"
LEARNING_RATE = 1e-3  # llm.md, section 7
ZEROTH_RATE, ZEROTH_EPSILON = 1e-2, 1e-3  # chosen; MeZO's epsilon
HELD_OUT_SHARE = 0.2  # chosen: of a text without a split of its own
NOISE = 1_000_000  # a stream apart from the rounds': which clients are noisy


class RoundRow(NamedTuple):
    """Held-out loss of the server's model on one corpus after a round; round 0 is the model as it came."""

    run: str  # lora | zeroth
    arrangement: str  # by_text | iid | centralised
    clients: int
    rank: int
    noisy_share: float
    seed: int
    round: int
    corpus: str
    tokens: int  # held-out tokens that were scored
    nll: float  # nats a token
    nll_se: float  # over tokens, of the loss itself; of its fall, which is much better known, see the JSON
    sent_bytes: int  # what a client sends up in this round, 16 bits a value; the centralised ones send none
    step_count: int  # training steps one after another so far

    keys = 8


class Run(NamedTuple):
    """One training from the model as it came."""

    run: str
    arrangement: str
    clients: int
    rank: int
    noisy_share: float
    seed: int


class Setting(NamedTuple):
    """How long the runs are."""

    rounds: int = 10
    steps: int = 8  # of each client in a round
    batch: int = 8  # windows of a step
    length: int = 128  # tokens of a window
    held_out: int = 32  # windows of each corpus
    corpora: int = len(texts.CORPORA)  # the first so many that are there


QUICK = Setting(rounds=2, steps=2, batch=2, length=64, held_out=2, corpora=2)


def federated_runs(seed: int, quick: bool = False) -> list[Run]:
    """The runs, the most wanted first; two more seeds of the main setting last."""
    if quick:
        return [
            Run("lora", "by_text", 2, 4, 0.0, seed),
            Run("lora", "iid", 2, 4, 0.5, seed),
            Run("zeroth", "centralised", 2, 4, 0.0, seed),
        ]
    arrangements = ("by_text", "iid", "centralised")
    runs = [
        Run("lora", kind, 4, rank, noise, seed) for rank in (16, 4) for noise in (0.0, 0.5) for kind in arrangements
    ]
    runs.append(Run("zeroth", "centralised", 4, 16, 0.0, seed))
    runs += [Run("lora", kind, 8, 16, 0.0, seed) for kind in ("by_text", "iid")]
    return runs + [Run("lora", kind, 4, 16, 0.0, seed + more) for more in (1, 2) for kind in arrangements]


class Clients:
    """Training windows of every client and held-out windows of every corpus."""

    def __init__(self, setting: Setting, folder: Path | None = None) -> None:
        """Read the tokens that the folder holds; refuses a folder without any."""
        self.setting = setting
        self.corpora = texts.present(folder)[: setting.corpora]
        if not self.corpora:
            raise FileNotFoundError(
                f"{folder or texts.folder()} holds no text; mei_gym.measurements.texts.prepare() builds them"
            )
        self.training: list[np.ndarray] = []
        self.held_out: dict[str, np.ndarray] = {}
        for name in self.corpora:
            ids = texts.tokens(name, "test", folder)
            training, last = ids, ids
            if name == "wiki":
                training = texts.tokens(name, "train", folder)
            else:
                cut = int((1.0 - HELD_OUT_SHARE) * len(ids))
                training, last = ids[:cut], ids[cut:]
            self.training.append(training)
            self.held_out[name] = texts.windows(last, setting.held_out, setting.length)

    def noisy(self, run: Run) -> list[int]:
        """The clients whose windows are shuffled."""
        order = np.random.default_rng((run.seed, NOISE)).permutation(run.clients)
        return sorted(int(i) for i in order[: round(run.noisy_share * run.clients)])

    def windows(self, run: Run, round_: int, step: int) -> np.ndarray:
        """Token ids [clients, batch, length] of one step of all clients; centralised: [1, clients x batch, length]."""
        noisy = self.noisy(run)
        drawn = np.stack([self._windows(run, round_, step, client, client in noisy) for client in range(run.clients)])
        return drawn.reshape(1, -1, self.setting.length) if run.arrangement == "centralised" else drawn

    def _windows(self, run: Run, round_: int, step: int, client: int, noisy: bool) -> np.ndarray:
        rng = np.random.default_rng((run.seed, round_, step, client))
        batch, length, count = self.setting.batch, self.setting.length, len(self.corpora)
        if run.arrangement == "iid":
            pools = [self.training[i] for i in rng.integers(count, size=batch)]
        else:
            corpus, part = client % count, client // count
            parts = len(range(corpus, run.clients, count))  # clients that share this text, each a contiguous part
            pools = [np.array_split(self.training[corpus], parts)[part]] * batch
        starts = [int(rng.integers(len(pool) - length + 1)) for pool in pools]
        found = np.stack([pool[start : start + length] for pool, start in zip(pools, starts)]).astype(np.int64)
        return rng.permuted(found, axis=1) if noisy else found


class Trainer:
    """A frozen real model, and its loss under factors."""

    def __init__(self, model: RealModel, clients: Clients) -> None:
        """`model` in float32 on the device that trains."""
        self.model, self.clients, self.device = model, clients, model.ends.embedding.device
        self.held_out = {name: self._ids(windows)[None] for name, windows in clients.held_out.items()}

    def nll(self, chain: list[Factors], ids: Tensor) -> Tensor:
        """Nats [clients, B, T - 1] of token ids [clients, B, T], each client under its own factors."""
        hidden = embed(self.model, ids)
        for weights, factors in zip(self.model.chain, chain):
            hidden = adapted_block(self.model.card, weights, factors, self.model.rotary, hidden)
        nll = token_nll(head(self.model, hidden).flatten(0, 1), ids.flatten(0, 1))
        return nll.view(*ids.shape[:2], -1)

    def evaluated(self, chain: list[Factors]) -> dict[str, np.ndarray]:
        """Nats of every held-out token, corpus by corpus."""
        import torch

        with torch.no_grad():
            return {name: self.nll(chain, ids).flatten().cpu().numpy() for name, ids in self.held_out.items()}

    def rounds(self, run: Run, setting: Setting) -> Any:
        """Yield (server's factors, bytes that a client sent) after each round, round 0 first."""
        import torch

        generator = torch.Generator(self.device).manual_seed(run.seed)
        server = [
            random_factors(self.model.card, TARGETS, run.rank, generator, 1, torch.float32, self.device)
            for _ in self.model.chain
        ]
        yield server, 0
        together = run.arrangement == "centralised"
        local, optimiser = [], None
        for round_ in range(1, setting.rounds + 1):
            if not together or not local:
                local = for_clients(server, 1 if together else run.clients)
                optimiser = torch.optim.AdamW(tensors(local), lr=LEARNING_RATE, fused=True)
            for step in range(setting.steps):
                ids = self._ids(self.clients.windows(run, round_, step))
                if run.run == "zeroth":
                    seed = (run.seed * setting.rounds + round_) * setting.steps + step
                    self._forward_only(local, ids, seed)
                    continue
                parts = tensors(local)
                set_gradients(parts, torch.autograd.grad(self._loss(local, ids), parts))
                assert optimiser is not None
                optimiser.step()
            with torch.no_grad():
                server = averaged(local)
            yield server, 0 if together else sent_bytes(local)

    def _forward_only(self, chain: list[Factors], ids: Tensor, seed: int) -> None:
        zeroth_step(tensors(chain), lambda: self._loss(chain, ids), ZEROTH_EPSILON, ZEROTH_RATE, seed)

    def _loss(self, chain: list[Factors], ids: Tensor) -> Tensor:
        """The sum of the clients' mean losses: each client's gradient is its own."""
        return self.nll(chain, ids).mean((1, 2)).sum()

    def _ids(self, windows: np.ndarray) -> Tensor:
        import torch

        return torch.from_numpy(windows).to(self.device)


def measure_federated(
    model: RealModel, out: Path, *, texts_folder: Path | None = None, setting: Setting | None = None,
    runs: list[Run] | None = None, quick: bool = False, budget_s: float | None = None, seed: int = 0,
    progress: bool = True,
) -> Path:  # fmt: skip
    """Measure loss against rounds into `out/adaptation/<model>.csv` and `.json`; the CSV's path.

    A run that was broken off is made anew; finished ones are kept. `budget_s` stops before the next run.
    """
    began, load_before = time.monotonic(), machine.load_average()
    setting = (QUICK if quick else Setting()) if setting is None else setting
    runs = federated_runs(seed, quick) if runs is None else runs
    trainer = Trainer(model, Clients(setting, texts_folder))
    identity = {
        "kind": "adaptation",
        "model": model.card.name,
        "weights": model.sha256,
        "texts": texts.described(trainer.clients.corpora, texts_folder),
        "settings": {
            **setting._asdict(),
            "targets": TARGETS,
            "scale": f"{SCALE:.0f} / rank",
            "optimiser": f"AdamW {LEARNING_RATE:g}",
            "zeroth": {"learning_rate": ZEROTH_RATE, "epsilon": ZEROTH_EPSILON},
            "held_out_share": HELD_OUT_SHARE,
        },
        "device": trainer.device.type,
        "dtype": "float32",
        "versions": machine.versions(),
        "seed": seed,
        "quick": quick,
    }
    record = Campaign(out / "adaptation", slug(model.card.name), identity, RoundRow)
    finished = {tuple(row[: len(Run._fields)]) for row in record.rows}
    left = [run for run in runs if tuple(run) not in finished]
    for i, run in enumerate(left):
        if budget_s is not None and time.monotonic() - began > budget_s:
            break
        if progress:
            spent = time.monotonic() - began
            print(f"{i + 1}/{len(left)}, {spent:.0f} s: {' '.join(map(str, run))}", file=sys.stderr, flush=True)
        _measure_run(trainer, run, setting, record)
    remaining = len(runs) - len({tuple(row[: len(Run._fields)]) for row in record.rows} & {tuple(r) for r in runs})
    provenance = {
        **identity,
        **machine_and_moment(load_before),
        "gpu": _gpu_name(trainer.device),
        "seconds": round(time.monotonic() - began, 1),
        "runs": list({tuple(note[name] for name in Run._fields): note for note in record.noted("run")}.values()),
        "left_by_budget": remaining,
    }
    return record.finish(provenance, keep_partial=remaining > 0)


def _measure_run(trainer: Trainer, run: Run, setting: Setting, record: Campaign) -> None:
    began, rows = time.monotonic(), []
    first: dict[str, np.ndarray] = {}
    last: dict[str, np.ndarray] = {}
    for round_, (server, sent) in enumerate(trainer.rounds(run, setting)):
        last = trainer.evaluated(server)
        first = first or last
        for corpus, nats in last.items():
            mean, error = _mean_and_error(nats)
            rows.append(RoundRow(*run, round_, corpus, len(nats), mean, error, sent, round_ * setting.steps))
    change = {name: [round(value, 5) for value in _mean_and_error(last[name] - first[name])] for name in first}
    record.note(
        "run",
        **run._asdict(),
        noisy_clients=trainer.clients.noisy(run),
        change_and_se=change,  # paired over tokens, last round less round 0
        seconds=round(time.monotonic() - began, 2),
    )
    record.add(*rows)


def _mean_and_error(nats: np.ndarray) -> tuple[float, float]:
    wide = nats.astype(np.float64)
    return float(wide.mean()), float(wide.std(ddof=1) / np.sqrt(len(wide)))


def _gpu_name(device: Any) -> str | None:
    import torch

    return torch.cuda.get_device_properties(device).name if device.type == "cuda" else None
