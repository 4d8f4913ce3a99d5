"""A search on the true future, which no policy can have: what is reachable by deciding well.

At each step a lane is copied into one lane for each candidate action. Each of them takes its candidate and then
follows the base policy for `horizon` steps on what will truly happen; the candidate whose future brings most is
taken. With chance a function of (seed, episode, step, purpose), the futures differ by the first action alone: this is
rollout policy improvement without noise. The base's own action is among the candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from multiprocessing import get_context
from typing import Any

import numpy as np

from mei_gym.envs.lanes import STAY, Lanes
from mei_gym.heuristics.policy import Policy
from mei_gym.oracle.episodes import Result, world_digest
from mei_gym.oracle.family import Sizes, family_of
from mei_gym.oracle.ledger import Ledger, question
from mei_gym.oracle.seeds import episode_steps, lane_seeds

EPISODES_AT_ONCE = 4  # side by side in one process; what is lost at a kill


def search(
    base: Policy,
    seeds: Sequence[int],
    steps: int | None = None,
    sizes: Sizes = Sizes(),  # noqa: B008 (a tuple)
    tell: Callable[[int], None] = lambda done: None,
) -> Result:
    """The episodes of a clairvoyant search that improves on `base`, all seeds side by side.

    Args:
        base: what the futures follow after their first action.
        seeds: one episode each.
        steps: of an episode, as registered if left out; a future never looks beyond its end.
        sizes: actions tried at each step, and steps, the first included, over which a future is judged.
        tell: hears how many steps of the episodes are decided.
    """
    world, episodes, candidates = base.world, len(seeds), sizes.candidates
    steps = episode_steps(world.task) if steps is None else steps
    proposed = family_of(world.task).candidates
    lanes = Lanes(world.task, world.scenario, episodes)
    lanes.reset(lane_seeds(seeds))
    futures = Lanes(world.task, world.scenario, episodes * candidates)
    reward, info = np.zeros(episodes), np.zeros_like(lanes.out.info)
    for step in range(steps):
        tried = proposed(world, lanes, base.decide(lanes), candidates)
        spread(lanes, futures, candidates)
        moving = np.flatnonzero(~repeated(tried).ravel())  # what stands twice need not be tried twice
        actions = np.full(futures.count, STAY)
        actions[moving] = tried.ravel()[moving]
        worth = np.full(futures.count, -np.inf)
        worth[moving] = 0.0
        for _ in range(min(sizes.horizon, steps - step)):
            futures.step(actions)
            worth[moving] += futures.out.reward[moving]
            if futures.out.terminated[moving].all():  # what is over brings nothing more
                break
            actions[moving] = base.decide(futures, moving)
        best = worth.reshape(episodes, candidates).argmax(axis=1)
        lanes.step(tried[np.arange(episodes), best])
        reward += lanes.out.reward
        info += lanes.out.info
        if lanes.out.terminated.all():
            tell(steps)
            break
        tell(step + 1)
    return Result(reward / steps, info / steps, np.full(episodes, np.nan))


def repeated(tried: np.ndarray) -> np.ndarray:
    """bool[n, count]: whether an action stands further left in its row."""
    return np.stack([(tried[:, :j] == tried[:, j : j + 1]).any(axis=1) for j in range(tried.shape[1])], axis=1)


def spread(source: Lanes, target: Lanes, copies: int) -> None:
    """Make target lanes i * copies ... equal to source lane i: `Lanes.copy_lane` across two sets of lanes."""
    for old, new in zip((*source.state, *source.out), (*target.state, *target.out)):
        new.reshape(source.count, copies, *old.shape[1:])[:] = old[:, None]
    if source.worlds:
        target.take_worlds({lane: source.worlds[lane // copies] for lane in range(target.count)})


def search_all(
    base: Policy,
    seeds: Sequence[int],
    ledger: Ledger,
    steps: int | None = None,
    sizes: Sizes = Sizes(),  # noqa: B008
    workers: int = 1,
    tell: Callable[[float], None] = lambda episodes: None,
) -> Result:
    """`search`, a few episodes at a time, in `workers` processes; what the ledger holds is not searched again.

    `tell` hears how many more episodes are done, in parts of one.
    """
    steps = episode_steps(base.world.task) if steps is None else steps
    about = world_digest(base.world), base, sizes, steps
    keys = {seed: question(*about, seed) for seed in seeds}
    left = [seed for seed in seeds if keys[seed] not in ledger.answers]
    tell(len(seeds) - len(left))
    at_once = min(EPISODES_AT_ONCE, max(1, len(left) // workers))
    groups = [left[first : first + at_once] for first in range(0, len(left), at_once)]
    for group, rows in results(base, groups, steps, sizes, workers, tell):
        for seed, row in zip(group, rows):
            ledger.add(keys[seed], row)
    table = np.array([ledger.answers[keys[seed]] for seed in seeds])
    return Result(table[:, 0], table[:, 1:], np.full(len(seeds), np.nan))


def results(
    base: Policy, groups: list[list[int]], steps: int, sizes: Sizes, workers: int, tell: Callable[[float], None]
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Each group's episodes as they are done: reward and info, f8[episode, 1 + name]."""
    if workers == 1:
        for group in groups:
            share = len(group) / steps
            yield group, searched_here(base, group, steps, sizes, lambda done, share=share: tell(share))
        return
    job = base.world.task.module, base.world.scenario, base.name, base.parameters, steps, sizes
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        asked = {pool.submit(searched_elsewhere, *job, group): group for group in groups}
        for answer in as_completed(asked):
            yield asked[answer], answer.result()
            tell(len(asked[answer]))


def searched_here(
    base: Policy, group: list[int], steps: int, sizes: Sizes, tell: Callable[[int], None] = lambda done: None
) -> np.ndarray:
    """f8[episode, 1 + name]."""
    result = search(base, group, steps, sizes, tell)
    return np.column_stack([result.reward, result.info])


def searched_elsewhere(
    module: str, scenario: Any, name: str, parameters: dict[str, Any], steps: int, sizes: Sizes, group: list[int]
) -> np.ndarray:
    """The same in a process of its own, which makes the base policy anew."""
    from mei_gym.heuristics import make

    return searched_here(make(name, import_module(module).TASK, scenario, **parameters), group, steps, sizes)
