"""Lanes: many episodes of one environment, side by side in arrays, moved by compiled code.

This is where autoreset, episode ends and seeds live, once for all environments and all shells. An environment makes
its four rules into one verb of a lane with `lane_mover`, and its compiled entry loops over the lanes:

    reset(params, state, info, lane)             begin an episode
    step(params, state, info, lane, action)      -> reward, terminated
    observe(params, state, lane, row)            write float32 in [0, 1]
    mask(params, state, lane, row)               write which actions are feasible

Every lane has a world: the scenario's one, or, where the scenario has values that are drawn anew each episode, one of
its own, laid before its episode begins. So the lanes of a drawn scenario end their episodes here, between two moves,
and those of a fixed one inside compiled code.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mei_gym.chance import episode_key, uniform
from mei_gym.compiled import scalar
from mei_gym.envs.task import Task
from mei_gym.packed import PLAIN, Pack
from mei_gym.profiles.remembered import remembering
from mei_gym.scenarios.laws import ends
from mei_gym.scenarios.resolve import of_episode, with_value

BEGIN, STAY = -1, -2  # not actions: begin an episode; leave the lane alone
DISABLED, NEXT_STEP, SAME_STEP = 0, 1, 2  # what happens to a lane whose episode has ended
NO_LIMIT = np.iinfo(np.int64).max
WORLD_DRAW = 10  # purpose of a draw: an episode's values of a scenario


class Out(NamedTuple):
    """What the lanes show after a verb; row i belongs to lane i."""

    observation: np.ndarray  # f4[lane, field]
    mask: np.ndarray  # ?[lane, action]
    reward: np.ndarray  # f8[lane]
    terminated: np.ndarray  # ?[lane]
    truncated: np.ndarray  # ?[lane]
    info: np.ndarray  # f8[lane, name]
    elapsed: np.ndarray  # i8[lane] steps of the episode
    final_observation: np.ndarray  # f4[lane, field] of the episode that ended in this step
    final_info: np.ndarray  # f8[lane, name]
    final_mask: np.ndarray  # ?[lane, action]
    final_elapsed: np.ndarray  # i8[lane]


@scalar
def copy_row(source, target, lane):
    """Copy a lane's row; element by element, which allocates nothing."""
    for column in range(source.shape[1]):
        target[lane, column] = source[lane, column]


def lane_mover(reset: Any, step: Any, observe: Any, mask: Any) -> Any:
    """An environment's four rules made into one verb of a lane, `move_lane`: begin an episode, or take a step.

    One verb, because what a reset and a step share is most of an environment, and would be compiled twice.
    """

    def own(verb: Any) -> Any:
        """The verb under the environment's name: of two symbols of one name a process keeps the one that came first."""
        verb.__qualname__ = f"{step.__module__}.{verb.__name__}"
        return verb

    @scalar
    @own
    def begin_lane(params, state, out, lane):
        """Begin the lane's next episode; its key is a function of the lane's seed and the episode's number."""
        state.key[lane] = episode_key(state.seed[lane], state.episode[lane])
        state.episode[lane] += 1
        out.elapsed[lane] = 0
        out.reward[lane] = 0.0
        out.terminated[lane] = False
        out.truncated[lane] = False
        out.info[lane, :] = 0.0
        reset(params, state, out.info, lane)
        observe(params, state, lane, out.observation[lane])
        mask(params, state, lane, out.mask[lane])

    @scalar
    @own
    def move_lane(params, state, out, lane, action, limit, autoreset):
        """Take one step, end the episode at `limit` steps, and begin the next one as `autoreset` says.

        The action BEGIN begins an episode instead, and STAY leaves the lane as it is.
        """
        if action == STAY:
            return
        ended = out.terminated[lane] or out.truncated[lane]
        if action == BEGIN or (autoreset == NEXT_STEP and ended):
            begin_lane(params, state, out, lane)
            return
        reward, terminated = step(params, state, out.info, lane, action)
        out.elapsed[lane] += 1
        truncated = out.elapsed[lane] >= limit and not terminated
        observe(params, state, lane, out.observation[lane])
        mask(params, state, lane, out.mask[lane])
        if autoreset == SAME_STEP and (terminated or truncated):
            copy_row(out.observation, out.final_observation, lane)
            copy_row(out.info, out.final_info, lane)
            copy_row(out.mask, out.final_mask, lane)
            out.final_elapsed[lane] = out.elapsed[lane]
            begin_lane(params, state, out, lane)
        out.reward[lane] = reward
        out.terminated[lane] = terminated
        out.truncated[lane] = truncated

    return move_lane


class Lanes:
    """`count` episodes of a task under one scenario.

    Holds `params` (fixed: the nominal world), `worlds` (the params of each lane, where the scenario has drawn values),
    `state` (changed by the rules) and `out` (what shells copy from). Reset before the first step. `threads` > 1 runs
    the lanes in parallel with the same results.
    """

    def __init__(self, task: Task, scenario: Any, count: int, threads: int = 1) -> None:
        if count < 1:
            raise ValueError(f"num_envs is {count}; at least 1 lane is needed.")
        if threads < 1:
            raise ValueError(f"threads is {threads}; at least 1 is needed.")
        self.task, self.scenario, self.count, self.threads = task, scenario, count, threads
        self._read: dict[Any, Any] = {}  # profiles: read once in the lanes' life
        with remembering(self._read):
            self.params = task.parameters(scenario)
            largest_params = largest(task, scenario, self.params)
        self.worlds: list[Any] = [self.params] * count if scenario.drawn else []
        self.factors = task.factors(self.params)
        self.actions = int(np.prod(self.factors))
        self.sizes = {name: getattr(largest_params, name) for name in task.sizes}
        self.state = task.allocate(largest_params, count)
        self.out = empty_out(count, len(task.fields), self.actions, len(task.info))
        self._bind()

    def _bind(self) -> None:
        self._packs = Pack(self.params), Pack(self.state), Pack(self.out)
        self._world_packs = [self._packs[0]] * self.count
        for lane, world in enumerate(self.worlds):
            self._world_packs[lane] = Pack(world)
        self._params_handles = handles(self._world_packs)
        self._move = self.task.mover(tuple(pack.layout for pack in self._packs), self.threads > 1)
        if self.threads > 1:
            import numba

            there_are: int = numba.config.NUMBA_NUM_THREADS  # pyright: ignore[reportAttributeAccessIssue]
            numba.set_num_threads(min(self.threads, there_are))

    def reset(self, seeds: np.ndarray | None = None, chosen: np.ndarray | None = None) -> None:
        """Begin an episode in the chosen lanes (all by default); `seeds` u8[lane] starts each lane's series anew."""
        if chosen is None:
            chosen = np.ones(self.count, np.bool_)
        if seeds is not None:
            self.state.seed[chosen] = seeds[chosen]
            self.state.episode[chosen] = 0
        self._begin(chosen)

    def step(self, actions: np.ndarray, limit: int = NO_LIMIT, autoreset: int = DISABLED) -> None:
        """Take one step in every lane; `actions` int64[lane], each within the action space."""
        if self.worlds and autoreset != DISABLED:
            self._step_between_worlds(actions, limit, autoreset)
        else:
            self._move_all(actions, limit, autoreset)

    def _move_all(self, actions: np.ndarray, limit: int, autoreset: int) -> None:
        self._move(self._params_handles, self._packs[1].handle, self._packs[2].handle, actions, limit, autoreset)

    def _begin(self, chosen: np.ndarray) -> None:
        if self.worlds:
            self.lay_worlds(np.flatnonzero(chosen), self.state.episode)
        self._move_all(np.where(chosen, BEGIN, STAY), NO_LIMIT, DISABLED)

    def _step_between_worlds(self, actions: np.ndarray, limit: int, autoreset: int) -> None:
        """As `move_lane` does within one world: end episodes, lay the next ones' worlds, begin them."""
        out = self.out
        ended = out.terminated | out.truncated
        if autoreset == NEXT_STEP:
            moving = np.where(ended, BEGIN, actions)
            self.lay_worlds(np.flatnonzero(moving == BEGIN), self.state.episode)
            self._move_all(moving, limit, DISABLED)
            return
        self._move_all(actions, limit, DISABLED)
        ended = out.terminated | out.truncated
        if not ended.any():
            return
        verdict = out.reward.copy(), out.terminated.copy(), out.truncated.copy()
        out.final_observation[ended], out.final_info[ended] = out.observation[ended], out.info[ended]
        out.final_mask[ended], out.final_elapsed[ended] = out.mask[ended], out.elapsed[ended]
        self._begin(ended)
        out.reward[:], out.terminated[:], out.truncated[:] = verdict

    def lay_worlds(self, lanes: np.ndarray, episodes: np.ndarray) -> None:
        """Draw the worlds of these lanes for the given numbers of their series' episodes."""
        laid: dict[int, Any] = {}
        for lane in lanes:
            with np.errstate(over="ignore"):  # of the key's 64 bits, where nothing is compiled
                key = np.uint64(episode_key(self.state.seed[lane], episodes[lane]))
                scenario = of_episode(self.scenario, lambda index, key=key: uniform(key, 0, WORLD_DRAW, index))
            with remembering(self._read):
                world = self.task.parameters(scenario)
            for name, most in self.sizes.items():
                if getattr(world, name) > most:
                    raise ValueError(f"An episode drew {name} {getattr(world, name)}; there is room for {most}.")
            laid[lane] = world
        self.take_worlds(laid)

    def params_of(self, lane: int) -> Any:
        """The world of a lane."""
        return self.worlds[lane] if self.worlds else self.params

    def info(self, row: np.ndarray) -> dict[str, float]:
        """One lane's numbers by name."""
        return dict(zip(self.task.info, row.tolist()))

    def copy_lane(self, source: int, targets: np.ndarray | slice) -> None:
        """Make the target lanes equal to the source lane: what a search does before it tries different futures."""
        for array in (*self.state, *self.out):
            array[targets] = array[source]
        if self.worlds:
            self.take_worlds(dict.fromkeys(np.arange(self.count)[targets].tolist(), self.worlds[source]))

    def take_worlds(self, worlds: dict[int, Any]) -> None:
        """Put lanes into worlds that have been laid already."""
        for lane, world in worlds.items():
            self.worlds[lane] = world
            self._world_packs[lane] = Pack(world)
        self._params_handles = handles(self._world_packs)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_move", "_packs", "_world_packs", "_params_handles", "_read", "task"):
            del state[name]
        state["_task_module"] = self.task.module
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        from importlib import import_module

        self.task = import_module(state.pop("_task_module")).TASK
        self.__dict__.update(state)
        self._read = {}
        self._bind()


def handles(packs: list[Pack]) -> Any:
    """What compiled code takes for the lanes' packs: their addresses, int64[lane]; plain Python: the fields."""
    return [pack.handle for pack in packs] if PLAIN else np.array([pack.handle for pack in packs], np.int64)


def largest(task: Task, scenario: Any, params: Any) -> Any:
    """The params that arrays of state are made for: each count at its largest over the worlds of the episodes.

    Raises:
        ValueError: a drawn value that changes which actions there are.
    """
    sizes = {name: getattr(params, name) for name in counts_of(params)}
    for name, law in scenario.drawn.items():
        for end in ends(law):
            other = task.parameters(with_value(scenario, name, end))
            if task.factors(other) != task.factors(params):
                raise ValueError(f"The scenario draws {name}, which changes the actions that there are; fix its value.")
            sizes = {size: max(value, getattr(other, size)) for size, value in sizes.items()}
    return params._replace(**sizes)


def counts_of(params: Any) -> list[str]:
    """Names of the params that are whole numbers: sizes of arrays among them."""
    return [name for name, value in params._asdict().items() if isinstance(value, int | np.integer)]


def empty_out(lanes: int, fields: int, actions: int, names: int) -> Out:
    """Arrays for what `lanes` lanes show."""
    return Out(
        observation=np.zeros((lanes, fields), np.float32),
        mask=np.zeros((lanes, actions), np.bool_),
        reward=np.zeros(lanes, np.float64),
        terminated=np.zeros(lanes, np.bool_),
        truncated=np.zeros(lanes, np.bool_),
        info=np.zeros((lanes, names), np.float64),
        elapsed=np.zeros(lanes, np.int64),
        final_observation=np.zeros((lanes, fields), np.float32),
        final_info=np.zeros((lanes, names), np.float64),
        final_mask=np.zeros((lanes, actions), np.bool_),
        final_elapsed=np.zeros(lanes, np.int64),
    )


def lane_seed(seed: int) -> np.uint64:
    """The 64-bit seed of a lane from a user's integer, by Gymnasium's own generator."""
    from gymnasium.utils.seeding import np_random

    return np.uint64(np_random(seed)[0].integers(0, np.iinfo(np.int64).max))
