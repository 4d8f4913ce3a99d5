"""Files that are there whole or not at all.

Whatever a run writes passes through here: bytes go to a temporary name beside the target, reach the disk (fsync), and
take the target's name in one step (os.replace). A kill or a full disk leaves the former file, never half of a new one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY = ".unfinished-"  # how temporary names begin


class StorageError(OSError):
    """Something could not be written; the message says what, why, and what is still there."""


def write(path: Path, data: bytes | str) -> None:
    """Put bytes or text at `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(TEMPORARY + path.name)
    try:
        _to_disk(temporary, data.encode() if isinstance(data, str) else data)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"{path.name} could not be written ({error.strerror or error}).") from error
    _sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Put a value at `path` as JSON; NaN and infinity are refused."""
    write(path, json.dumps(value, indent=1, allow_nan=False, default=_plain) + "\n")


def read_json(path: Path) -> Any:
    """The value of a JSON file."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} does not fit into JSON")


def _to_disk(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Snapshots:
    """A folder of snapshots, of which the last `kept` stay: `step_000001000/`, ..., and `latest.json`.

    A snapshot is a folder of files. It counts from the moment at which `latest.json` names it.
    """

    def __init__(self, folder: Path, kept: int = 2) -> None:
        self.folder, self.kept = folder, kept

    def latest(self) -> Path | None:
        """The newest whole snapshot."""
        pointer = self.folder / "latest.json"
        if not pointer.is_file():
            return None
        path = self.folder / Path(read_json(pointer)["folder"]).name
        if not path.is_dir():
            raise ValueError(
                f"{pointer} names the checkpoint {path.name}, which is missing; nothing can go on from it."
            )
        return path

    def save(self, step: int, files: dict[str, Callable[[], bytes]]) -> Path:
        """Write the files of a snapshot, make it the latest, and remove those that are too old."""
        target = self.folder / f"step_{step:012d}"
        before = self.latest()
        if before == target:
            return target  # taken at this very step before: the same state
        try:
            with self._temporary(target) as temporary:
                for name, content in files.items():
                    _to_disk(temporary / name, content())
                _sync_folder(temporary)
                if target.is_dir():
                    shutil.rmtree(target)  # left by a run that was killed before `latest.json` named it
                os.replace(temporary, target)
            write_json(self.folder / "latest.json", {"folder": target.name, "step": step})
        except OSError as error:
            remains = f"the one of step {int(before.name[5:])} is still whole" if before else "there is none before it"
            reason = error.strerror or str(error)
            raise StorageError(f"The checkpoint of step {step} could not be written ({reason}); {remains}.") from error
        for old in sorted(self.folder.glob("step_*"))[: -self.kept]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    @contextmanager
    def _temporary(self, target: Path) -> Iterator[Path]:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tidy()
        temporary = self.folder / (TEMPORARY + target.name)
        temporary.mkdir()
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what a killed run has left unfinished."""
        for stale in self.folder.glob(TEMPORARY + "*"):
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink(missing_ok=True)
