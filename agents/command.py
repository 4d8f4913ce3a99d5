"""What the commands of `agents` share: a wrong word ends with one sentence and exit code 2, not with a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

REFUSED = 2


def answer(main: Callable[[Sequence[str]], int], program: str, stopped: str = "stopped") -> int:
    """Run a command on the program's arguments; MEI_GYM_TRACEBACK=1 shows where an error was raised.

    `stopped` is what Ctrl-C says.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks: more threads are slower
    try:
        return main(sys.argv[1:])
    except KeyboardInterrupt:
        print(f"{program}: {stopped}", file=sys.stderr)
        return 130
    except (ValueError, LookupError, OSError, ModuleNotFoundError) as error:
        if os.environ.get("MEI_GYM_TRACEBACK"):
            raise
        print(f"{program}: {sentence(error)}", file=sys.stderr)
        return REFUSED


def sentence(error: Exception) -> str:
    """An error in one sentence."""
    if isinstance(error, ModuleNotFoundError):
        return f"this needs the package {error.name}: pip install -e '.[train]'"
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0])
    return " ".join(str(error).split())
