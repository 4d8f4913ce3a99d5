"""How fast: steps per second in every shell, start-up, the serving engine, the share of training, the field's peers.

Actions are drawn beforehand and are feasible: a shadow of the timed environment, on the same seed, samples them from
its mask and goes ahead by a window of steps, which the timed one then plays. So no sampling is timed, and the windows
walk through the episode, from empty queues to full ones. A speed is the median of the windows, with the slowest and
the fastest beside it. Wall time is what a user waits; steps per second of processor time say what a core does when
other programs take their share of it.
"""

from __future__ import annotations

import importlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from mei_gym.benchmark_serving import serving_speeds
from mei_gym.doctor import cores, installed

SEED = 0
BATCHES = (1, 16, 256, 4096)  # lanes of gymnasium.make_vec on one thread
PARALLEL_BATCHES = (256, 4096)  # and on all threads: below, starting the threads costs more than they win
SB3_LANES = 64
BIG_ROLLOUTS = {"n_steps": 128, "batch_size": 2048, "n_epochs": 4}  # PPO for many lanes; its defaults are for one
PEERS = {  # package: what to import, and the id of its middle or faster world
    "mobile-env": ("mobile_env", "mobile-medium-central-v0"),
    "linkgym": ("linkgym", "linkgym/LinkAdaptation-v0"),
    "highway-env": ("highway_env", "highway-fast-v0"),
}

#: What a fresh process does first; prints seconds for the import, and for make, reset and step together.
START = """
import time
began = time.perf_counter()
import gymnasium, mei_gym
imported = time.perf_counter()
env = gymnasium.make({id!r})
env.reset(seed=0)
env.step(env.action_space.sample())
print(imported - began, time.perf_counter() - imported)
"""


class Effort(NamedTuple):
    """How long to measure."""

    windows: int
    steps: int  # of all lanes together, in a window
    least: int  # steps of each lane in a window
    peer_s: float  # wall time of a peer's window
    rollouts: int  # of PPO over many lanes
    requests: int  # of the serving engine


THOROUGH = Effort(windows=9, steps=40_000, least=64, peer_s=1.0, rollouts=6, requests=100_000)
QUICK = Effort(windows=3, steps=2_000, least=8, peer_s=0.1, rollouts=1, requests=5_000)


class Shell(NamedTuple):
    """A way to drive an environment; two of the same seed and the same actions are equal."""

    begin: Callable[[], Any]
    step: Callable[[Any], Any]  # begins a new episode where one has ended
    masks: Callable[[], np.ndarray]  # bool[lane, action], or the parts' masks side by side
    space: gymnasium.Space[Any]  # of one lane's action


def benchmark(id: str, quick: bool = False, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Measure everything that can be measured here; `say` hears what is being measured."""
    effort = QUICK if quick else THOROUGH
    result: dict[str, Any] = {"id": id, "quick": quick, "machine": machine()}
    say("start-up, in fresh processes")
    result["start"] = startup(id)
    trains = find_spec("stable_baselines3") is not None
    plan = [("gymnasium.make", single, 1, 1)]
    plan += [("gymnasium.make_vec", batch, lanes, 1) for lanes in BATCHES]
    plan += [("gymnasium.make_vec", batch, lanes, cores()) for lanes in PARALLEL_BATCHES if cores() > 1]
    plan += [("SB3 VecEnv", sb3, SB3_LANES, 1)] if trains else []
    result["speeds"] = []
    for name, shell, lanes, threads in plan:
        say(f"{name}, lanes: {lanes}, threads: {threads}")
        row = {"shell": name, "lanes": lanes, "threads": threads}
        result["speeds"].append({**row, **speed(partial(shell, id, lanes, threads), lanes, effort)})
    say("the serving engine")
    result["serving"] = serving_speeds(effort.requests, effort.windows)
    result["training"] = []
    for lanes in (1, SB3_LANES) if trains else ():
        say(f"PPO, lanes: {lanes}")
        result["training"].append(ppo_share(id, lanes, effort))
    ours = result["speeds"][0]["steps_per_s"]
    result["peers"] = []
    for package, (module, peer_id) in PEERS.items():
        if find_spec(module):
            say(f"{package}: {peer_id}")
            try:
                theirs = peer_speed(module, peer_id, effort)
            except Exception as fault:  # another package's fault must not cost the measurements before it
                say(f"{package} could not be timed: {type(fault).__name__}: {fault}")
                continue
            row = {"package": package, "id": peer_id, "steps_per_s": theirs, "ratio": ours / theirs}
            result["peers"].append(row)
    return result


def tables(result: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The result as titled tables."""
    yield "Machine", [{"what": name, "is": value} for name, value in result["machine"].items()]
    yield f"Start-up of {result['id']}", result["start"]
    yield f"Steps per second of {result['id']}", result["speeds"]
    yield (
        "Serving engine: requests per second of one core; ratio: to stepping through every iteration",
        result["serving"],
    )
    yield "PPO: which share of its wall time the environment takes", result["training"]
    yield "Peers, one environment each; ratio: how many times faster this one is", result["peers"]


def machine() -> dict[str, str]:
    """What the numbers were taken on."""
    from mei_gym.measurements.machine import cpu_information, load_average

    found, _ = installed(["mei-gym", "gymnasium", "numpy", "numba", "torch", "stable-baselines3"])
    return {
        "processor": cpu_information()["name"],
        "cores": str(cores()),
        "load": f"{load_average()[0]} running processes, mean of the minute before",
        "python": f"{platform.python_version()} on {platform.system()}",
        "packages": ", ".join(f"{name} {version}" for name, version in found.items()),
    }


def startup(id: str) -> list[dict[str, Any]]:
    """Seconds of a first process, with an empty compiler cache, and of the one after it."""
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for start in ("cold", "warm"):
            began_s = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", START.format(id=id)],
                env={**os.environ, "NUMBA_CACHE_DIR": cache},
                capture_output=True,
                text=True,
                check=False,
            )
            whole_s = time.perf_counter() - began_s
            if done.returncode:
                raise RuntimeError(f"a fresh process could not make {id}: {done.stderr.strip().splitlines()[-1]}")
            import_s, make_s = map(float, done.stdout.split()[-2:])
            rows.append({"start": start, "import_s": import_s, "make_reset_step_s": make_s, "whole_process_s": whole_s})
    return rows


def single(id: str, lanes: int = 1, threads: int = 1) -> Shell:
    """`gymnasium.make`, with the wrappers that it puts around: one lane, one thread."""
    env = gymnasium.make(id)
    masks: Callable[[], np.ndarray] = env.get_wrapper_attr("action_masks")

    def step(actions: Any) -> None:
        _, _, terminated, truncated, _ = env.step(actions[0])
        if terminated or truncated:
            env.reset()

    return Shell(partial(env.reset, seed=SEED), step, lambda: masks()[None], env.action_space)


def batch(id: str, lanes: int, threads: int) -> Shell:
    """`gymnasium.make_vec`, a lane's next episode begun in the step in which the last one ended."""
    env = gymnasium.make_vec(id, num_envs=lanes, threads=threads, autoreset_mode="SameStep")
    masks: Callable[[], np.ndarray] = getattr(env.unwrapped, "action_masks")  # noqa: B009 (typed as any VectorEnv)
    begin = partial(env.reset, seed=SEED)
    return Shell(begin, env.step, masks, env.single_action_space)


def sb3(id: str, lanes: int, threads: int) -> Shell:
    """Stable-Baselines3's `VecEnv` over the same lanes."""
    from mei_gym.envs.sb3 import make_sb3_vec

    env = make_sb3_vec(id, lanes, threads=threads)

    def begin() -> None:
        env.seed(SEED)
        env.reset()

    return Shell(begin, env.step, lambda: np.stack(env.env_method("action_masks")), env.action_space)


def speed(make: Callable[[], Shell], lanes: int, effort: Effort) -> dict[str, Any]:
    """Steps per second over windows of feasible actions, and resets per second."""
    timed, shadow = make(), make()
    began_s = time.perf_counter()
    timed.begin()
    first_reset_s = time.perf_counter() - began_s
    began_s = time.perf_counter()
    timed.begin()
    reset_s = min(first_reset_s, time.perf_counter() - began_s)
    shadow.begin()
    chance = np.random.default_rng(SEED)
    steps = max(effort.least, effort.steps // lanes)
    wall, processor_time = [], []
    for window in range(effort.windows + 1):
        tape = []
        for _ in range(steps):
            tape.append(feasible(shadow.space, shadow.masks(), chance))
            shadow.step(tape[-1])
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        for actions in tape:
            timed.step(actions)
        if window:  # the first one warms up
            wall.append(lanes * steps / (time.perf_counter() - began_s))
            processor_time.append(lanes * steps / (time.process_time() - began_cpu_s))
    return {
        "steps_per_s": statistics.median(wall),
        "slowest": min(wall),
        "fastest": max(wall),
        "steps_per_core_s": statistics.median(processor_time),
        "resets_per_s": lanes / reset_s,
    }


def feasible(space: gymnasium.Space[Any], masks: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """A random action a lane that its mask allows, uniform among the feasible ones; int64[lane] or [lane, part]."""
    preference = masks * (1.0 + chance.random(masks.shape))
    if isinstance(space, gymnasium.spaces.MultiDiscrete):
        parts = np.split(preference, np.cumsum(space.nvec)[:-1], axis=1)
        return np.stack([np.argmax(part, axis=1) for part in parts], axis=1)
    return np.argmax(preference, axis=1)


def ppo_share(id: str, lanes: int, effort: Effort) -> dict[str, Any]:
    """PPO's steps per second, and the share of its wall time that is spent in the environment."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecEnvWrapper

    from mei_gym.envs.sb3 import make_sb3_vec

    class Timed(VecEnvWrapper):
        spent_s = 0.0

        def reset(self) -> Any:
            return self.venv.reset()

        def step(self, actions: np.ndarray) -> Any:
            began_s = time.perf_counter()
            result = self.venv.step(actions)
            self.spent_s += time.perf_counter() - began_s
            return result

        def step_wait(self) -> Any:
            return self.venv.step_wait()

    env = Timed(DummyVecEnv([lambda: gymnasium.make(id)]) if lanes == 1 else make_sb3_vec(id, lanes))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        settings: dict[str, Any] = {} if lanes == 1 else BIG_ROLLOUTS
        model = PPO("MlpPolicy", env, seed=SEED, device="cpu", **settings)
        steps = model.n_steps * lanes * (1 if lanes == 1 else effort.rollouts)
        model.learn(1)  # one rollout, so that everything has been touched before
        env.spent_s, began_s = 0.0, time.perf_counter()
        model.learn(steps)
        whole_s = time.perf_counter() - began_s
    finally:
        torch.set_num_threads(before)
    what = "defaults" if lanes == 1 else ", ".join(f"{name} {value}" for name, value in BIG_ROLLOUTS.items())
    share = env.spent_s / whole_s
    return {
        "lanes": lanes,
        "settings": what,
        "steps": steps,
        "steps_per_s": steps / whole_s,
        "environment_share": share,
    }


def peer_speed(module: str, id: str, effort: Effort) -> float:
    """Steps per second of another package's environment, the median of windows of wall time."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(module)
        env = gymnasium.make(id)
        env.action_space.seed(SEED)
        actions = [env.action_space.sample() for _ in range(256)]
        env.reset(seed=SEED)
        env.step(actions[0])
        speeds = []
        for _ in range(effort.windows):
            steps, began_s = 0, time.perf_counter()
            while time.perf_counter() - began_s < effort.peer_s:
                _, _, terminated, truncated, _ = env.step(actions[steps % len(actions)])
                steps += 1
                if terminated or truncated:
                    env.reset()
            speeds.append(steps / (time.perf_counter() - began_s))
        env.close()
    return statistics.median(speeds)
