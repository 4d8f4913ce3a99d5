"""Curves measured on a real model: what leaks at a cut, what few bits cost, how many drafted tokens are accepted.

    quality/<model>.csv       loss against bits, pruning, exits, noise
    leakage/<model>.csv       what an attacker reads at a cut
    acceptance/<model>.csv    drafted tokens accepted, by position; <model>.traces.csv: every draft
    adaptation/<model>.csv    loss against rounds of federated LoRA
    adaptation/<device>/<model>.csv    time and memory of a training step of one block

They lie in the same folders as the profiles, each beside a JSON that says how it was measured, and are refused by the
same rules. A curve is a small model's: read at another model's relative depth it is a stand-in and is to be called one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mei_gym.profiles.curve_kinds import KINDS, STEPS, Kind, checked_columns
from mei_gym.profiles.load import (
    ProfileError,
    checked_json,
    csv_lines,
    file_content,
    folders,
    nearest,
    slug_of,
)
from mei_gym.profiles.remembered import remembered

WHOLE_BITS = 16  # activations as they are


@dataclass(frozen=True)
class Curves:
    """One table and what its JSON says."""

    kind: str
    model: str
    card: dict[str, Any]
    columns: dict[str, np.ndarray]
    path: Path

    def rows(self, **wanted: Any) -> dict[str, np.ndarray]:
        """The rows whose columns have the wanted values; refused, naming what there is, where there is none."""
        chosen = np.ones(len(next(iter(self.columns.values()))), dtype=bool)
        for name, value in wanted.items():
            matching = chosen & (self.columns[name] == value)
            if not matching.any():
                there = ", ".join(f"{each}" for each in np.unique(self.columns[name][chosen]))
                raise ProfileError(
                    f"the {self.kind} of {self.model} was not measured with {name} {value!r}; there are {there}"
                )
            chosen = matching
        return {name: column[chosen] for name, column in self.columns.items()}


def curve_models(kind: str) -> list[str]:
    """Slugs of the models of which a kind of curve was measured, trials and unfinished tables left out."""
    paths = [path for folder in folders() for path in (folder / kind).glob("*.json")]
    return sorted({path.stem for path in paths if _whole(checked_json(path))})


def _whole(card: dict[str, Any]) -> bool:
    """Whether a table is neither a trial nor broken off by a budget: between few cuts a curve would be made up."""
    return not card.get("quick") and card.get("complete", True)


def load_curves(kind: str, model: str) -> Curves:
    """The table of a kind and model, checked against its hash and for numbers that no measurement gives.

    The last folder's wins, but a trial (`measure --quick`) is never read, nor what a budget stopped: they have few
    settings.
    """
    if kind not in KINDS:
        raise ProfileError(f"no kind of curve {kind!r}{nearest(kind, list(KINDS))}")
    slug = slug_of(model)
    for folder in reversed(folders()) if slug in curve_models(kind) else ():
        csv_path, json_path = (folder / kind / f"{slug}.{ending}" for ending in ("csv", "json"))
        if csv_path.is_file() and json_path.is_file():
            table = _loaded(kind, KINDS[kind], csv_path, json_path, *_changed(csv_path, json_path))
            if _whole(table.card):
                return table
    raise ProfileError(f"no {kind} of model {model!r}{nearest(slug, curve_models(kind))}")


def step_devices(model: str) -> list[str]:
    """Slugs of the devices on which a model's training steps were timed, trials left out."""
    return sorted({path.parent.name for path in _step_cards("*", model)})


def load_steps(device: str, model: str) -> Curves:
    """The table of a model's training steps on a device, checked likewise; no trial."""
    if device not in step_devices(model):
        raise ProfileError(f"no training steps of model {model!r} on {device!r}{nearest(device, step_devices(model))}")
    card = _step_cards(device, model)[-1]
    table = card.with_suffix(".csv")
    return _loaded("training steps", STEPS, table, card, *_changed(table, card))


def _step_cards(device: str, model: str) -> list[Path]:
    """The JSON files of a model's training steps, the last folder's last."""
    paths = [path for f in folders() for path in sorted(f.glob(f"adaptation/{device}/{slug_of(model)}.json"))]
    return [path for path in paths if path.with_suffix(".csv").is_file() and not checked_json(path).get("quick")]


def _changed(*paths: Path) -> tuple[int, ...]:
    """When each file was last written: what was read of it before holds no longer."""
    return tuple(path.stat().st_mtime_ns for path in paths)


@cache
def _loaded(kind: str, form: Kind, csv_path: Path, json_path: Path, *_changed_ns: int) -> Curves:
    card, content = checked_json(json_path), file_content(csv_path)
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.get("csv_sha256"):
        raise ProfileError(
            f"{csv_path.name} of {kind} is not the file that was measured: its SHA-256 is {digest[:12]}..., "
            f"expected {str(card.get('csv_sha256'))[:12]}..."
        )
    columns = checked_columns(csv_lines(content, csv_path, form.columns), form, csv_path)
    return Curves(kind, str(card.get("model", csv_path.stem)), card, columns, csv_path)


@remembered
def leakage_by_cut(model: str, bits: int = WHOLE_BITS, corpus: str = "wiki", seen: str = "all") -> np.ndarray:
    """[layers + 1]: share of the prompt's tokens that the best-trained linear attacker names at each cut.

    It retrains on activations of so many bits, in groups of 64 channels. `seen`: of all tokens, or those that it saw
    never, rarely (1-5 times) or often (100 and more). Not made monotone. At the last cut nothing leaves the device: 0.
    """
    table = load_curves("leakage", model)
    found = _read_at_cuts(table, bits, corpus, seen)
    return _by_cut(table, found["cut"], found["top1"])


def leakage_error_by_cut(model: str, bits: int = WHOLE_BITS, corpus: str = "wiki", seen: str = "all") -> np.ndarray:
    """[layers + 1]: standard error of `leakage_by_cut`, tokens taken as independent."""
    table = load_curves("leakage", model)
    found = _read_at_cuts(table, bits, corpus, seen)
    return _by_cut(table, found["cut"], found["top1_se"])


def best_trained(table: Curves, **wanted: Any) -> dict[str, np.ndarray]:
    """Rows of the linear attacker that was trained on the most tokens."""
    found = table.rows(attacker="ridge", **wanted)
    best = found["trained_tokens"] == found["trained_tokens"].max()
    return {name: column[best] for name, column in found.items()}


def _read_at_cuts(table: Curves, bits: int, corpus: str, seen: str) -> dict[str, np.ndarray]:
    wanted = {"defence": "none"} if bits == WHOLE_BITS else {"defence": "bits_group64", "amount": float(bits)}
    return best_trained(table, corpus=corpus, seen=seen, **wanted)


@remembered
def quality_loss_by_cut(model: str, bits: int, corpus: str = "wiki") -> np.ndarray:
    """[layers + 1]: relative rise of perplexity, exp(dNLL) - 1, when the states at a cut are rounded to so many bits.

    Groups of 64 channels. A measured gain lies within its error of nothing and counts as no loss.
    """
    table = load_curves("quality", model)
    found = table.rows(curve="activation", setting="group 64", corpus=corpus, amount=float(bits))
    return _by_cut(table, found["cut"], np.maximum(0.0, np.expm1(found["dnll"])))


def _by_cut(table: Curves, cuts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A value for each cut: as measured, between measured cuts on a line, and 0 at the last."""
    layers = int(table.card["architecture"]["layers"])
    order = np.argsort(cuts)
    curve = np.interp(np.arange(layers + 1), cuts[order], values[order])
    curve[-1] = 0.0
    return curve


def at_relative_depth(curve: np.ndarray, layers: int) -> np.ndarray:
    """[layers + 1]: a curve over the cuts of one model read at those of another, as a stand-in for its own.

    The inner cuts 1 .. L - 1 of both span the same range; the ends, where no activations travel, are kept apart.
    """
    own = len(curve) - 1
    if own == layers:
        return np.array(curve)
    inner = np.interp(np.linspace(1, own - 1, layers - 1), np.arange(own + 1), curve)
    return np.concatenate(([curve[0]], inner, [curve[-1]]))


def acceptance(model: str, draft: str, setting: str, amount: float, corpus: str = "wiki") -> np.ndarray:
    """[gamma]: share of the drafts of which at least 1, 2, ... gamma tokens were accepted."""
    found = load_curves("acceptance", model).rows(draft=draft, setting=setting, amount=float(amount), corpus=corpus)
    order = np.argsort(found["position"])
    return (found["survived"] / found["drafts"])[order]


def accepted_tokens(survival: np.ndarray, drafted: int) -> float:
    """Mean number of accepted tokens when so many are drafted: the sum of the survival up to there."""
    if not 0 <= drafted <= len(survival):
        raise ProfileError(f"acceptance was measured up to {len(survival)} drafted tokens, not {drafted}")
    return float(survival[:drafted].sum())


class Drafts(NamedTuple):
    """Every draft round of one kind on one text: to be replayed in order, or drawn from with replacement."""

    prompt: np.ndarray  # i8[rounds]: which prompt
    start: np.ndarray  # i8[rounds]: tokens of the answer before the draft
    matches: np.ndarray  # bool[rounds, gamma]: whether each drafted token is the whole model's
    accepted: np.ndarray  # i8[rounds]: tokens up to the first that is not


TRACE_COLUMNS = ("draft", "setting", "amount", "corpus", "prompt", "start", "matches")


def drafts(model: str, draft: str, setting: str, amount: float, corpus: str = "wiki") -> Drafts:
    """The traces behind `acceptance`, token by token."""
    table = load_curves("acceptance", model)
    counts = table.rows(draft=draft, setting=setting, amount=float(amount), corpus=corpus)["drafts"]
    path = table.path.with_suffix(".traces.csv")
    if not path.is_file():
        raise ProfileError(f"the traces of {model} are not beside {table.path.name}: {path.name} is missing")
    content = file_content(path)
    if hashlib.sha256(content).hexdigest() != table.card["traces"]["sha256"]:
        raise ProfileError(f"{path.name} is not the file that was measured: its SHA-256 is another")
    wanted = (draft, setting, f"{amount:g}", corpus)
    lines = [line for line in csv_lines(content, path, TRACE_COLUMNS) if tuple(line[:4]) == wanted]
    if len(lines) != counts[0]:
        raise ProfileError(f"{path.name} has {len(lines)} drafts of {' '.join(wanted)}, expected {counts[0]:g}")
    matches = np.array([[mark == "1" for mark in line[6]] for line in lines])
    accepted = np.cumprod(matches, axis=1).sum(axis=1)
    prompt, start = (np.array([int(line[i]) for line in lines]) for i in (4, 5))
    return Drafts(prompt, start, matches, accepted)


def loss_by_round(
    model: str, run: str = "lora", arrangement: str = "iid", clients: int = 4, rank: int = 16, noisy_share: float = 0.0,
    corpus: str = "wiki",
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """[rounds + 1] twice: mean over seeds of the held-out loss, nats a token, and its largest less its least.

    Round 0 is the model before training. One seed spreads by 0.
    """
    found = load_curves("adaptation", model).rows(
        run=run, arrangement=arrangement, clients=float(clients), rank=float(rank), noisy_share=noisy_share,
        corpus=corpus,
    )  # fmt: skip
    seeds = np.unique(found["seed"])
    by_seed = [found["nll"][found["seed"] == seed][np.argsort(found["round"][found["seed"] == seed])] for seed in seeds]
    table = np.stack(by_seed)
    return table.mean(axis=0), np.ptp(table, axis=0)


def step_ratio(
    device: str, model: str, method: str, batch: int, tokens: int, targets: str = "", rank: int = 0
) -> float:
    """Time of a block's training step over that of its forward pass at inference, on the same windows.

    Both launched alike: a step timed kernel by kernel has no ratio to a forward pass that was one graph.
    """
    table = load_steps(device, model)
    windows = {"batch": float(batch), "tokens": float(tokens)}
    wanted = {"method": method, **windows, **({"targets": targets} if targets else {}), "rank": float(rank)}
    step, inference = table.rows(**wanted), table.rows(method="inference", **windows)
    if len(step["step_s"]) > 1:
        there = ", ".join(np.unique(step["targets"]))
        raise ProfileError(f"{method} was measured with several targets on {device}; name one of {there}")
    if step["mode"][0] != inference["mode"][0]:
        raise ProfileError(
            f"the step {method!r} of {batch} x {tokens} tokens on {device} was timed in mode {step['mode'][0]}, its "
            f"forward pass in mode {inference['mode'][0]}: the ratio would be one of launches"
        )
    return float(step["step_s"][0] / inference["step_s"][0])
