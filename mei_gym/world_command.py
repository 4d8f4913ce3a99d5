"""`mei-gym world`: pictures of a scenario's world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

world = typer.Typer(help="Draw the world of a scenario.", no_args_is_help=True)

PICTURES = Path("pictures")


@world.callback()
def _world() -> None:
    """Draw the world of a scenario."""


@world.command()
def plot(
    scenario: Annotated[str, typer.Argument(help="A scenario's name, or the path of a YAML file.")],
    id: Annotated[str, typer.Option(help="The environment that the scenario is of.")] = "mei/SplitInference-v0",
    out: Annotated[Path, typer.Option(help="Folder of the pictures, PDF and PNG.")] = PICTURES,
    seed: Annotated[int, typer.Option(help="Of the episode whose users and requests are drawn.")] = 0,
) -> None:
    """Draw the map with sites, users and SINR, the lengths of requests, and the day's load."""
    from mei_gym.catalogue import known_id

    known_id(id)
    from mei_gym.envs.view import task_of
    from mei_gym.world_pictures import draw_world

    task = task_of(id)
    for path in draw_world(task, task.resolve(scenario, {}), out, seed):
        typer.echo(path)
