"""Reading a trace of requests: CSV or JSON lines, plain or gzip, recognised by the names of its columns.

    format       time                     prompt           answer             from
    mei_gym      t_s, s                   in_tokens        out_tokens         this project
    azure        TIMESTAMP, date or s     ContextTokens    GeneratedTokens    Azure LLM inference 2023, 2024; LMM 2025
    burstgpt     Timestamp, s             Request tokens   Response tokens    BurstGPT 1 to 3
    mooncake     timestamp, ms            input_length     output_length      Mooncake, FAST 2025

Other columns are passed over. The file is read line by line under limits, so a damaged or hostile one ends in a
sentence that names its line and not in a full memory. Times must not fall; the first becomes 0. A row without prompt
or answer tokens is a request that failed (BurstGPT says so of its zeros): it is left out and counted.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MOST_ROWS = 6_000_000  # chosen: BurstGPT's longest file has 5.34 million
MOST_LINE_BYTES = 1 << 20  # chosen: Mooncake's lines, with their block ids, have a few thousand
MOST_BYTES = 4 << 30  # chosen, after decompression: Azure's week of 2024 has .7 GB
MOST_TOKENS = 1e9  # chosen: of one request
GZIP = b"\x1f\x8b"  # RFC 1952


class Trace(NamedTuple):
    """Requests in the order of their arrival."""

    time_s: np.ndarray  # f8[rows] from 0, never falling
    prompt_tokens: np.ndarray  # f8[rows], at least 1
    answer_tokens: np.ndarray  # f8[rows], at least 1
    left_out: int = 0  # rows without prompt or answer tokens


class Format(NamedTuple):
    """The names of a trace's columns, and what one unit of its time is."""

    name: str
    time: str
    prompt: str
    answer: str
    unit_s: float


FORMATS = (
    Format("mei_gym", "t_s", "in_tokens", "out_tokens", 1.0),
    Format("azure", "TIMESTAMP", "ContextTokens", "GeneratedTokens", 1.0),
    Format("burstgpt", "Timestamp", "Request tokens", "Response tokens", 1.0),
    Format("mooncake", "timestamp", "input_length", "output_length", 1e-3),
)


def read_trace(
    path: str | Path,
    time_scale: float = 1.0,
    first_rows: int | None = None,
    most_rows: int = MOST_ROWS,
    most_line_bytes: int = MOST_LINE_BYTES,
    most_bytes: int = MOST_BYTES,
) -> Trace:
    """The requests of a file; `time_scale` 2 plays it at half its speed, `first_rows` reads no further.

    Raises:
        ValueError: the file is missing, is no trace, or breaks a limit: one sentence, with the line.
    """
    path = Path(path)
    if not (time_scale > 0.0 and isfinite(time_scale)):
        raise ValueError(f"time_scale is {time_scale}; a finite number above 0 is accepted.")
    if first_rows is not None and first_rows < 1:
        raise ValueError(f"first_rows is {first_rows}; at least 1 is accepted.")
    times, prompts, answers = array("d"), array("d"), array("d")
    left_out, before_s = 0, -float("inf")
    for number, time_s, prompt, answer in rows_of(path, most_line_bytes, most_bytes):
        if time_s < before_s:
            fall_s = before_s - time_s
            raise ValueError(f"{path}, line {number}: the time falls by {fall_s:g} s; times in order are accepted.")
        before_s = time_s
        if prompt < 1.0 or answer < 1.0:
            left_out += 1
            continue
        if len(times) == most_rows:
            raise ValueError(f"{path}, line {number}: more than {most_rows} rows; first_rows reads only the first.")
        times.append(time_s)
        prompts.append(prompt)
        answers.append(answer)
        if len(times) == first_rows:
            break
    if not times:
        raise ValueError(f"{path} has no row with prompt and answer tokens; at least one is needed.")
    time = (np.array(times) - times[0]) * time_scale
    return Trace(time, np.array(prompts), np.array(answers), left_out)


def rows_of(path: Path, most_line_bytes: int, most_bytes: int) -> Iterator[tuple[int, float, float, float]]:
    """The line's number, time in s, prompt and answer tokens of each row."""
    lines = lines_of(path, most_line_bytes, most_bytes)
    number, head = next(lines, (1, ""))
    if head.lstrip().startswith("{"):
        keys = object_of(path, number, head)
        form = format_of(path, number, list(keys))
        yield row_of(path, number, form, keys)
        for number, line in lines:
            yield row_of(path, number, form, object_of(path, number, line))
        return
    names = fields_of(path, number, head)
    form = format_of(path, number, names)
    places = [names.index(name) for name in (form.time, form.prompt, form.answer)]
    for number, line in lines:
        fields = fields_of(path, number, line)
        if len(fields) != len(names):
            raise ValueError(f"{path}, line {number}: {len(fields)} fields; {len(names)}, as in its head, are needed.")
        row = {names[place]: fields[place] for place in places}
        yield row_of(path, number, form, row)


def lines_of(path: Path, most_line_bytes: int, most_bytes: int) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1, as they are read and decompressed."""
    number = total = 0
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            while line := file.readline(most_line_bytes + 1):
                number, total = number + 1, total + len(line)
                if len(line) > most_line_bytes:
                    raise ValueError(f"{path}, line {number}: longer than {most_line_bytes} bytes, the limit.")
                if total > most_bytes:
                    raise ValueError(f"{path}, line {number}: more than {most_bytes} bytes of text, the limit.")
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if text:
                    yield number, text
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}, line {number}: not UTF-8 text, which is needed.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}, after line {number}: damaged gzip data ({error}).") from error
    except OSError as error:
        raise ValueError(f"The trace {path} cannot be read: {error.strerror or error}.") from error


def format_of(path: Path, number: int, names: list[str]) -> Format:
    """The format whose three columns are there."""
    for form in FORMATS:
        if {form.time, form.prompt, form.answer} <= set(names):
            return form
    known = "; ".join(f"{form.time}, {form.prompt}, {form.answer}" for form in FORMATS)
    found = ", ".join(names)[:200] or "none"
    raise ValueError(f"{path}, line {number}: the columns are {found}; one of these sets is needed: {known}.")


def fields_of(path: Path, number: int, line: str) -> list[str]:
    """The fields of a line of CSV."""
    try:
        fields = next(csv.reader([line]), []) if '"' in line else line.split(",")
    except csv.Error as error:
        raise ValueError(f"{path}, line {number}: not CSV ({error}).") from error
    return [field.strip() for field in fields]


def object_of(path: Path, number: int, line: str) -> dict[str, Any]:
    """The JSON object of a line."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}, line {number}: not JSON ({error}).") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}, line {number}: JSON, but no object with named values, which is needed.")
    return found


def row_of(path: Path, number: int, form: Format, row: dict[str, Any]) -> tuple[int, float, float, float]:
    """A row in seconds and tokens."""
    for name in (form.time, form.prompt, form.answer):
        if name not in row:
            raise ValueError(f"{path}, line {number}: {name} is missing.")
    time = number_of(row[form.time])
    time_s = date_of(row[form.time]) if time is None else time * form.unit_s
    if time_s is None or not isfinite(time_s):
        accepted = "a finite number or a date is accepted"
        raise ValueError(f"{path}, line {number}: {form.time} is {str(row[form.time])[:40]!r}; {accepted}.")
    tokens = []
    for name in (form.prompt, form.answer):
        count = number_of(row[name])
        if count is None or not (0.0 <= count <= MOST_TOKENS and count == int(count)):
            accepted = f"a whole number from 0 to {MOST_TOKENS:.0e} is accepted"
            raise ValueError(f"{path}, line {number}: {name} is {str(row[name])[:40]!r}; {accepted}.")
        tokens.append(count)
    return number, time_s, tokens[0], tokens[1]


def number_of(value: Any) -> float | None:
    """The number that a field holds, if it holds one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def date_of(value: Any) -> float | None:
    """s since 1970 of an ISO date, if the field holds one; without a time zone it is taken for UTC."""
    try:
        date = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
