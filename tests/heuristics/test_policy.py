"""Policies that decide by the lanes, and policies that run in a world of their own."""

import gymnasium
import numpy as np
import pytest

from mei_gym import heuristics
from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics import make
from mei_gym.oracle.episodes import run
from mei_gym.oracle.seeds import lane_seeds
from mei_gym.scenarios.resolve import ScenarioError, overridden

STEPS = 24


def played(env, policy, seed):
    """Actions of a policy over a single environment's episode."""
    observation, _ = env.reset(seed=seed)
    actions = []
    for _ in range(STEPS):
        actions.append(int(policy.predict(observation)[0]))
        observation = env.step(actions[-1])[0]
    return actions


def test_a_policy_that_watches_predicts_what_it_decides(porch):
    env, policy = gymnasium.make(porch), make("planned", porch)
    policy.watch(env)
    lanes = Lanes(policy.world.task, policy.world.scenario, 1)
    actions = played(env, policy, 3)
    lanes.reset(lane_seeds([3]))
    decided = []
    for _ in range(STEPS):
        decided.append(int(policy.decide(lanes)[0]))
        lanes.step(np.array(decided[-1:]))
    assert set(actions) == {0, 1}
    assert actions == decided


def test_a_policy_watches_a_batch_and_an_sb3_vecenv_row_by_row(porch):
    sb3 = pytest.importorskip("mei_gym.envs.sb3")
    policy = make("planned", porch)
    batch, vecenv = gymnasium.make_vec(porch, num_envs=4), sb3.make_sb3_vec(porch, 4)
    vecenv.seed(5)
    seen = {batch: batch.reset(seed=5)[0], vecenv: vecenv.reset()}
    for _ in range(STEPS):
        actions = []
        for env in (batch, vecenv):
            policy.watch(env)
            actions.append(policy.predict(seen[env])[0])
            seen[env] = env.step(actions[-1])[0]
        assert np.array_equal(*actions)
    rows = np.array([3, 1])
    assert np.array_equal(policy.decide(batch.unwrapped.lanes, rows), policy.decide(batch.unwrapped.lanes)[rows])


def test_a_policy_that_was_shown_nothing_or_something_else_refuses_in_a_sentence(porch):
    policy = make("planned", porch)
    with pytest.raises(ValueError, match=r"^planned decides by the whole environment; show it one with watch\(env\)"):
        policy.predict(np.zeros(3))
    policy.watch(gymnasium.make_vec(porch, num_envs=4))
    with pytest.raises(ValueError, match=r"^planned was asked about 2 observations; it watches .* of 4 lanes"):
        policy.predict(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"^CartPoleEnv has no lanes to watch; an environment of mei_gym is accepted"):
        policy.watch(gymnasium.make("CartPole-v1"))
    with pytest.raises(ValueError, match=r"^planned is for Porch .*; the environment is SplitInference with actions"):
        policy.watch(gymnasium.make("mei/SplitInference-v0"))


def test_a_policy_of_observations_decides_by_the_rows_that_it_is_asked_about(porch):
    policy = make("shorter", porch)
    lanes = Lanes(policy.world.task, policy.world.scenario, 6)
    lanes.reset(lane_seeds(range(6)))
    everywhere = policy.decide(lanes)
    assert np.array_equal(everywhere, policy.choose(lanes.out.observation))
    assert np.array_equal(policy.decide(lanes, np.array([4, 0])), everywhere[[4, 0]])


def test_a_policy_of_its_own_world_runs_there_on_the_same_prompts(porch):
    place = heuristics.world(porch)
    one, own = make("shorter", place), make("first", place)
    assert one.world is place
    assert (place.scenario.order, own.world.scenario.order) == ("least", "first")
    assert make("first", own.world).world is own.world
    alike = make("shorter", porch, own.world.scenario)
    first, second, elsewhere = (run(each, range(4), STEPS) for each in (own, alike, one))
    assert np.array_equal(first.reward, second.reward)
    assert (first.reward < elsewhere.reward).any()
    ceiling = place.task.info.index("ceiling")
    assert np.array_equal(first.info[:, ceiling], elsewhere.info[:, ceiling])


def test_a_value_that_is_overridden_is_drawn_no_more_and_an_unknown_one_is_refused(porch):
    scenario = heuristics.world(porch, slot_s={"low": 0.1, "high": 0.3}, servers={"choices": [1, 2]}).scenario
    fixed = overridden(scenario, {"slot_s": 0.5})
    assert (fixed.slot_s, set(fixed.drawn)) == (0.5, {"servers"})
    assert overridden(scenario, {}) == scenario
    with pytest.raises(ScenarioError, match="There is no scenario value 'oder'; did you mean 'order'"):
        overridden(scenario, {"oder": "first"})
