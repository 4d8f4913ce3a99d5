"""Reading a profile once: who lays many worlds from the same files, as drawn scenarios do, need not read them anew.

Within `remembering(memory)` a function marked `remembered` answers a question that it has answered before from
`memory`, a dictionary of the caller's. Outside of it, files are read whenever they are asked for; a table that asks for
many numbers of the same files asks for them within `reading_once()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_memory: ContextVar[dict[Any, Any] | None] = ContextVar("memory", default=None)


@contextmanager
def remembering(memory: dict[Any, Any]) -> Iterator[None]:
    """Let marked functions answer from `memory`, and add to it."""
    token = _memory.set(memory)
    try:
        yield
    finally:
        _memory.reset(token)


@contextmanager
def reading_once() -> Iterator[None]:
    """Remember until the end of this block, where nobody remembers for longer already."""
    if _memory.get() is None:
        with remembering({}):
            yield
    else:
        yield


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """Mark a function of hashable arguments whose answer follows from files."""

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        memory = _memory.get()
        if memory is None:
            return function(*args, **kwargs)
        question = function, args, tuple(sorted(kwargs.items()))
        if question not in memory:
            memory[question] = function(*args, **kwargs)
        return memory[question]

    return answer
