"""What a long search tells while it runs: lines and one bar, on the error output, which tables do not share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]
Bar = Callable[[int], Callable[[float], None]]


@contextmanager
def progress(quiet: bool) -> Iterator[tuple[Say, Bar]]:
    """`say(line)` prints a line; `bar(total)` begins the bar and returns what moves it on."""
    if quiet:
        yield (lambda line: None), (lambda total: lambda more: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, markup=False, highlight=False)
    share = TextColumn("{task.percentage:>3.0f} %")
    columns = TextColumn("{task.description}"), BarColumn(), share, TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as shown:

        def bar(total: int) -> Callable[[float], None]:
            search = shown.add_task(f"clairvoyant search, {total} episodes", total=total)
            return lambda more: shown.advance(search, more)

        yield (lambda line: console.print(line, soft_wrap=True)), bar
