"""Environments share the text of their compiled entry, and never each other's machine code."""

import os
import subprocess
import sys

import numpy as np
import pytest

#: Two environments of one text, but for the reward: nothing else tells their machine code apart.
MODULE = """
from typing import NamedTuple
import numpy as np
from mei_gym.compiled import scalar
from mei_gym.envs.entry import mover_of
from mei_gym.envs.lanes import lane_mover


class Params(NamedTuple):
    size: int


class State(NamedTuple):
    seed: np.ndarray
    episode: np.ndarray
    key: np.ndarray


@scalar
def reset(params, state, info, lane):
    info[lane, 0] = 0.0


@scalar
def step(params, state, info, lane, action):
    return {reward} * action, False


@scalar
def observe(params, state, lane, row):
    row[0] = 0.0


mover = mover_of(__name__, lane_mover(reset, step, observe, observe))
"""
PROGRAM = """
import sys
import numpy as np
from importlib import import_module
from mei_gym.envs.lanes import NO_LIMIT, DISABLED, empty_out, handles
from mei_gym.packed import Pack
for name in sys.argv[1:]:
    module = import_module(name)
    state = module.State(np.zeros(1, np.uint64), np.zeros(1, np.int64), np.zeros(1, np.uint64))
    packs = Pack(module.Params(1)), Pack(state), Pack(empty_out(1, 1, 1, 1))
    move = module.mover(tuple(pack.layout for pack in packs), False)
    move(handles(packs[:1]), packs[1].handle, packs[2].handle, np.array([7]), NO_LIMIT, DISABLED)
    print(name, packs[2].fields.reward[0], sum(move.stats.cache_hits.values()))
"""


@pytest.fixture
def twins(tmp_path, root):
    """Begins a process that steps the named environments once, on a compiler cache of the test's own."""
    for name, reward in (("one", "10.0"), ("two", "-10.0")):
        (tmp_path / f"{name}.py").write_text(MODULE.replace("{reward}", reward), "utf-8")
    paths = os.pathsep.join((str(tmp_path), str(root)))
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": paths}

    def begin(*names: str) -> subprocess.Popen:
        words = [sys.executable, "-c", PROGRAM, *names]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    begin.folder = tmp_path
    return begin


def said(process: subprocess.Popen) -> list[str]:
    """The lines that a process printed, sorted."""
    text, fault = process.communicate(timeout=200)
    assert process.returncode == 0, fault
    return sorted(text.splitlines())


def test_two_environments_that_are_compiled_at_once_keep_their_own_code(twins):
    both = [twins("one"), twins("two"), twins("two", "one")]
    rewards = [
        [line.rpartition(" ")[0] for line in said(each)] for each in both
    ]  # who comes late may find the code kept
    assert rewards == [["one 70.0"], ["two -70.0"], ["one 70.0", "two -70.0"]]
    assert said(twins("one", "two")) == ["one 70.0 1", "two -70.0 1"]


def test_the_changed_text_of_an_environment_elsewhere_is_compiled_anew(twins):
    assert said(twins("one")) == ["one 70.0 0"]
    (twins.folder / "one.py").write_text(MODULE.replace("{reward}", "11.0"), "utf-8")
    assert said(twins("one")) == ["one 77.0 0"]


def test_the_entry_of_an_environment_is_built_once_a_process():
    from mei_gym.envs.lanes import Lanes
    from mei_gym.envs.split_inference import TASK

    lanes = [Lanes(TASK, TASK.resolve("default", {}), count) for count in (1, 2)]
    assert lanes[0]._move is lanes[1]._move
    assert all(isinstance(lane.sizes["users"], int | np.integer) for lane in lanes)
