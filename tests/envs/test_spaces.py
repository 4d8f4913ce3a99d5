"""Every id under every scenario keeps to its spaces, its page and the interface of Gymnasium and its clients."""

import importlib
import os
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mei_gym
from mei_gym.catalogue import ids, scenarios, task_of
from mei_gym.envs.task import LINEAR, meant, scale_of, shown
from mei_gym.envs.view import page

IDS = ids()
WORLDS = [(id, scenario) for id in IDS for scenario in scenarios(id)]
TASKS = sorted({task_of(id) for id in IDS})
DISCRETE = "mei/SplitInference-v0"
FACTORED = "mei/SplitInferenceFactored-v0"


@pytest.mark.parametrize(("id", "scenario"), WORLDS)
def test_gymnasiums_checker_finds_nothing(id, scenario):
    check_env(gymnasium.make(id, scenario=scenario).unwrapped)


@pytest.mark.parametrize(("id", "scenario"), WORLDS)
def test_stable_baselines_checker_finds_nothing(id, scenario):
    sb3 = pytest.importorskip("stable_baselines3.common.env_checker")
    sb3.check_env(gymnasium.make(id, scenario=scenario).unwrapped)


@pytest.mark.parametrize("id", IDS)
def test_every_number_of_an_observation_is_documented_with_its_unit_and_range(id):
    task = importlib.import_module(task_of(id)).TASK
    env = gymnasium.make(id)
    assert len(task.fields) == env.observation_space.shape[0]
    assert env.observation_space.dtype == np.float32
    assert (env.observation_space.low == 0.0).all()
    assert (env.observation_space.high == 1.0).all()
    assert len({field.name for field in task.fields}) == len(task.fields)
    for field in task.fields:
        assert field.unit, field.name
        assert field.low < field.high, field.name
        assert field.grain > 0.0, field.name
        assert len(field.meaning) > 10, field.name


@pytest.mark.parametrize("id", IDS)
def test_the_page_names_each_field_each_number_of_info_and_each_scenario_value(id):
    task = importlib.import_module(task_of(id)).TASK
    text = page(id)
    for field in task.fields:
        assert f" {field.name} " in text
        assert f"{field.low:g} .. {field.high:g}" in text
    for name in task.info:
        assert f"\n{name} " in text
    for key in set(type(task.resolve("default", {})).model_fields) - {"drawn"}:
        assert f"\n{key}" in text
    assert str(gymnasium.make(id).action_space) in text
    assert max(len(line) for line in text.splitlines()) <= 130


@pytest.mark.parametrize("task", TASKS)
def test_the_docstring_counts_the_numbers_of_the_observation_right(task):
    module = importlib.import_module(task)
    assert f"Observation: {len(module.TASK.fields)} numbers" in module.__doc__


@pytest.mark.parametrize("task", TASKS)
def test_every_field_turns_back_into_the_quantity_that_it_shows(task):
    fields = importlib.import_module(task).TASK.fields
    scale = scale_of(fields)
    for place, field in enumerate(fields):
        for share in (0.0, 0.1, 0.5, 1.0):
            value = field.low + share * (field.high - field.low)
            assert meant(scale, place, shown(scale, place, value)) == pytest.approx(value, rel=1e-9, abs=1e-12)
        assert shown(scale, place, 10.0 * field.high + 1.0) == 1.0
        assert shown(scale, place, field.low) == 0.0
        assert field.scale == LINEAR or field.low == 0.0


@pytest.mark.parametrize("id", IDS)
def test_info_has_the_same_keys_at_reset_and_at_every_step_and_plain_numbers(id):
    env = gymnasium.make(id)
    _, first = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(50):
        info = env.step(env.action_space.sample())[4]
        assert info.keys() == first.keys()
        for name, value in info.items():
            if name == "action_mask":
                assert value.dtype == bool
                assert value.ndim == 1
            else:
                assert type(value) is float, name


@pytest.mark.parametrize("id", IDS)
def test_reward_and_ends_have_the_types_that_clients_ask_for(id):
    env = gymnasium.make(id, max_episode_steps=3)
    env.reset(seed=0)
    env.action_space.seed(0)
    ends = []
    for _ in range(3):
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        assert type(reward) is float
        assert type(terminated) is bool
        assert terminated is False
        ends.append(truncated)
    assert ends == [False, False, True]


def test_an_episode_is_cut_after_1024_steps():
    assert all(gymnasium.spec(id).max_episode_steps == 1024 for id in IDS)


ENVIRONMENTS: dict[tuple[str, str], gymnasium.Env] = {}


def made(id: str, scenario: str) -> gymnasium.Env:
    """An environment that is made once, for a test that resets it again and again."""
    if (id, scenario) not in ENVIRONMENTS:
        ENVIRONMENTS[id, scenario] = gymnasium.make(id, scenario=scenario, max_episode_steps=20).unwrapped
    return ENVIRONMENTS[id, scenario]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    world=st.sampled_from([world for world in WORLDS if world[0] == DISCRETE]),
    seed=st.integers(0, 2**31),
    habits=st.lists(st.tuples(st.integers(0, 98), st.integers(1, 60)), min_size=1, max_size=8),
)
def test_whatever_is_done_and_for_however_long_the_observation_stays_in_its_space(world, seed, habits):
    env = made(*world)
    observation, info = env.reset(seed=seed)
    for action, times in habits:
        for _ in range(times):
            assert env.observation_space.contains(observation)
            assert info["action_mask"].any()
            observation, reward, _, _, info = env.step(action)
            assert np.isfinite(reward)
            assert all(np.isfinite(value).all() for value in info.values())
            assert min(info["device_energy_j"], info["elapsed_s"], info["kv_used"], info["unfinished"]) >= 0.0
            assert 0.0 <= info["battery"] <= 1.0
            assert 0.0 < info["device_speed"] <= 1.0
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize("action", range(0, 99, 14))
def test_stubborn_policies_stay_in_the_space_far_past_the_end_of_the_episode(action):
    env = made(DISCRETE, "default")
    observation, info = env.reset(seed=action)
    for _ in range(1500):
        observation, reward, terminated, _, info = env.step(action)
        assert env.observation_space.contains(observation)
        assert np.isfinite(reward)
        assert not terminated
    assert all(np.isfinite(value).all() for value in info.values())


def test_returned_arrays_belong_to_the_caller():
    env = gymnasium.make(DISCRETE).unwrapped
    observation, info = env.reset(seed=0)
    kept, mask = observation.copy(), info["action_mask"].copy()
    env.step(0)
    assert np.array_equal(observation, kept)
    assert np.array_equal(info["action_mask"], mask)
    info["action_mask"][:] = False
    assert env.action_masks().any()


OUTSIDE = [-1, 99, 0.5, float("nan"), float("inf"), None, "cut", "3", True, [0], [1, 2], np.array([3, 4])]
OUTSIDE_PARTS = [3, [3], [33, 0], [0, 3], [-1, 0], [0.0, 1.0], [float("nan"), 0], [[1, 1]], "a", None]


@pytest.mark.parametrize("action", OUTSIDE)
def test_an_action_outside_the_discrete_space_is_refused_in_a_sentence(action):
    env = gymnasium.make(DISCRETE).unwrapped
    observation, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match=r"^The action is .*; an integer in \[0, 98\] is accepted\.$"):
        env.step(action)
    assert env.lanes.out.elapsed[0] == 0


@pytest.mark.parametrize("action", OUTSIDE_PARTS)
def test_an_action_outside_the_factored_space_is_refused_in_a_sentence(action):
    env = gymnasium.make(FACTORED).unwrapped
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"^The action is .*; integers below \[33, 3\] are accepted\.$"):
        env.step(action)
    assert env.lanes.out.elapsed[0] == 0


def test_a_step_before_the_first_reset_is_refused():
    for id in IDS:
        env = gymnasium.make(id).unwrapped
        with pytest.raises(gymnasium.error.ResetNeeded, match=r"reset\(\)"):
            env.step(env.action_space.sample())
        batch = gymnasium.make_vec(id, num_envs=2)
        with pytest.raises(gymnasium.error.ResetNeeded, match=r"reset\(\)"):
            batch.step(batch.action_space.sample())


def test_the_factored_id_is_the_discrete_one_in_two_parts():
    joint, parts = gymnasium.make(DISCRETE).unwrapped, gymnasium.make(FACTORED).unwrapped
    by_keyword = gymnasium.make(DISCRETE, action_form="factored").unwrapped
    assert parts.action_space == by_keyword.action_space == gymnasium.spaces.MultiDiscrete([33, 3])
    for env in (joint, parts):
        env.reset(seed=1)
    rng = np.random.default_rng(0)
    for _ in range(100):
        cut, bits = int(rng.integers(33)), int(rng.integers(3))
        one, two = joint.step(3 * cut + bits), parts.step(np.array([cut, bits]))
        assert np.array_equal(one[0], two[0])
        assert one[1] == two[1]
        mask = two[4]["action_mask"]
        assert mask.shape == (36,)
        assert mask[:33].any()
        assert mask[33:].any()
        table = one[4]["action_mask"].reshape(33, 3)
        assert np.array_equal(mask, np.concatenate([table.any(1), table.any(0)]))


@pytest.mark.parametrize(("id", "scenario"), WORLDS)
def test_ansi_is_a_sentence_and_rgb_array_is_a_picture(id, scenario):
    words = gymnasium.make(id, scenario=scenario, render_mode="ansi")
    frames = gymnasium.make(id, scenario=scenario, render_mode="rgb_array")
    pictures = []
    for env in (words, frames):
        env.reset(seed=0)
        env.action_space.seed(0)
    for step in range(3):
        text, picture = words.render(), frames.render()
        assert isinstance(text, str)
        assert ("no decision yet" in text) == (step == 0)
        assert picture.dtype == np.uint8
        assert picture.shape == (420, 720, 3)
        pictures.append(picture)
        action = words.action_space.sample()
        for env in (words, frames):
            env.step(action)
    assert not np.array_equal(pictures[0], pictures[1])


def test_an_unknown_render_mode_is_refused():
    with pytest.raises(ValueError, match=r"render_mode is 'human'; it can be None or one of ansi, rgb_array\."):
        mei_gym_single(render_mode="human")


def mei_gym_single(**kwargs) -> gymnasium.Env:
    """The environment without Gymnasium's own look at the arguments."""
    from mei_gym.registration import single

    return single(task_of(DISCRETE), **kwargs)


def test_rendering_without_a_mode_says_so_and_returns_nothing():
    env = mei_gym_single()
    env.reset(seed=0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert env.render() is None
    assert any("render_mode" in str(each.message) for each in said)


def test_registering_twice_is_harmless():
    before = {id: gymnasium.spec(id) for id in IDS}
    mei_gym.registration.register_environments()
    gymnasium.register_envs(mei_gym)
    assert {id: gymnasium.spec(id) for id in IDS} == before


def test_an_environment_can_be_rebuilt_from_its_specs_json_and_by_module_and_id():
    from gymnasium.envs.registration import EnvSpec

    env = gymnasium.make(DISCRETE, scenario="mobile_health", users=8)
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    by_module = gymnasium.make(f"mei_gym:{DISCRETE}", scenario="mobile_health", users=8)
    first = env.reset(seed=5)[0]
    assert np.array_equal(again.reset(seed=5)[0], first)
    assert np.array_equal(by_module.reset(seed=5)[0], first)


@pytest.mark.parametrize("id", [DISCRETE, "mei/EdgeCaching-v0"])
def test_an_episode_does_not_depend_on_the_process_or_on_its_hash_seed(id):
    code = (
        f"import gymnasium, mei_gym, hashlib; e = gymnasium.make({id!r}); o, _ = e.reset(seed=3)\n"
        "h = hashlib.sha256(o.tobytes())\n"
        "for a in range(60): h.update(e.step(a)[0].tobytes())\n"
        "print(h.hexdigest())"
    )
    digests = []
    for hash_seed in ("0", "4242"):
        run = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        digests.append(run.stdout.strip())
    assert digests[0] == digests[1] != ""
