"""The ids: what `import mei_gym` makes known to `gymnasium.make`."""

from __future__ import annotations


def register_environments() -> None:
    """Register every id of the suite; entry points are strings, so nothing heavy is imported here."""
