"""The SB3 shell: what Stable-Baselines3 expects of a `VecEnv`, held against SB3's own over single environments."""

import gymnasium
import numpy as np
import pytest

import mei_gym  # noqa: F401 (registers the ids)

pytest.importorskip("stable_baselines3")

from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from mei_gym.envs.sb3 import make_sb3_vec

ID, FACTORED = "mei/SplitInference-v0", "mei/SplitInferenceFactored-v0"
LANES, LIMIT = 3, 7


def lanes(id: str = ID, **kwargs):
    return make_sb3_vec(id, LANES, max_episode_steps=LIMIT, **kwargs)


def random_actions(env, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if isinstance(env.action_space, gymnasium.spaces.Discrete):
        return rng.integers(0, env.action_space.n, LANES)
    return rng.integers(0, env.action_space.nvec, (LANES, len(env.action_space.nvec)))


@pytest.mark.parametrize("id", [ID, FACTORED, "mei/EdgeCaching-v0", "mei/EdgeCachingEviction-v0"])
def test_it_does_what_sb3s_own_vecenv_does_over_single_environments(id):
    ours = lanes(id, every_step=True)
    theirs = DummyVecEnv([lambda: Monitor(gymnasium.make(id, max_episode_steps=LIMIT)) for _ in range(LANES)])
    for env in (ours, theirs):
        env.seed(5)
    assert np.array_equal(ours.reset(), theirs.reset())
    ends = 0
    for step in range(3 * LIMIT + 2):
        actions = random_actions(ours, step)
        one, two = ours.step(actions), theirs.step(actions)
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1])
        assert one[1].dtype == two[1].dtype == np.float32
        assert np.array_equal(one[2], two[2])
        for mine, its in zip(one[3], two[3]):
            assert mine["time_s"] == its["time_s"]
            assert ("terminal_observation" in mine) == ("terminal_observation" in its)
            if "terminal_observation" in its:
                ends += 1
                assert np.array_equal(mine["terminal_observation"], its["terminal_observation"])
                assert mine["TimeLimit.truncated"] is its["TimeLimit.truncated"] is True
                assert mine["episode"]["l"] == its["episode"]["l"] == LIMIT
                assert mine["episode"]["r"] == pytest.approx(its["episode"]["r"], abs=1e-5)
    assert ends == 3 * LANES


def test_an_episodes_sums_are_those_of_its_steps():
    env = lanes(every_step=True)
    env.reset()
    rewards, parts = np.zeros(LANES), np.zeros(LANES)
    for step in range(LIMIT):
        _, reward, done, infos = env.step(random_actions(env, step))
        rewards += reward
        parts += [info["reward_ttft"] for info in infos]
    assert done.all()
    for lane, info in enumerate(infos):
        assert info["episode"]["r"] == pytest.approx(rewards[lane], abs=1e-5)
        assert info["episode"]["sums"]["reward_ttft"] == pytest.approx(parts[lane], abs=1e-9)
        named = sum(info["episode"]["sums"][name] for name in env.batch.task.reward_parts)
        assert named == pytest.approx(info["episode"]["r"], abs=1e-9)
    assert env.step(random_actions(env, 0))[3][0].get("episode") is None


def test_infos_are_empty_but_at_an_episodes_end():
    env = lanes()
    env.reset()
    for step in range(LIMIT):
        infos = env.step(random_actions(env, step))[3]
        assert [bool(info) for info in infos] == [step == LIMIT - 1] * LANES


def test_masks_come_as_rows_of_one_array_for_the_lanes_that_are_asked():
    env = lanes()
    env.seed(1)
    env.reset()
    rows = env.env_method("action_masks")
    assert len(rows) == LANES
    assert all(row.shape == (99,) and row.any() for row in rows)
    one = env.env_method("action_masks", indices=[2])
    assert len(one) == 1
    assert np.array_equal(one[0], rows[2])
    assert env.has_attr("action_masks")
    assert np.array_equal(np.stack(rows), env.batch.action_masks())


def test_a_seed_gives_the_same_first_observations_and_is_used_once():
    env, other = lanes(), lanes()
    env.seed(3)
    other.seed(3)
    first = env.reset()
    assert np.array_equal(first, other.reset())
    assert not np.array_equal(first, env.reset())


def test_lanes_that_were_saved_go_on_as_if_nothing_had_happened():
    env, other = lanes(), lanes()
    env.seed(3)
    env.reset()
    for step in range(LIMIT + 2):
        env.step(random_actions(env, step))
    saved = {name: array.copy() for name, array in env.arrays().items()}
    other.restore(saved)
    for step in range(2 * LIMIT):
        one, two = (each.step(random_actions(each, 100 + step)) for each in (env, other))
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1])
        ended = [lane for lane in range(LANES) if one[2][lane]]
        assert all(one[3][lane]["episode"]["r"] == two[3][lane]["episode"]["r"] for lane in ended)


def test_a_save_of_other_lanes_is_refused_by_name():
    env = lanes()
    saved = {name: array.copy() for name, array in env.arrays().items()}
    saved.pop("state.clock_s")
    with pytest.raises(ValueError, match=r"The lanes' state\.clock_s is missing; float64\[3\] is needed\."):
        env.restore(saved)
    few = make_sb3_vec(ID, 2).arrays()
    with pytest.raises(ValueError, match=r"is needed"):
        env.restore(few)


def test_sb3s_wrappers_run_over_the_lanes_and_pictures_come_one_a_lane():
    env = VecNormalize(lanes(render_mode="rgb_array"), norm_obs=False)
    env.reset()
    for step in range(LIMIT + 1):
        env.step(random_actions(env, step))
    assert [image.shape for image in env.get_images()] == [(420, 720, 3)] * LANES
    env.close()
