"""The nearest right word for a wrong one, so that a refusal can offer it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: object, words: Iterable[object]) -> str:
    """'did you mean ...?' or the words that there are."""
    known = sorted(str(each) for each in words)
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}."
