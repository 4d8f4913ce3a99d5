"""Questions answered once: in processes of one core each, kept in a ledger, so that a killed run goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from mei_gym.oracle.ledger import Ledger, question

LEDGERS = Path("runs") / "reproduce"  # where a killed run left its answers


class Ask(NamedTuple):
    """A question: a function of plain values that returns numbers."""

    function: Callable[..., list[float]]
    arguments: tuple[object, ...]

    def key(self) -> str:
        """What the ledger knows it by; another code is another question."""
        return question(code(), self.function.__name__, *self.arguments)

    def answer(self) -> list[float]:
        """The numbers."""
        return self.function(*self.arguments)


@cache
def code() -> str:
    """A digest of what answers: the rules, the placements, the bounds, the setting."""
    from mei_gym import oracle
    from mei_gym.heuristics.text import text_digest

    here = [Path(__file__).parent / name for name in ("resnet.py", "setting.py", "trimcaching.py")]
    files = [*here, *(Path(oracle.__path__[0]) / "placement").glob("*.py")]
    return question(text_digest(), *(path.read_text("utf-8") for path in sorted(files)))


def silence() -> None:
    """Begin a worker: Ctrl-C is for the process that asks, and what HiGHS prints is for nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def answers(asked: Sequence[Ask], ledger: Path, workers: int, words: str) -> dict[Ask, list[float]]:
    """The answers, those of the ledger at once; a bar on the error output shows the others come.

    Raises:
        ValueError: fewer than one worker.
    """
    from rich.console import Console
    from rich.progress import Progress

    if workers < 1:
        raise ValueError(f"There are {workers} workers; 1 or more are accepted.")
    notes = Ledger(ledger)
    known = {ask: notes.answers[ask.key()] for ask in asked if ask.key() in notes.answers}
    missing = [ask for ask in dict.fromkeys(asked) if ask not in known]
    if not missing:
        return known
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    fresh = ProcessPoolExecutor(workers, get_context("spawn"), silence)
    with Progress(console=Console(stderr=True), transient=True) as shown, fresh as pool:
        bar = shown.add_task(words, total=len(missing))
        futures = {pool.submit(ask.answer): ask for ask in missing}
        try:
            for future in as_completed(futures):
                known[futures[future]] = future.result()
                notes.add(futures[future].key(), future.result())
                shown.advance(bar)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return known
