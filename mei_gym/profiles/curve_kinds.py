"""What a table of curves must hold, kind by kind, and the numbers that no measurement gives, which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mei_gym.profiles.load import WIDEST_SPREAD, ProfileError


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
    "adaptation": Kind(
        (
            "run",
            "arrangement",
            "clients",
            "rank",
            "noisy_share",
            "seed",
            "round",
            "corpus",
            "tokens",
            "nll",
            "nll_se",
            "sent_bytes",
            "step_count",
        ),
        ("run", "arrangement", "corpus"),
        ("noisy_share",),
    ),
}
STEPS = Kind(  # of adaptation/<device>/
    (
        "method",
        "targets",
        "rank",
        "batch",
        "tokens",
        "forward_s",
        "step_s",
        "step_p10_s",
        "step_p90_s",
        "repeats",
        "saved_bytes",
        "peak_bytes",
        "mode",
    ),
    ("method", "targets", "mode"),
    (),
)


def checked_columns(lines: list[list[str]], form: Kind, path: Path) -> dict[str, np.ndarray]:
    """The columns of a table, words and numbers, once nothing in them is impossible."""
    columns = {
        name: np.array([line[i] for line in lines]) if name in form.words else _numbers(lines, i, name, path)
        for i, name in enumerate(form.columns)
    }
    for name, wrong, expected in _impossible(form, columns):
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0])
            raise ProfileError(f"{path.name} line {line + 2} has {name} {columns[name][line]:g}; {expected}")
    return columns


def _numbers(lines: list[list[str]], index: int, name: str, path: Path) -> np.ndarray:
    values = np.empty(len(lines))
    for row, line in enumerate(lines):
        try:
            values[row] = float(line[index])
        except ValueError:
            raise ProfileError(f"{path.name} line {row + 2} has {name} {line[index]!r}; a number is expected") from None
    return values


def _impossible(form: Kind, columns: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray, str]]:
    """What no measurement gives: a column, its rows that are wrong, and what is expected."""
    numbers = {name: values for name, values in columns.items() if name not in form.words}
    found = [(name, ~np.isfinite(values), "a finite number is expected") for name, values in numbers.items()]
    found += [
        (name, (numbers[name] < 0.0) | (numbers[name] > 1.0), "a share from 0 to 1 is expected") for name in form.shares
    ]
    for name, values in numbers.items():
        if name.endswith("_se"):
            found.append((name, values < 0.0, "a standard error of 0 or more is expected"))
        elif name.endswith("_s"):
            found.append((name, values <= 0.0, "a positive time is expected"))
    if "survived" in numbers:
        more = (numbers["survived"] < 0) | (numbers["survived"] > numbers["drafts"])
        found.append(("survived", more, "a count of 0 to its drafts is expected"))
    if "step_s" in numbers:
        middle, low, high = (numbers[name] for name in ("step_s", "step_p10_s", "step_p90_s"))
        found.append(("step_s", (middle < low) | (middle > high), "a median within its percentiles is expected"))
        wide = f"at most {WIDEST_SPREAD:g} times its 10th is expected: measure again on a quiet machine"
        found.append(("step_p90_s", high > WIDEST_SPREAD * low, wide))
    return found
