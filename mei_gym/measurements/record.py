"""Writing a profile so that a kill or a full disk never leaves a half-written one.

A campaign appends each row to `<model>.csv.partial` beside the target, under a header that says which campaign it is
(`<model>.json.partial`). Started again, the campaign finds its rows there and does not measure them anew. At the end
CSV and JSON are written whole under temporary names and renamed; only then do the partial files go.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import re
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

SCHEMA = 1


class Row(NamedTuple):
    """One measured point; times are those of one block, one head or one embedding.

    Every table has such a type: its fields are the columns, their annotations say how to read them, and its class
    attribute `keys` how many leading ones make two rows the same point.
    """

    phase: str  # embedding | prefill | decode | head | mixed
    layer: int  # index of a real model's block; -1: one architecture-shaped block, or not a block
    role: str  # knot | heldout | repeat
    tokens: int  # new tokens of one request; head and embedding: of the pass; mixed: of the chunk
    batch: int  # requests in the pass; mixed: decoding requests beside the chunk
    context_tokens: int  # tokens cached before, a request; mixed: of a decoding request
    time_s: float  # median
    time_p10_s: float
    time_p90_s: float
    repeats: int
    mode: str  # cpu | graph | eager
    flops: float
    bytes: float

    keys = 6  # phase, layer, role, tokens, batch, context


COLUMNS = Row._fields


class RecordError(RuntimeError):
    """A profile that could not be written or resumed; the message is one sentence."""


def slug(name: str) -> str:
    """A file name of lower-case letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")


def key_of(row: Any) -> tuple:
    """What makes a row the same point: its leading `keys` fields."""
    return tuple(row[: type(row).keys])


def csv_text(rows: Iterable[Any], header: bool = True, row_type: Any = Row) -> str:
    """CSV of rows of one type: seven significant digits, one row a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(row_type._fields)
    for row in rows:
        writer.writerow(
            [f"{value:.7g}" if isinstance(value, float) and value < 1e-3 else _plain(value) for value in row]
        )
    return out.getvalue()


def read_rows(text: str, row_type: Any = Row) -> list[Any]:
    """Rows of a CSV of this module; a last line that a kill cut off is left out."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    if not lines:
        return []
    if tuple(lines[0].strip().split(",")) != row_type._fields:
        raise RecordError(f"a partial profile begins with {lines[0].strip()!r}, expected {','.join(row_type._fields)}")
    hints = get_type_hints(row_type)
    kinds = [hints[name] for name in row_type._fields]
    return [row_type._make(kind(value) for kind, value in zip(kinds, line)) for line in csv.reader(lines[1:])]


class Campaign:
    """The rows of one table, of one device and model, while they are being measured."""

    def __init__(self, folder: Path, model_slug: str, identity: dict[str, Any], row: Any = Row) -> None:
        """Open or resume; `identity` (versions, dtype, weights, ...) must be that of the rows already there.

        `row` is the type of the table's rows, a NamedTuple with `keys` (see Row).
        """
        self.row_type = row
        self.csv_path, self.json_path = folder / f"{model_slug}.csv", folder / f"{model_slug}.json"
        self.partial = folder / f"{model_slug}.csv.partial"
        self.partial_identity = folder / f"{model_slug}.json.partial"
        self.partial_notes = folder / f"{model_slug}.notes.partial"
        with clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.rows: list[Any] = []
        self.notes: list[dict[str, Any]] = []
        if self.partial.exists() and self.partial_identity.exists():
            self._resume(identity)
        else:
            write_whole(self.partial_identity, json.dumps(identity, indent=1, sort_keys=True) + "\n")
            write_whole(self.partial_notes, "")
            write_whole(self.partial, csv_text([], row_type=row))
        self.done = {key_of(row) for row in self.rows}
        self.resumed = len(self.rows)

    def _resume(self, identity: dict[str, Any]) -> None:
        before = json.loads(self.partial_identity.read_text())
        now = json.loads(json.dumps(identity))
        differing = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if differing:
            name = differing[0]
            raise RecordError(
                f"{self.partial} was begun with {name} {before.get(name)!r} and this campaign has {now.get(name)!r}: "
                "delete it to begin anew, or finish it as it was begun"
            )
        self.rows = read_rows(self.partial.read_text(), self.row_type)
        write_whole(self.partial, csv_text(self.rows, row_type=self.row_type))  # without a line that a kill cut off
        lines = self.partial_notes.read_text().splitlines(keepends=True) if self.partial_notes.exists() else []
        self.notes = [json.loads(line) for line in lines if line.endswith("\n")]
        write_whole(self.partial_notes, "".join(json.dumps(note) + "\n" for note in self.notes))

    def has(self, key: tuple) -> bool:
        """Whether the point was measured already."""
        return tuple(key) in self.done

    def add(self, *rows: Any) -> None:
        """Append a point's rows to the partial file at once; a failed append leaves the file as it was."""
        append_whole(self.partial, csv_text(rows, header=False))
        self.rows.extend(rows)
        self.done.update(key_of(row) for row in rows)

    def note(self, kind: str, **values: Any) -> None:
        """Keep something for the JSON that is not a row (a power point, a wall time), over a kill too."""
        note = {"kind": kind, **values}
        append_whole(self.partial_notes, json.dumps(note) + "\n")
        self.notes.append(note)

    def noted(self, kind: str) -> list[dict[str, Any]]:
        """The notes of a kind, without their kind."""
        return [{k: v for k, v in note.items() if k != "kind"} for note in self.notes if note["kind"] == kind]

    def finish(self, provenance: dict[str, Any], keep_partial: bool = False) -> Path:
        """Write CSV and JSON whole, the CSV's hash in the JSON, and drop the partial files; returns the CSV's path."""
        text = csv_text(self.rows, row_type=self.row_type)
        card = {
            "schema": SCHEMA,
            "origin": "measured",
            **provenance,
            "rows": len(self.rows),
            "csv_sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
        write_together({self.csv_path: text, self.json_path: json.dumps(card, indent=1) + "\n"})
        if not keep_partial:
            for path in (self.partial, self.partial_notes, self.partial_identity):
                path.unlink(missing_ok=True)
        return self.csv_path


def append_whole(path: Path, text: str) -> None:
    """Append to a file, or leave it as it was."""
    size = path.stat().st_size
    try:
        with clear_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except RecordError:
        with suppress(OSError):
            os.truncate(path, size)
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a file or leave it as it was."""
    write_together({path: text})


def write_together(texts: dict[Path, str]) -> None:
    """Write every file under a temporary name first; rename them only when all of them are on the disk."""
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in texts}
    try:
        for path, text in texts.items():
            with clear_errors(path), temporary[path].open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for path in texts:
            with clear_errors(path):
                os.replace(temporary[path], path)
    finally:
        for path in temporary.values():
            with suppress(OSError):
                path.unlink(missing_ok=True)


@contextmanager
def clear_errors(path: Path):
    """Turn a failure of the file system into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RecordError(
                f"the disk is full: {path} was not written, and the profile that was there is unchanged"
            ) from None
        raise RecordError(f"{path} could not be written: {error.strerror or error}") from None


def _plain(value: object) -> object:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**63 else f"{value:.7g}"
    return value
