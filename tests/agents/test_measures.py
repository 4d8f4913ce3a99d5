"""Measures: means over what was counted, of the steps that an episode has."""

import numpy as np
import pytest

from agents.episodes import play
from agents.measures import Measure, measured, told
from agents.measures.edge_caching import DESCRIPTION as CACHING
from agents.world import World
from mei_gym.heuristics import make

NAMES = ("value", "a", "b", "left")
#: One episode of three steps, the last of them after its end.
NUMBERS = np.array([[[4.0, 1.0, 1.0, 0.0]], [[1.0, 0.0, 1.0, 3.0]], [[0.0, 0.0, 0.0, 3.0]]], np.float32)
GOING = np.array([[True], [True], [False]])


def of(*measure) -> float:
    return float(measured((Measure("it", "", "", *measure),), NUMBERS, NAMES, GOING)["it"][0])


def test_a_mean_is_weighted_by_what_each_step_stands_for_and_several_counts_are_added_up():
    assert told(NUMBERS, NAMES, ("a", "b"))[:, 0].tolist() == [2.0, 1.0, 0.0]
    assert of("value", ("a", "b"), ("a", "b")) == 3.0  # (4 x 2 + 1 x 1) / 3
    assert of("value", "a", "a") == 4.0


def test_a_sum_is_shared_among_the_steps_until_the_end_and_none_after_it():
    assert of("value", None, None) == 2.5
    assert of("left", None, "b", True) == 3.0  # nothing was counted in the last step: the value itself
    assert of("left", None, None, True) == 1.5


def test_requests_that_nobody_answers_do_not_make_the_answers_of_the_others_faster():
    names = CACHING.task.info
    numbers = np.zeros((2, 1, len(names)))
    for step, values in enumerate(
        ({"requests": 4, "lost": 3, "cloud": 1, "latency_s": 2.0, "quality_loss": 0.0},
         {"requests": 3, "lost": 1, "local": 1, "relayed": 1, "latency_s": 0.5, "quality_loss": 0.03})
    ):  # fmt: skip
        for name, value in values.items():
            numbers[step, 0, names.index(name)] = value
    found = measured(CACHING.measures, numbers, names, np.ones((2, 1), bool))
    assert found["latency_s"][0] == pytest.approx((2.0 + 2 * 0.5) / 3)
    assert found["quality_loss"][0] == pytest.approx(2 * 0.03 / 3)
    assert found["lost"][0] == pytest.approx(4 / 7)


def test_nothing_is_decided_after_an_episodes_end():
    world = World("mei/ModelDelivery-v0", "default", {"requests": 6})
    policy, env, steps = make("air_aware", world.environment), world.batch(2), 0
    summary = play(policy, world, [0, 1])
    env.reset(seed=[0, 1])
    while not env.lanes.out.terminated.all():
        steps += int((~env.lanes.out.terminated).sum())
        env.lanes.step(policy.choose(env.lanes.out.observation))
    assert summary.decided.count.sum() == steps < 200
