"""One text of rules: every shell, every number of lanes and threads, and plain Python say the same."""

import copy
import os
import pickle
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import mei_gym  # noqa: F401 (registers the ids)

IDS = sorted(id for id in gymnasium.registry if id.startswith("mei/"))
TEXTS = ["mei/SplitInference-v0", "mei/EdgeCaching-v0", "mei/ModelDelivery-v0"]  # each a text of rules of its own
RULES = [*TEXTS, "mei/EdgeCachingEviction-v0"]
STEPS = 60

PLAIN_RUN = """
import sys
import warnings
import numpy as np
import gymnasium, mei_gym
warnings.filterwarnings("ignore", "overflow encountered", RuntimeWarning)
env = gymnasium.make(sys.argv[1], users=6, requests_per_s=6.0, disable_env_checker=True)
rng = np.random.default_rng(0)
rows = [env.reset(seed=5)[0]]
rewards, masks = [], []
for _ in range(30):
    action = rng.integers(0, env.action_space.n)
    masks.append(env.unwrapped.action_masks())
    if rng.random() < 0.7:
        action = rng.choice(np.flatnonzero(masks[-1]))
    observation, reward, _, _, info = env.step(action)
    rows.append(observation); rewards.append([reward, *(value for value in info.values() if isinstance(value, float))])
np.savez(sys.argv[2], observations=np.array(rows), rewards=np.array(rewards), masks=np.array(masks))
"""


def draw_actions(space: gymnasium.Space, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if isinstance(space, gymnasium.spaces.Discrete):
        return rng.integers(0, space.n, count)
    return rng.integers(0, space.nvec, (count, len(space.nvec)))


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("autoreset_mode", ["NextStep", "SameStep"])
def test_lane_i_seeded_s_is_the_single_environment_seeded_s_plus_i_through_resets(id, autoreset_mode):
    lanes, seed, limit = 3, 11, 17
    batch = gymnasium.make_vec(id, num_envs=lanes, autoreset_mode=autoreset_mode, max_episode_steps=limit)
    singles = [gymnasium.make(id, max_episode_steps=limit) for _ in range(lanes)]
    observations, infos = batch.reset(seed=seed)
    begun = [env.reset(seed=seed + lane) for lane, env in enumerate(singles)]
    ended = np.zeros(lanes, bool)
    for lane in range(lanes):
        assert np.array_equal(observations[lane], begun[lane][0])
    for step in range(STEPS):
        actions = draw_actions(batch.single_action_space, lanes, step)
        observations, rewards, _, truncated, infos = batch.step(actions)
        for lane, env in enumerate(singles):
            if autoreset_mode == "NextStep" and ended[lane]:
                observation, info = env.reset()
                reward, over = 0.0, False
            else:
                observation, reward, _, over, info = env.step(actions[lane])
                if autoreset_mode == "SameStep" and over:
                    assert np.array_equal(infos["final_obs"][lane], observation)
                    assert infos["final_info"]["time_s"][lane] == info["time_s"]
                    observation, info = env.reset()
            assert np.array_equal(observations[lane], observation)
            assert rewards[lane] == reward
            assert bool(truncated[lane]) == over
            assert infos["time_s"][lane] == info["time_s"]
            assert np.array_equal(infos["action_mask"][lane], info["action_mask"])
            ended[lane] = over


@pytest.mark.parametrize("id", TEXTS)
def test_any_number_of_threads_gives_the_same_result(id):
    results = []
    for threads in (1, 2):
        env = gymnasium.make_vec(id, num_envs=5, threads=threads, users=12)
        env.reset(seed=3)
        rows = [env.step(draw_actions(env.single_action_space, 5, step))[:2] for step in range(40)]
        results.append(rows)
    for (one, reward_one), (two, reward_two) in zip(*results):
        assert np.array_equal(one, two)
        assert np.array_equal(reward_one, reward_two)


@pytest.mark.parametrize("id", RULES)
def test_compiled_rules_equal_plain_python(tmp_path, id):
    files = []
    for disabled in ("0", "1"):
        file = tmp_path / f"{disabled}.npz"
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", PLAIN_RUN, id, str(file)]
        subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
        files.append(np.load(file))
    compiled, plain = files
    assert np.array_equal(compiled["masks"], plain["masks"])
    assert np.abs(compiled["observations"] - plain["observations"]).max() < 1e-6
    assert np.allclose(compiled["rewards"], plain["rewards"], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("id", RULES)
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_made_in_mid_episode_goes_on_like_the_original(clone, id):
    env = gymnasium.make(id).unwrapped
    env.reset(seed=4)
    for action in draw_actions(env.action_space, 20, 0):
        env.step(action)
    twin = clone(env)
    for action in draw_actions(env.action_space, 20, 1):
        first, second = env.step(action), twin.step(action)
        assert np.array_equal(first[0], second[0])
        assert first[1] == second[1]


def test_every_policy_on_a_seed_meets_the_same_requests():
    met = []
    for action in (0, 96):
        env = gymnasium.make("mei/SplitInference-v0")
        env.reset(seed=9)
        rows = [env.step(action)[4] for _ in range(50)]
        met.append([(row["time_s"], row["prompt_tokens"], row["answer_tokens"], row["uplink_bps"]) for row in rows])
    assert met[0] == met[1]


@pytest.mark.parametrize("id", RULES)
def test_the_same_seed_gives_the_same_episode_in_the_same_and_in_a_fresh_environment(id):
    env, fresh = gymnasium.make(id), gymnasium.make(id)
    first = env.reset(seed=21)[0]
    env.step(5)
    second = env.reset()[0]
    assert np.array_equal(env.reset(seed=21)[0], first)
    assert np.array_equal(fresh.reset(seed=21)[0], first)
    assert not np.array_equal(first, second)
