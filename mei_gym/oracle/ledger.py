"""Results on disk as they come, so that a killed run goes on where it was.

One CSV; a row's first column names what was asked (a digest over rules, world and settings) and the rest is the answer.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path


def question(*parts: object) -> str:
    """A name for what was asked: sixteen hexadecimal digits."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


class Ledger:
    """Answers by question; kept in memory alone where `path` is None."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.answers: dict[str, list[float]] = {}
        if path is not None and path.exists():
            text = path.read_text("utf-8")
            if text and not text.endswith("\n"):  # the last line of a killed run: taken off, so that it ends none
                text = text[: text.rfind("\n") + 1]
                path.write_text(text, "utf-8")
            for key, *values in csv.reader(text.splitlines()):
                self.answers[key] = [float(value) for value in values]

    def add(self, key: str, values: Sequence[float]) -> None:
        """Note an answer; it is on the disk when this returns."""
        self.answers[key] = [float(value) for value in values]
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([key, *(repr(float(value)) for value in values)])
            file.flush()
            os.fsync(file.fileno())
