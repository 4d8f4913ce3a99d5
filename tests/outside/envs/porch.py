"""Porch: prompt by prompt, a phone decides who answers.

Action: Discrete(2); HERE: the phone, slow and silent; EDGE: a server down the road, with a queue.

Observation: 3 numbers in [0, 1], float32: prompt size, channel gain, wait at the edge.

Reward: reward_delay - (seconds until the answer) + reward_energy - (joules, in seconds). An episode never ends of
itself; it is truncated after 64 prompts.
"""

from __future__ import annotations

from math import log2
from typing import Any, NamedTuple

import numpy as np

from mei_gym.chance import uniform
from mei_gym.compiled import scalar
from mei_gym.envs.entry import mover_of
from mei_gym.envs.lanes import lane_mover
from mei_gym.envs.task import Task, linear, logarithmic, scale_of, shown
from outside.scenarios.porch import resolve

HERE, EDGE = 0, 1
LEAST, FIRST = 0, 1
PROMPT, FADING = 900, 901  # purposes of draws
NOISE_W_PER_HZ = 4e-21  # thermal noise at 290 K
HERE_S_PER_BYTE, EDGE_S_PER_BYTE = 2e-4, 2e-5  # chosen
LARGEST_BYTES = 64e3  # chosen

FIELDS = (
    linear("prompt", "byte", 0.0, LARGEST_BYTES, "size of the prompt that is to be answered"),
    linear("gain", "dB", -120.0, -60.0, "gain of the phone's channel in this slot"),
    logarithmic("wait", "s", 0.1, 60.0, "until the edge would begin with this prompt"),
)
INFO = (
    ("reward_delay", "1", "minus the seconds until the answer"),
    ("reward_energy", "1", "minus the joules of the radio, in seconds"),
    ("delay_s", "s", "from the prompt to its answer"),
    ("energy_j", "J", "of the radio"),
    ("at_edge", "bool", "the edge answered"),
    ("wait_s", "s", "at the edge, before the next prompt"),
    ("ceiling", "1", "what this prompt would have brought with the best choice and an idle edge"),
)
NAMES = tuple(name for name, _, _ in INFO)
REWARD_DELAY, REWARD_ENERGY, DELAY, ENERGY, AT_EDGE, WAIT, CEILING = range(len(INFO))


class PorchParams(NamedTuple):
    """What a scenario fixes."""

    servers: int
    order: int
    bandwidth_hz: float
    power_w: float
    slot_s: float
    s_per_joule: float
    scale_kind: np.ndarray
    scale_low: np.ndarray
    scale_grain: np.ndarray
    scale_width: np.ndarray


class PorchState(NamedTuple):
    """What a step changes: one array a variable, the lane first."""

    seed: np.ndarray  # u8[lane]
    episode: np.ndarray  # i8[lane]
    key: np.ndarray  # u8[lane]
    slot: np.ndarray  # i8[lane]
    size_bytes: np.ndarray  # f8[lane]
    gain_db: np.ndarray  # f8[lane]
    wait_s: np.ndarray  # f8[lane, server]


@scalar
def reset(params, state, info, lane):
    state.slot[lane] = 0
    for server in range(params.servers):
        state.wait_s[lane, server] = 0.0
    draw_prompt(state, lane)


@scalar
def step(params, state, info, lane, action):
    server = chosen_server(params, state, lane)
    size_bytes, wait_s = np.float64(state.size_bytes[lane]), np.float64(state.wait_s[lane, server])
    here_s, service_s = HERE_S_PER_BYTE * size_bytes, EDGE_S_PER_BYTE * size_bytes
    on_air_s = air_time(params, state, lane)
    idle = on_air_s * (1.0 + params.s_per_joule * params.power_w) + service_s

    if action == HERE:
        delay_s, energy_j = here_s, 0.0
    else:
        delay_s, energy_j = on_air_s + wait_s + service_s, params.power_w * on_air_s
        state.wait_s[lane, server] = wait_s + service_s

    info[lane, REWARD_DELAY], info[lane, REWARD_ENERGY] = -delay_s, -params.s_per_joule * energy_j
    info[lane, DELAY], info[lane, ENERGY] = delay_s, energy_j
    info[lane, AT_EDGE] = np.float64(action == EDGE)
    info[lane, CEILING] = -min(here_s, idle)
    for each in range(params.servers):
        state.wait_s[lane, each] = max(0.0, np.float64(state.wait_s[lane, each]) - params.slot_s)
    state.slot[lane] += 1
    draw_prompt(state, lane)
    info[lane, WAIT] = state.wait_s[lane, chosen_server(params, state, lane)]
    return -(delay_s + params.s_per_joule * energy_j), False


@scalar
def observe(params, state, lane, row):
    row[0] = shown(params, 0, np.float64(state.size_bytes[lane]))
    row[1] = shown(params, 1, np.float64(state.gain_db[lane]))
    row[2] = shown(params, 2, np.float64(state.wait_s[lane, chosen_server(params, state, lane)]))


@scalar
def mask(params, state, lane, row):
    row[HERE] = True
    row[EDGE] = True


@scalar
def chosen_server(params, state, lane):
    """The server that would answer."""
    best = 0
    if params.order == LEAST:
        for server in range(1, params.servers):
            if state.wait_s[lane, server] < state.wait_s[lane, best]:
                best = server
    return best


@scalar
def air_time(params, state, lane):
    """s: sending the prompt at Shannon's bound."""
    gain = 10.0 ** (np.float64(state.gain_db[lane]) / 10.0)
    snr = params.power_w * gain / (params.bandwidth_hz * NOISE_W_PER_HZ)
    return 8.0 * np.float64(state.size_bytes[lane]) / (params.bandwidth_hz * log2(1.0 + snr))


@scalar
def draw_prompt(state, lane):
    key, slot = state.key[lane], state.slot[lane]
    state.size_bytes[lane] = LARGEST_BYTES * uniform(key, slot, PROMPT, 0)
    state.gain_db[lane] = 60.0 * uniform(key, slot, FADING, 0) - 120.0


def parameters(scenario: Any) -> PorchParams:
    """What the rules read."""
    values = {name: getattr(scenario, name) for name in PorchParams._fields[2:6]}
    order = {"least": LEAST, "first": FIRST}[scenario.order]
    return PorchParams(scenario.servers, order, **values, **scale_of(FIELDS)._asdict())


def allocate(params: PorchParams, lanes: int) -> PorchState:
    """Arrays for the lanes."""
    return PorchState(
        seed=np.zeros(lanes, np.uint64),
        episode=np.zeros(lanes, np.int64),
        key=np.zeros(lanes, np.uint64),
        slot=np.zeros(lanes, np.int64),
        size_bytes=np.zeros(lanes),
        gain_db=np.zeros(lanes),
        wait_s=np.zeros((lanes, params.servers)),
    )


def sentence(params: PorchParams, state: PorchState, lane: int, info: dict[str, Any]) -> str:
    """The last decision in words."""
    if state.slot[lane] == 0:
        return "no decision yet"
    return f"{'the edge' if info['at_edge'] else 'the phone'} answered in {info['delay_s']:.2f} s"


def picture(params: PorchParams, state: PorchState, lane: int, info: dict[str, Any]) -> np.ndarray:
    """The wait at the edge as a bar."""
    frame = np.full((40, 60, 3), 255, np.uint8)
    frame[:, : int(min(60.0, 10.0 * info["wait_s"]))] = 0
    return frame


TASK = Task(
    name="Porch",
    module=__name__,
    fields=FIELDS,
    info=NAMES,
    reward_parts=("reward_delay", "reward_energy"),
    sizes=("servers",),
    resolve=resolve,
    parameters=parameters,
    allocate=allocate,
    factors=lambda params: (2,),
    mover=mover_of(__name__, lane_mover(reset, step, observe, mask)),
    picture=picture,
    sentence=sentence,
    step_word="prompt",
)
