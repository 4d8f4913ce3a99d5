"""The batch shell: Gymnasium's three ways to go on after an episode's end, seeds, masks and refusals."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import mei_gym  # noqa: F401 (registers the ids)

ID, FACTORED = "mei/SplitInference-v0", "mei/SplitInferenceFactored-v0"
LANES, LIMIT = 3, 4


def batch(id: str = ID, lanes: int = LANES, **kwargs):
    return gymnasium.make_vec(id, num_envs=lanes, max_episode_steps=LIMIT, **kwargs)


def actions(value: int = 0, lanes: int = LANES) -> np.ndarray:
    return np.full(lanes, value, np.int64)


def test_next_step_shows_the_last_observation_then_begins_anew_without_reward():
    env = batch()
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    env.reset(seed=0)
    for _ in range(LIMIT - 1):
        assert not env.step(actions())[3].any()
    _, rewards, terminated, truncated, info = env.step(actions())
    assert truncated.all()
    assert not terminated.any()
    assert rewards.any()
    assert "final_obs" not in info
    end_s = info["time_s"]
    _, rewards, _, truncated, info = env.step(actions(5))
    assert not truncated.any()
    assert not rewards.any()
    assert (info["time_s"] < end_s).all()
    assert (info["cut"] == 0.0).all()
    assert env.step(actions())[1].any()


def test_same_step_begins_anew_at_once_and_hands_over_the_last_observation():
    env = batch(autoreset_mode="SameStep")
    env.reset(seed=0)
    for _ in range(LIMIT - 1):
        assert "final_obs" not in env.step(actions())[4]
    observation, rewards, _, truncated, info = env.step(actions())
    assert truncated.all()
    assert rewards.all()
    assert info["_final_obs"].all()
    assert info["_final_info"].all()
    assert (info["final_info"]["time_s"] > info["time_s"]).all()
    for lane in range(LANES):
        assert not np.array_equal(info["final_obs"][lane], observation[lane])
    assert set(info["final_info"]) == {name for name in info if not name.lstrip("_").startswith("final")}


def test_disabled_goes_on_until_the_chosen_lanes_are_reset():
    env = batch(autoreset_mode="Disabled")
    env.reset(seed=0)
    for _ in range(LIMIT):
        *_, truncated, before = env.step(actions())
    assert truncated.all()
    chosen = np.array([True, False, True])
    _, info = env.reset(options={"reset_mask": chosen})
    assert ((info["time_s"] < before["time_s"]) == chosen).all()
    assert info["time_s"][1] == before["time_s"][1]
    *_, truncated, info = env.step(actions())
    assert truncated.tolist() == [False, True, False]
    assert info["time_s"][1] > before["time_s"][1]


def test_a_reset_mask_with_seeds_starts_only_the_chosen_lanes_from_them():
    env, other = batch(), batch()
    first = env.reset(seed=7)[0]
    env.step(actions())
    left = env.step(actions())[0]
    mask = np.array([False, True, False])
    observation, _ = env.reset(seed=7, options={"reset_mask": mask})
    assert np.array_equal(observation[1], first[1])
    assert np.array_equal(observation[[0, 2]], left[[0, 2]])
    other.reset(seed=7)
    assert np.array_equal(env.step(actions(3))[0][1], other.step(actions(3))[0][1])


def test_a_reset_mask_of_another_shape_is_refused():
    env = batch()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"reset_mask has the shape \(2,\); \(3,\) is accepted\."):
        env.reset(options={"reset_mask": np.ones(2, bool)})


def test_lanes_differ_and_a_list_of_seeds_is_one_for_each():
    env = batch()
    observation, _ = env.reset(seed=5)
    listed, _ = env.reset(seed=[5, 7, 5])
    assert np.array_equal(listed[0], observation[0])
    assert np.array_equal(listed[1], observation[2])
    assert np.array_equal(listed[2], observation[0])
    assert not np.array_equal(observation[0], observation[1])
    with pytest.raises(ValueError, match="2 seeds were given; 3 are needed"):
        env.reset(seed=[1, 2])


def test_without_a_seed_a_reset_goes_on_in_the_lanes_series():
    env, other = batch(), batch()
    for each in (env, other):
        each.reset(seed=5)
    second = env.reset()[0]
    assert np.array_equal(second, other.reset()[0])
    assert not np.array_equal(second, env.reset()[0])


def test_arrays_that_were_returned_do_not_change_later():
    env = batch(autoreset_mode="SameStep")
    kept = [env.reset(seed=0)[0]]
    copies = [kept[0].copy()]
    for _ in range(2 * LIMIT):
        observation, rewards, _, _, info = env.step(actions())
        kept += [observation, rewards, info["time_s"], info["action_mask"]]
        copies += [array.copy() for array in (observation, rewards, info["time_s"], info["action_mask"])]
    assert all(np.array_equal(one, two) for one, two in zip(kept, copies))


def test_info_has_the_same_keys_at_reset_and_at_every_step():
    env = batch()
    _, first = env.reset(seed=0)
    for _ in range(2 * LIMIT):
        info = env.step(actions(40))[4]
        assert info.keys() == first.keys()
        assert all(len(value) == LANES for value in info.values())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros(2, np.int64), r"shape \(2,\); integers of shape \(3,\)"),
        (np.zeros((3, 1), np.int64), r"shape \(3, 1\)"),
        (np.zeros(3), r"float64 of shape \(3,\); integers"),
        (np.full(3, np.nan), "float64"),
        (np.array([0, 99, 0]), r"The action of lane 1 is 99; integers in \[0, 98\]"),
        (np.array([0, 0, -1]), r"The action of lane 2 is -1"),
        ([None, None, None], "object"),
    ],
)
def test_actions_outside_the_space_are_refused_and_nothing_moves(wrong, said):
    env = batch()
    env.reset(seed=0)
    before = env.unwrapped.lanes.state.clock_s.copy()
    with pytest.raises(ValueError, match=said):
        env.step(wrong)
    assert np.array_equal(env.unwrapped.lanes.state.clock_s, before)


def test_factored_actions_outside_the_space_are_refused():
    env = batch(FACTORED)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"of shape \(3,\); integers of shape \(3, 2\)"):
        env.step(actions())
    wrong = np.array([[0, 0], [32, 3], [0, 0]])
    with pytest.raises(ValueError, match=r"lane 1 is \[32 +3\]"):
        env.step(wrong)


def test_factored_masks_have_a_row_a_lane_and_are_never_all_false_in_a_part():
    env = batch(FACTORED, lanes=5)
    env.reset(seed=0)
    for step in range(40):
        info = env.step(np.tile([step % 33, step % 3], (5, 1)))[4]
        masks = env.unwrapped.action_masks()
        assert masks.shape == info["action_mask"].shape == (5, 36)
        assert masks[:, :33].any(1).all()
        assert masks[:, 33:].any(1).all()


@pytest.mark.parametrize(("kwargs", "parts"), [({}, (25, 3)), ({"eviction": "chosen"}, (25, 3, 25))])
def test_an_action_of_edge_caching_has_a_part_for_the_model_the_bits_and_the_victim(kwargs, parts):
    joint = batch("mei/EdgeCaching-v0", **kwargs)
    split = batch("mei/EdgeCachingFactored-v0", **kwargs)
    assert split.single_action_space == gymnasium.spaces.MultiDiscrete(parts)
    assert joint.single_action_space == gymnasium.spaces.Discrete(np.prod(parts))
    for env in (joint, split):
        env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(2 * LIMIT):
        action = rng.integers(0, parts, (LANES, len(parts)))
        one = joint.step(np.ravel_multi_index(tuple(action.T), parts))
        two = split.step(action)
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1])
        tables = joint.unwrapped.action_masks().reshape(LANES, *parts)
        masks = np.split(split.unwrapped.action_masks(), np.cumsum(parts)[:-1], axis=1)
        for part, mask in enumerate(masks):
            others = tuple(axis + 1 for axis in range(len(parts)) if axis != part)
            assert np.array_equal(mask, tables.any(axis=others))
            assert mask.any(axis=1).all()


@pytest.mark.parametrize(("name", "value"), [("num_envs", 0), ("threads", 0)])
def test_a_number_of_lanes_or_threads_below_one_is_refused(name, value):
    from mei_gym.registration import batch as make

    with pytest.raises(ValueError, match=f"{name} is 0; at least 1"):
        make("mei_gym.envs.split_inference", **{"num_envs": 1, name: value})


def test_an_unknown_autoreset_mode_is_refused():
    with pytest.raises(ValueError, match="Sometimes"):
        batch(autoreset_mode="Sometimes")


def test_the_batch_renders_a_sentence_or_a_picture_for_each_lane():
    words = batch(render_mode="ansi")
    frames = batch(render_mode="rgb_array")
    for env in (words, frames):
        env.reset(seed=0)
        env.step(actions(20))
    assert [type(each) for each in words.render()] == [str] * LANES
    assert [each.shape for each in frames.render()] == [(420, 720, 3)] * LANES


def test_gymnasiums_vector_wrappers_run_over_the_lanes():
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(batch())
    env.reset(seed=0)
    total = np.zeros(LANES)
    for _ in range(LIMIT):
        _, rewards, _, _, info = env.step(actions())
        total += rewards
    assert info["episode"]["l"].tolist() == [LIMIT] * LANES
    assert np.allclose(info["episode"]["r"], total, atol=1e-5)


def test_a_first_reset_begins_every_lane_whatever_its_mask_says():
    env, other = batch(), batch()
    observation, info = env.reset(seed=1, options={"reset_mask": np.array([True, False, False])})
    assert np.array_equal(observation, other.reset(seed=1)[0])
    assert (info["time_s"] > 0.0).all()
