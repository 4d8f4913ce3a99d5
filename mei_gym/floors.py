"""Where the parts of an environment stand: modules of one name, one on each floor.

    envs.split_inference   scenarios.split_inference   heuristics.split_inference   oracle.split_inference

So a shell that is given an environment's Task finds the rest; also where the floors are another package's.
"""

from __future__ import annotations

ENVS = ".envs."


def on_floor(module: str, floor: str) -> str:
    """The environment's module on another floor: "mei_gym.oracle.porch" for "mei_gym.envs.porch" on "oracle"."""
    return module.replace(ENVS, f".{floor}.", 1)


def package_of(module: str) -> str:
    """The package whose floor an environment stands on: "mei_gym" for "mei_gym.envs.porch"."""
    return module.partition(ENVS)[0]


def name_of(module: str) -> str:
    """What an environment's files are called: "porch" for "mei_gym.envs.porch"."""
    return module.rpartition(".")[2]
