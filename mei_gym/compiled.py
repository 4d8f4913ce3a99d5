"""The compiler of the rules: `scalar` marks a rule, `digest` names the text that was compiled.

A rule is a scalar function of one lane. It is compiled where it is called from; only an environment's entry
points (see `envs.lanes`) are cached on disk. numba's cache does not notice a change in a function of another
file, so the entry points are built over `digest()`: it is part of their cache key, and any change of any rule
recompiles them.

`NUMBA_DISABLE_JIT=1` runs the same text as plain Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
from numba.core import types
from numba.core.dispatcher import Dispatcher

#: Options of every compiled function: division by zero gives inf as in NumPy, the GIL is released, and no
#: fast-math, because agreement between lanes, threads and plain Python is bit for bit or close to it.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "fastmath": False}


def scalar(function: Callable[..., Any]) -> Any:
    """Mark a rule: a scalar function of one lane, compiled from wherever it is called.

    A rule never allocates, so it needs no reference counts. numba would compile a rule anew for each constant that
    it is called with and for each width of integer; a rule is compiled once for 64-bit integers instead, which more
    than halves what there is to compile.
    """
    options: dict[str, Any] = {**OPTIONS, "_nrt": False, "no_cfunc_wrapper": True}
    rule = numba.njit(**options)(function)
    if isinstance(rule, Dispatcher):
        template_of = rule.get_call_template
        rule.get_call_template = lambda args, kws: template_of(tuple(map(widened, args)), kws)  # type: ignore[method-assign]
    return rule


def widened(kind: types.Type) -> types.Type:
    """The type that a rule is compiled for where it is called with `kind`."""
    kind = types.unliteral(kind)
    return types.int64 if isinstance(kind, types.Integer) and getattr(kind, "signed", False) else kind


@cache
def plain(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule as plain Python, with every rule that it calls plain too: to lay tables without compiling anything."""
    if not isinstance(rule, Dispatcher):
        return rule
    text = rule.py_func
    names = {name: text.__globals__[name] for name in text.__code__.co_names if name in text.__globals__}
    called = {name: plain(each) for name, each in names.items() if isinstance(each, Dispatcher)}
    return FunctionType(text.__code__, {**text.__globals__, **called}, text.__name__, text.__defaults__)


@cache
def digest() -> str:
    """SHA-256 over the source of every module that can hold a rule."""
    package = Path(__file__).parent
    folders = ("costs", "network", "workload", "envs")
    sources = sorted(path for folder in folders for path in (package / folder).rglob("*.py"))
    content = hashlib.sha256()
    for path in [package / "chance.py", package / "compiled.py", package / "packed.py", *sources]:
        content.update(path.relative_to(package).as_posix().encode())
        content.update(path.read_bytes())
    return content.hexdigest()
