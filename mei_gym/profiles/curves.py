"""Curves measured on a real model: what leaks at a cut, what few bits cost, how many drafted tokens are accepted.

    quality/<model>.csv       loss against bits, pruning, exits, noise
    leakage/<model>.csv       what an attacker reads at a cut
    acceptance/<model>.csv    drafted tokens accepted, by position

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

from mei_gym.profiles.load import (
    ProfileError,
    checked_json,
    csv_lines,
    file_content,
    find_file,
    folders,
    nearest,
    slug_of,
)

WHOLE_BITS = 16  # activations as they are


class Kind(NamedTuple):
    """What a kind of table must hold: its columns, which of them are words, and which are shares."""

    columns: tuple[str, ...]
    words: tuple[str, ...]
    shares: tuple[str, ...]


KINDS = {
    "quality": Kind(
        ("curve", "setting", "corpus", "cut", "amount", "tokens", "dnll", "dnll_se", "agreement", "overlap"),
        ("curve", "setting", "corpus"),
        ("agreement", "overlap"),
    ),
    "leakage": Kind(
        (
            "attacker",
            "defence",
            "cut",
            "amount",
            "corpus",
            "seen",
            "trained_tokens",
            "tokens",
            "top1",
            "top1_se",
            "top5",
        ),
        ("attacker", "defence", "corpus", "seen"),
        ("top1", "top5"),
    ),
    "acceptance": Kind(
        ("draft", "setting", "amount", "corpus", "position", "drafts", "survived", "block_share"),
        ("draft", "setting", "corpus"),
        (),
    ),
}


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
    """Slugs of the models of which a kind of curve was measured."""
    return sorted({path.stem for folder in folders() for path in (folder / kind).glob("*.json")})


def load_curves(kind: str, model: str) -> Curves:
    """The table of a kind and model, checked against its hash and for shares that are none."""
    if kind not in KINDS:
        raise ProfileError(f"no kind of curve {kind!r}{nearest(kind, list(KINDS))}")
    slug = slug_of(model)
    csv_path, json_path = find_file(kind, f"{slug}.csv"), find_file(kind, f"{slug}.json")
    if csv_path is None or json_path is None:
        raise ProfileError(f"no {kind} of model {model!r}{nearest(slug, curve_models(kind))}")
    return _loaded(kind, csv_path, json_path, csv_path.stat().st_mtime_ns)


@cache
def _loaded(kind: str, csv_path: Path, json_path: Path, changed_ns: int) -> Curves:
    card, content = checked_json(json_path), file_content(csv_path)
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.get("csv_sha256"):
        raise ProfileError(
            f"{csv_path.name} of {kind} is not the file that was measured: its SHA-256 is {digest[:12]}..., "
            f"expected {str(card.get('csv_sha256'))[:12]}..."
        )
    form = KINDS[kind]
    lines = csv_lines(content, csv_path, form.columns)
    columns = {
        name: np.array([line[i] for line in lines]) if name in form.words else _numbers(lines, i, name, csv_path)
        for i, name in enumerate(form.columns)
    }
    for name in form.shares:
        wrong = np.flatnonzero((columns[name] < 0.0) | (columns[name] > 1.0))
        if len(wrong):
            raise ProfileError(
                f"{csv_path.name} line {wrong[0] + 2} has {name} {columns[name][wrong[0]]:g}; "
                "a share from 0 to 1 is expected"
            )
    return Curves(kind, str(card.get("model", csv_path.stem)), card, columns, csv_path)


def _numbers(lines: list[list[str]], index: int, name: str, path: Path) -> np.ndarray:
    values = np.empty(len(lines))
    for row, line in enumerate(lines):
        try:
            values[row] = float(line[index])
        except ValueError:
            raise ProfileError(f"{path.name} line {row + 2} has {name} {line[index]!r}; a number is expected") from None
    return values


def leakage_by_cut(model: str, bits: int = WHOLE_BITS, corpus: str = "wiki", seen: str = "all") -> np.ndarray:
    """[layers + 1]: share of the prompt's tokens that the best-trained linear attacker names at each cut.

    It retrains on activations of so many bits, in groups of 64 channels. `seen`: of all tokens, or those that it saw
    never, rarely (1-5 times) or often (100 and more). Not made monotone. At the last cut nothing leaves the device: 0.
    """
    table = load_curves("leakage", model)
    wanted = {"defence": "none"} if bits == WHOLE_BITS else {"defence": "bits_group64", "amount": float(bits)}
    found = table.rows(attacker="ridge", corpus=corpus, seen=seen, **wanted)
    best = found["trained_tokens"] == found["trained_tokens"].max()
    return _by_cut(table, found["cut"][best], found["top1"][best])


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
