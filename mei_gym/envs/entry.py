"""The compiled entry of an environment: its verb of a lane, `move_lane`, looped over all lanes.

Written once here, compiled and kept on disk for each environment. numba finds machine code by the file and the name of
the function that is compiled, and then by its closure: two environments that share this file would share one index of
numbered files, and two processes that write at once could leave the one's code under the other's number. So each
machine code has a name of its own, made of all that it follows from, and `move_lane` is put in among the globals of
the function: in its closure, it would be another one in every process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import njit, prange

from mei_gym.compiled import OPTIONS, digest
from mei_gym.packed import view

Mover = Callable[[tuple[str, ...], bool], Callable[..., None]]

move_lane: Any = None  # of no environment: `built` gives each loop its own


def mover_of(module: str, own: Any) -> Mover:
    """What a Task's `mover` is: from layouts of params, state and out, and `parallel`, to the loop over the lanes.

    Args:
        module: the environment's, `__name__`; its text is part of the name under which machine code is kept.
        own: the environment's `move_lane`, made by `lanes.lane_mover`.
    """

    @cache
    def mover(layouts: tuple[str, ...], parallel: bool) -> Callable[..., None]:
        content = sha256("\n".join((digest(), own_text(module), *layouts, str(parallel))).encode())
        return built(f"{module}.move_lanes.{content.hexdigest()[:16]}", own, layouts, parallel)

    return mover


def own_text(module: str) -> str:
    """The sources of an environment that stands outside this package, where `digest` does not look."""
    source = Path(sys.modules[module].__file__ or "")
    if source.is_relative_to(Path(__file__).parent):
        return ""
    sources = sorted(source.parent.rglob("*.py")) if source.name == "__init__.py" else [source]
    return "\n".join(path.read_text("utf-8") for path in sources)


def built(name: str, own: Any, layouts: tuple[str, ...], parallel: bool) -> Callable[..., None]:
    """The loop over the lanes with the environment's own verb, under this name; compiled at its first call."""
    params_layout, state_layout, out_layout = layouts

    def move_lanes(params_handles, state_handle, out_handle, actions, limit, autoreset):
        for lane in prange(actions.shape[0]):
            params, state = view(params_handles[lane], params_layout), view(state_handle, state_layout)
            move_lane(params, state, view(out_handle, out_layout), lane, actions[lane], limit, autoreset)

    loop = FunctionType(move_lanes.__code__, {**globals(), "move_lane": own}, None, None, move_lanes.__closure__)
    loop.__qualname__ = name
    return njit(cache=True, parallel=parallel, **OPTIONS)(loop)
