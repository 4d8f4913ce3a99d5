"""Reading profiles and device cards, and refusing in one sentence what cannot be trusted.

Folders, in order: the package's own data, then each folder named in the environment variable MEI_GYM_PROFILES;
a later folder's file wins over an earlier one of the same device and model.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from mei_gym.architectures import ARCHITECTURES, Architecture
from mei_gym.profiles.remembered import remembered
from mei_gym.profiles.schema import COLUMNS, FLOAT_COLUMNS, PACKED, PHASES, ROLES, SCHEMA, DeviceCard, ProfileCard

DATA = Path(__file__).parent / "data"
CARDS = "devices"  # the folder of cards inside each folder of profiles
CURVES = ("quality", "leakage", "acceptance", "adaptation")  # folders of curves likewise
ENVIRONMENT_VARIABLE = "MEI_GYM_PROFILES"
LARGEST_FILE_BYTES = 8 * 1024**2
WIDEST_SPREAD = 4.0  # chosen: 90th over 10th percentile of a row's repeats; the widest row that ships has 3.5
BEYOND_CEILING = 1.05  # a row may beat a ceiling by measurement noise, not by more (costs.md, physical floor)


Card = TypeVar("Card", bound=BaseModel)


class ProfileError(ValueError):
    """A profile or card that cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Profile:
    """A measured device and model: provenance, architecture and rows (one array a CSV column)."""

    card: ProfileCard
    architecture: Architecture
    columns: dict[str, np.ndarray]
    path: Path

    def rows(self, phase: str, role: str) -> dict[str, np.ndarray]:
        """Rows of a phase and role, each point's times averaged over the blocks measured."""
        chosen = (self.columns["phase"] == phase) & (self.columns["role"] == role)
        points = np.stack([self.columns[name][chosen] for name in ("tokens", "batch", "context_tokens")], axis=1)
        unique, group = np.unique(points.reshape(-1, 3), axis=0, return_inverse=True)
        counts = np.bincount(group.ravel(), minlength=len(unique))
        means = {"tokens": unique[:, 0], "batch": unique[:, 1], "context_tokens": unique[:, 2]}
        for name in ("time_s", "flops", "bytes"):
            means[name] = np.bincount(group.ravel(), self.columns[name][chosen], len(unique)) / counts
        return means


def folders() -> list[Path]:
    """Folders that are searched, the package's own first; a name that is no folder is refused."""
    own = [Path(folder) for folder in os.environ.get(ENVIRONMENT_VARIABLE, "").split(os.pathsep) if folder]
    for folder in own:
        if not folder.is_dir():
            raise ProfileError(f"{ENVIRONMENT_VARIABLE} names {str(folder)!r}, and there is no such folder")
    return [DATA, *own]


def slug_of(model: str) -> str:
    """The file name of a model: lower case."""
    return model.lower()


def measured_devices() -> list[str]:
    """Slugs of devices with at least one measured profile."""
    found = {path.parent.name for folder in folders() for path in folder.glob("*/*.json")}
    return sorted(slug for slug in found - {CARDS, *CURVES} if models(slug))


def carded_devices() -> list[str]:
    """Slugs of devices with a card: servers, and classes derived from cited numbers."""
    return sorted({path.stem for folder in folders() for path in (folder / CARDS).glob("*.json")})


def devices() -> list[str]:
    """Slugs of all devices, measured or carded."""
    return sorted({*measured_devices(), *carded_devices()})


def models(device: str) -> list[str]:
    """Slugs of the models measured on a device; a device derived from a card serves every architecture."""
    return sorted(slug for slug in _profiles(device) if not slug.endswith(tuple(f".{name}" for name in PACKED)))


def precisions(device: str, model: str) -> tuple[str, ...]:
    """Precisions below 16 bits that a model was measured with on a device, besides its profile."""
    found = _profiles(device)
    return tuple(name for name in PACKED if f"{slug_of(model)}.{name}" in found)


def _profiles(device: str) -> set[str]:
    found = {path.stem for folder in folders() for path in (folder / device).glob("*.json")}
    return {slug for slug in found if find_file(device, f"{slug}.csv") is not None}


@remembered
def load_card(device: str) -> DeviceCard:
    """The card of a device."""
    path = find_file(CARDS, f"{device}.json")
    if path is None and device in measured_devices():
        raise ProfileError(
            f"{device!r} was measured but has no card; a device that users carry needs {CARDS}/{device}.json as well, "
            "with its battery, heat and flash"
        )
    if path is None:
        raise ProfileError(f"no device card {device!r}{nearest(device, carded_devices())}")
    return validated_card(checked_json(path), path)


def validated_card(value: dict[str, Any], path: Path) -> DeviceCard:
    """A device card from the object in its file."""
    return _validated(DeviceCard, value, path)


def load_profile(device: str, model: str, precision: str = "") -> Profile:
    """The measured profile of a device and model, checked against its hash and the physical floors.

    `precision` is int8 or int4 for packed weights; empty for the device's own, bfloat16 or float32.
    """
    if precision not in ("", *PACKED):
        raise ProfileError(f"no precision {precision!r}; there are {', '.join(PACKED)}, and '' for the device's own")
    slug = slug_of(model)
    file = f"{slug}.{precision}" if precision else slug
    card_path, csv_path = find_file(device, f"{file}.json"), find_file(device, f"{file}.csv")
    if card_path is None or csv_path is None:
        if device not in devices():
            raise ProfileError(f"no device {device!r}{nearest(device, devices())}")
        if precision and slug in models(device):
            known = ", ".join(precisions(device, model)) or "none below 16 bits"
            raise ProfileError(f"no profile of {model!r} in {precision} on {device}; there is {known}")
        raise ProfileError(f"no profile of model {model!r} on {device}{nearest(slug, models(device))}")
    card = _validated(ProfileCard, checked_json(card_path), card_path)
    if (card.precision if card.precision in PACKED else "") != precision:
        raise ProfileError(f"{card_path.name} says precision {card.precision!r}, its name says {precision!r}")
    content = file_content(csv_path)
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.csv_sha256:
        raise ProfileError(
            f"{csv_path.name} of {device} is not the file that was measured: its SHA-256 is {digest[:12]}..., "
            f"expected {card.csv_sha256[:12]}..."
        )
    columns = _columns(content, csv_path)
    if len(columns["phase"]) != card.rows:
        raise ProfileError(f"{csv_path.name} of {device} has {len(columns['phase'])} rows, expected {card.rows}")
    _refuse_impossible(columns, card, csv_path)
    return Profile(card, architecture_of(card.model), columns, csv_path)


def folder_of(device: str, model: str) -> Path | None:
    """The folder of profiles whose file of a device and model is the one that is read."""
    path = find_file(device, f"{slug_of(model)}.csv")
    return path.parent.parent if path else None


def architecture_of(model: str) -> Architecture:
    """The architecture of a model, whatever the case of its name."""
    by_slug = {slug_of(name): card for name, card in ARCHITECTURES.items()}
    if slug_of(model) not in by_slug:
        raise ProfileError(f"no model {model!r}{nearest(model, list(ARCHITECTURES))}")
    return by_slug[slug_of(model)]


def nearest(name: str, known: list[str]) -> str:
    """The end of a refusal: the nearest right name, or all of them."""
    if not known:
        return "; there is none"
    by_slug = {slug_of(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(slug_of(name), list(by_slug), n=1, cutoff=0.5)
    return f"; did you mean {by_slug[close[0]]!r}?" if close else f"; there are {', '.join(known)}"


def find_file(folder_name: str, file_name: str) -> Path | None:
    """The file of a name in a folder of that name, in the last folder of profiles that has it."""
    if not (_plain(folder_name) and _plain(file_name)):
        return None
    paths = [folder / folder_name / file_name for folder in folders()]
    return next((path for path in reversed(paths) if path.is_file()), None)


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and not any(mark in name for mark in "/\\\0")


def file_content(path: Path) -> bytes:
    """A file's bytes, unless they are too many."""
    size = path.stat().st_size
    if size > LARGEST_FILE_BYTES:
        raise ProfileError(f"{path.name} has {size} bytes, more than the {LARGEST_FILE_BYTES} that a profile may have")
    return path.read_bytes()


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path.name} is not UTF-8 text (byte {error.start})") from None


def checked_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of this schema."""
    try:
        value = json.loads(_text(file_content(path), path))
    except json.JSONDecodeError as error:
        raise ProfileError(f"{path.name} is not JSON, or is cut off: {error.msg} at line {error.lineno}") from None
    if not isinstance(value, dict):
        raise ProfileError(f"{path.name} holds a {type(value).__name__}, expected an object")
    if value.get("schema") != SCHEMA:
        raise ProfileError(f"{path.name} has schema {value.get('schema')!r}, this version reads schema {SCHEMA}")
    return value


def _validated(kind: type[Card], value: dict[str, Any], path: Path) -> Card:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise ProfileError(f"{path.name}: {where} is refused: {said}" if where else f"{path.name}: {said}") from None


def csv_lines(content: bytes, path: Path, columns: tuple[str, ...]) -> list[list[str]]:
    """The lines of a CSV below its header, which must be these columns."""
    try:
        lines = list(csv.reader(io.StringIO(_text(content, path))))
    except csv.Error as error:
        raise ProfileError(f"{path.name} is not CSV: {error}") from None
    if not lines or tuple(lines[0]) != columns:
        raise ProfileError(_wrong_header(path, lines[0] if lines else [], columns))
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(columns):
            raise ProfileError(f"{path.name} line {number} has {len(line)} values, expected {len(columns)}")
    return lines[1:]


def _wrong_header(path: Path, header: list[str], columns: tuple[str, ...]) -> str:
    """One sentence on a header: a column in another unit by name, else what is there and what is expected."""
    for column in header:
        quantity, _, unit = column.rpartition("_")
        for wanted in columns:
            if quantity and wanted not in header and wanted.rpartition("_")[0] == quantity:
                return f"{path.name} has {column!r}, in {unit}; {wanted!r} is expected, in {wanted.rpartition('_')[2]}"
    return f"{path.name} has the columns {','.join(header) or 'of an empty file'}, expected {','.join(columns)}"


def _columns(content: bytes, path: Path) -> dict[str, np.ndarray]:
    table = np.array(csv_lines(content, path, COLUMNS), dtype=object).reshape(-1, len(COLUMNS))
    try:
        return {
            name: table[:, i].astype(np.float64 if name in FLOAT_COLUMNS else str) for i, name in enumerate(COLUMNS)
        }
    except ValueError as error:
        raise ProfileError(f"{path.name} has a value that is not a number: {error}") from None


def _least_bytes(columns: dict[str, np.ndarray], card: ProfileCard) -> np.ndarray:
    """Bytes that a block cannot avoid moving: weights, keys and values; 0 where a cache may hold them."""
    architecture = architecture_of(card.model)
    weights = card.weight_bytes_per_value * architecture.block_matrix_weights
    cached = columns["batch"] * columns["context_tokens"] * architecture.kv_bytes(card.value_bytes)
    moved = np.where(np.isin(columns["phase"], ("prefill", "decode")), weights + cached, 0.0)
    return np.where(moved > getattr(card.ceilings, "last_level_cache_bytes", np.inf), moved, 0.0)


def _refuse_impossible(columns: dict[str, np.ndarray], card: ProfileCard, path: Path) -> None:
    """Refuse the first row that no device can have produced."""
    time_s = columns["time_s"]
    wrong = [
        ("an unknown phase", ~np.isin(columns["phase"], PHASES)),
        ("an unknown role", ~np.isin(columns["role"], ROLES)),
        ("a time that is not a positive number", ~(np.isfinite(time_s) & (time_s > 0.0))),
        (
            "a spread that does not hold the median",
            ~((columns["time_p10_s"] <= time_s) & (time_s <= columns["time_p90_s"])),
        ),
        (
            f"a 90th percentile of more than {WIDEST_SPREAD:g} times the 10th: measure again on a quiet machine",
            columns["time_p90_s"] > WIDEST_SPREAD * columns["time_p10_s"],
        ),
        ("a negative count", (columns["tokens"] < 0) | (columns["batch"] < 0) | (columns["context_tokens"] < 0)),
        ("work that is not a number", ~(np.isfinite(columns["flops"]) & np.isfinite(columns["bytes"]))),
    ]
    if card.ceilings is not None:
        flops_per_s = columns["flops"] / np.where(time_s > 0.0, time_s, np.inf)
        wrong.append(("more FLOP/s than the device has", flops_per_s > BEYOND_CEILING * card.ceilings.flops))
        least_s = _least_bytes(columns, card) / card.ceilings.bandwidth_bytes_per_s
        wrong.append(("more bytes/s than the device has", BEYOND_CEILING * time_s < least_s))
    for reason, rows in wrong:
        if rows.any():
            line = int(np.flatnonzero(rows)[0])
            raise ProfileError(
                f"{path.name} line {line + 2} ({columns['phase'][line]}, {columns['tokens'][line]:g} tokens, "
                f"{time_s[line]:g} s) has {reason}"
            )
