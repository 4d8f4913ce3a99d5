"""Rows on the terminal: tables of at most 100 columns whose words stay whole, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WIDTH = 100  # columns of every table
GAP = 2  # columns between two cells
LONGEST_WORD = 25  # columns; what is longer may be cut where the table is full


def show(rows: Sequence[dict[str, Any]], title: str, as_json: bool = False) -> None:
    """Print rows of the same keys as a table, or as JSON."""
    if as_json:
        show_json(rows)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    names = list(rows[0]) if rows else []
    heads = [name.replace("_", " ") for name in names]
    cells = [[cell(row[name]) for name in names] for row in rows]
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, GAP - 1, 0, 0))
    table.collapse_padding = table.pad_edge = False
    for name, head, width in zip(names, heads, widths([heads, *cells])):
        numbers = all(isinstance(row[name], int | float | None) for row in rows)
        table.add_column(head, justify="right" if numbers else "left", width=width, overflow="fold")
    for row in cells:
        table.add_row(*row)
    console = Console(width=WIDTH, markup=False, highlight=False, emoji=False)
    console.print(table if rows else f"{title}: none.")


def widths(lines: Sequence[Sequence[str]]) -> list[int]:
    """Columns of each cell: its longest word, and what room is left goes to the shortest texts first."""
    columns = list(zip(*lines))
    needed = [
        max((min(len(word), LONGEST_WORD) for text in column for word in text.split()), default=1) for column in columns
    ]
    wanted = [max(map(len, column)) for column in columns]
    room = WIDTH - GAP * (len(columns) - 1) - sum(needed)
    for place in sorted(range(len(columns)), key=lambda place: wanted[place]):
        more = max(0, min(wanted[place] - needed[place], room))
        needed[place] += more
        room -= more
    return needed


def cell(value: Any) -> str:
    """A value as a person reads it: three digits, or thousands with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def show_json(value: Any) -> None:
    """Print a value as JSON: NumPy's numbers as numbers, NaN as null."""
    import json

    print(json.dumps(plain(value), indent=1, allow_nan=False))


def plain(value: Any) -> Any:
    """The value in Python's own types."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
