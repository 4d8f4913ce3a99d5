"""The text of the compiled heuristics, as a digest: part of the key under which numba keeps their machine code."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from mei_gym import packed
from mei_gym.compiled import digest


@cache
def text_digest() -> str:
    """SHA-256 over every rule, every heuristic and the layout of packs; see `compiled.digest` for why."""
    content = hashlib.sha256(digest().encode())
    for path in (*sorted(Path(__file__).parent.rglob("*.py")), Path(packed.__file__)):
        content.update(path.read_bytes())
    return content.hexdigest()
