"""Tokens of the texts that a real model is measured on, prepared once into a folder, and windows of them.

The folder holds `<corpus>.<split>.npy` (uint16 token ids of SmolLM2's tokenizer) and `texts.json` (of each: SHA-256 of
text and tokens, source, licence). It is built where the packages are; a machine that only measures needs the folder
alone. Never shipped: the project ships numbers.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mei_gym.measurements.record import RecordError, clear_errors, write_whole
from mei_gym.measurements.text_sources import MissingSource, source

CORPORA = ("wiki", "news", "pydoc", "austen")
PIECE = 200_000  # characters tokenised at once, as in llm.md: a token across two pieces is cut
WINDOW = 512  # tokens


def folder() -> Path:
    """Where the prepared texts are: $MEI_GYM_TEXTS, or ~/.cache/mei_gym/texts."""
    named = os.environ.get("MEI_GYM_TEXTS")
    return Path(named) if named else Path.home() / ".cache" / "mei_gym" / "texts"


def prepare(folder: Path | None = None, progress: bool = True, austen: Path | None = None) -> dict[str, Any]:
    """Build what the folder lacks and can be built here; returns what it then holds, as texts.json tells it.

    `austen` is the Rdata.rdb of Debian's r-cran-janeaustenr, by default the installed one. A corpus whose source is
    not here is left out with a line on stderr.
    """
    where = _chosen(folder)
    held = _card(where)
    tokenizer = None
    for name in CORPORA:
        if name in held:
            continue
        try:
            found = source(name, austen)
        except MissingSource as reason:
            _say(f"{name} is left out: {reason}", progress)
            continue
        _say(f"tokenising {name}", progress)
        tokenizer = _tokenizer() if tokenizer is None else tokenizer
        entry = {"source": found.source, "licence": found.licence, "splits": {}}
        for split, text in found.splits.items():
            ids = tokenised(tokenizer, text)
            _save(where / f"{name}.{split}.npy", ids)
            entry["splits"][split] = {
                "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
                "tokens_sha256": hashlib.sha256(ids.tobytes()).hexdigest(),
                "tokens": len(ids),
            }
        held[name] = entry
        write_whole(where / "texts.json", json.dumps(held, indent=1) + "\n")
    return held


def present(folder: Path | None = None) -> tuple[str, ...]:
    """The corpora that the folder holds."""
    held = _card(_chosen(folder))
    return tuple(name for name in CORPORA if name in held)


def described(names: Iterable[str], folder: Path | None = None) -> dict[str, Any]:
    """What a measurement's record says of its texts: hashes, source and licence of each, never the text."""
    held = _card(_chosen(folder))
    return {name: held[name] for name in names}


def tokens(name: str, split: str = "test", folder: Path | None = None) -> np.ndarray:
    """Token ids (uint16) of a corpus; wiki has the splits train and test, the others test only."""
    where = _chosen(folder)
    held = _card(where)
    if name not in CORPORA:
        raise ValueError(f"no corpus {name!r}; there are {', '.join(CORPORA)}")
    if name not in held:
        raise FileNotFoundError(f"{where} holds no corpus {name!r}; `mei-gym measure texts` prepares it")
    splits = held[name]["splits"]
    if split not in splits:
        raise ValueError(f"corpus {name!r} has no split {split!r}; it has {', '.join(splits)}")
    path = where / f"{name}.{split}.npy"
    ids = np.load(path)
    if hashlib.sha256(ids.tobytes()).hexdigest() != splits[split]["tokens_sha256"]:
        raise RecordError(f"{path} is not what texts.json says of it: delete the folder and prepare it anew")
    return ids


def windows(ids: np.ndarray, count: int, length: int = WINDOW) -> np.ndarray:
    """Up to `count` windows [count', length] of int64, evenly spread over the text."""
    starts = window_starts(len(ids), count, length)
    return np.stack([ids[start : start + length] for start in starts]).astype(np.int64)


def window_starts(size: int, count: int, length: int = WINDOW) -> np.ndarray:
    """First token of each of those windows, in a text of `size` tokens."""
    whole = size // length
    if count < 1 or whole < 1:
        raise ValueError(f"{count} windows of {length} tokens cannot be cut from {size} tokens; ask for 1 or more")
    return np.unique(np.linspace(0, whole - 1, count).astype(int)) * length


def tokenised(tokenizer: Any, text: str) -> np.ndarray:
    """Token ids (uint16) of a text, piece by piece, no special tokens added."""
    pieces = (text[start : start + PIECE] for start in range(0, len(text), PIECE))
    ids = np.concatenate([np.array(tokenizer(piece, add_special_tokens=False)["input_ids"]) for piece in pieces])
    if ids.max() >= 2**16:
        raise RecordError(f"a token id of {ids.max()} does not fit the 16 bits that texts are kept in")
    return ids.astype(np.uint16)


def _tokenizer() -> Any:
    from mei_gym.measurements.weights import HOW_TO_GET, packaged_file

    path = packaged_file()
    if path is None:
        raise FileNotFoundError(f"the tokenizer is in the model's file, which is not here; {HOW_TO_GET}")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # texts are longer than the model's context, which windows are not
    return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def _chosen(where: Path | None) -> Path:
    return folder() if where is None else Path(where)


def _card(where: Path) -> dict[str, Any]:
    path = where / "texts.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _save(path: Path, ids: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, ids)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with clear_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(buffer.getvalue())
        os.replace(temporary, path)


def _say(text: str, progress: bool) -> None:
    if progress:
        print(text, file=sys.stderr, flush=True)
