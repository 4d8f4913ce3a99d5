"""The shells on an environment that they know only by its Task."""

import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

sb3 = pytest.importorskip("mei_gym.envs.sb3", reason="Stable-Baselines3 is not installed")


def test_gymnasiums_checker_finds_nothing(porch):
    check_env(gymnasium.make(porch).unwrapped)


def test_every_lane_of_a_batch_and_of_a_vecenv_is_the_single_environment_through_its_ends(porch):
    batch = gymnasium.make_vec(porch, num_envs=3, autoreset_mode="SameStep")
    vecenv = sb3.make_sb3_vec(porch, 3)
    singles = [gymnasium.make(porch) for _ in range(3)]
    batch.reset(seed=7)
    vecenv.seed(7)
    vecenv.reset()
    for lane, env in enumerate(singles):
        env.reset(seed=7 + lane)
    chance = np.random.default_rng(0)
    ends = 0
    for _ in range(150):
        actions = chance.integers(0, 2, 3)
        shown, reward, _, truncated, _ = batch.step(actions)
        seen, paid, done, _ = vecenv.step(actions)
        assert np.array_equal(shown, seen)
        assert np.array_equal(truncated, done)
        for lane, env in enumerate(singles):
            observation, own, _, end, _ = env.step(actions[lane])
            assert (own, end) == (reward[lane], truncated[lane])
            assert paid[lane] == np.float32(own)
            observation = env.reset()[0] if end else observation
            assert np.array_equal(observation, shown[lane])
            ends += end
    assert ends == 6


def test_a_pickled_environment_goes_on_and_has_the_same_task(porch):
    env = gymnasium.make(porch).unwrapped
    env.reset(seed=1)
    twin = pickle.loads(pickle.dumps(env))
    assert twin.task is env.task
    for action in (1, 0, 1, 1):
        one, two = env.step(action), twin.step(action)
        assert np.array_equal(one[0], two[0])
        assert one[1] == two[1]


def test_drawn_sizes_make_room_for_the_largest_world(porch):
    env = gymnasium.make(porch, servers={"choices": [1, 3]})
    assert env.unwrapped.lanes.state.wait_s.shape == (1, 3)
    seen = set()
    for seed in range(12):
        env.reset(seed=seed)
        seen.add(env.unwrapped.lanes.params_of(0).servers)
    assert seen == {1, 3}
    with pytest.raises(ValueError, match="servers"):
        gymnasium.make(porch, servers=9)
