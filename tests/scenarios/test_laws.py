"""Values drawn anew each episode: their laws, their ends, and what they may not do."""

import gymnasium
import numpy as np
import pytest

import mei_gym  # noqa: F401 (registers the ids)
from mei_gym.scenarios.laws import drawn, ends, in_words, middle
from mei_gym.scenarios.resolve import ScenarioError, of_episode
from mei_gym.scenarios.split_inference import resolve

ID = "mei/SplitInference-v0"
DRAWN = {
    "requests_per_s": {"low": 5, "high": 25},
    "users": {"low": 20, "high": 40},
    "radio": {"round_trip_s": {"median": 0.02, "spread": 0.5}},
}


@pytest.mark.parametrize(
    ("law", "low", "half", "high"),
    [
        ({"low": 10.0, "high": 20.0}, 10.0, 15.0, 20.0),
        ({"low": 1.0, "high": 100.0, "law": "log_uniform"}, 1.0, 10.0, 100.0),
        ({"low": 3, "high": 5, "law": "integer"}, 3, 4, 5),
        ({"mean": 2.0, "sd": 0.5}, 0.5, 2.0, 3.5),
        ({"median": 2.0, "spread": 0.1}, 2.0 * np.exp(-0.3), 2.0, 2.0 * np.exp(0.3)),
        ({"median": 2.0, "spread": 0.1, "low": 1.9}, 1.9, 2.0, 2.0 * np.exp(0.3)),
    ],
)
def test_a_law_runs_from_end_to_end_through_its_middle(law, low, half, high):
    assert drawn(law, 0.0) == pytest.approx(low)
    assert middle(law) == pytest.approx(half)
    assert drawn(law, 1.0) == pytest.approx(high)
    assert ends(law) == (drawn(law, 0.0), drawn(law, 1.0))
    assert in_words(law).startswith(("uniform", "log_uniform", "integer", "normal", "lognormal"))


def test_an_integer_law_gives_each_number_an_equal_share():
    law = {"low": 3, "high": 6, "law": "integer"}
    values, counts = np.unique([drawn(law, u) for u in (np.arange(4000) + 0.5) / 4000], return_counts=True)
    assert values.tolist() == [3, 4, 5, 6]
    assert counts.tolist() == [1000] * 4


def test_the_nominal_scenario_holds_the_middles_and_its_dump_reads_back_the_same():
    scenario = resolve("default", DRAWN)
    assert (scenario.requests_per_s, scenario.users, scenario.radio.round_trip_s) == (15.0, 30, pytest.approx(0.02))
    assert set(scenario.drawn) == {"requests_per_s", "users", "radio.round_trip_s"}
    values = scenario.model_dump()
    del values["name"]
    assert resolve("default", values) == scenario


def test_a_value_that_is_given_again_is_drawn_no_longer(tmp_path):
    file = tmp_path / "city.yaml"
    file.write_text("extends: default\nrequests_per_s: {low: 1, high: 9}\nusers: {low: 3, high: 9}\n", encoding="utf-8")
    assert set(resolve(str(file), {"requests_per_s": 4.0}).drawn) == {"users"}
    assert resolve(str(file), {"users": {"low": 5, "high": 6}}).drawn["users"] == {
        "low": 5,
        "high": 6,
        "law": "integer",
    }


def test_an_episode_draws_within_the_ends_and_leaves_the_rest():
    scenario = resolve("default", DRAWN)
    world = of_episode(scenario, lambda name: (name % 1000) / 1000)
    assert 5 <= world.requests_per_s <= 25
    assert world.server == scenario.server
    assert world.drawn == scenario.drawn


WRONG = [
    ({"requests_per_s": {"low": -1, "high": 3}}, r"requests_per_s: .*greater than 0"),
    ({"requests_per_s": {"low": 4, "high": 3}}, r"requests_per_s: the law .* has a low above its high\."),
    ({"requests_per_s": {"low": 4}}, r"requests_per_s: the law .* is none of"),
    ({"requests_per_s": {"low": 0, "high": 3, "law": "log_uniform"}}, r"a low that is not positive"),
    ({"requests_per_s": {"low": 1, "high": "many"}}, r"has high 'many'; a number is accepted"),
    ({"users": {"low": 1.5, "high": 9}}, r"ends that are not whole"),
    ({"users": {"mean": 9, "sd": 2}}, r"not of whole numbers"),
    ({"server": {"device": {"choices": []}}}, r"needs a list of numbers or words"),
    ({"radio": {"round_trip_s": {"median": 0.0, "spread": 1.0}}}, r"a median that is not positive"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_a_law_that_could_draw_what_is_not_accepted_is_refused_at_once(wrong, said):
    with pytest.raises(ScenarioError, match=said) as refusal:
        resolve("default", wrong)
    assert "\n" not in str(refusal.value)


def test_a_draw_that_changes_the_actions_is_refused():
    with pytest.raises(ValueError, match=r"draws model, which changes the actions"):
        gymnasium.make(ID, model={"choices": ["Llama-2-7B", "Qwen2.5-1.5B"]})


@pytest.mark.parametrize("autoreset_mode", ["NextStep", "SameStep"])
def test_lanes_of_drawn_worlds_equal_the_single_environment_through_resets(autoreset_mode):
    batch = gymnasium.make_vec(ID, num_envs=3, max_episode_steps=7, autoreset_mode=autoreset_mode, **DRAWN)
    singles = [gymnasium.make(ID, max_episode_steps=7, **DRAWN) for _ in range(3)]
    observations, _ = batch.reset(seed=3)
    assert all(np.array_equal(observations[lane], env.reset(seed=3 + lane)[0]) for lane, env in enumerate(singles))
    ended = [False] * 3
    rng = np.random.default_rng(0)
    for _ in range(24):
        actions = rng.integers(0, batch.single_action_space.n, 3)
        observations, rewards, _, _, _ = batch.step(actions)
        for lane, env in enumerate(singles):
            if autoreset_mode == "NextStep" and ended[lane]:
                observation, reward, ended[lane] = env.reset()[0], 0.0, False
            else:
                observation, reward, _, ended[lane], _ = env.step(actions[lane])
                if autoreset_mode == "SameStep" and ended[lane]:
                    observation, _ = env.reset()
            assert np.array_equal(observations[lane], observation)
            assert rewards[lane] == reward
    worlds = batch.unwrapped.lanes.worlds
    assert len({world.arrival_base_per_s[0] for world in worlds}) == 3
    assert all(20 <= world.users <= 40 for world in worlds)


def test_sb3_lanes_of_drawn_worlds_go_on_from_where_they_were_saved():
    sb3 = pytest.importorskip("mei_gym.envs.sb3")
    first, second = (sb3.make_sb3_vec(ID, 2, max_episode_steps=9, **DRAWN) for _ in range(2))
    first.seed(5)
    first.reset()
    for _ in range(12):
        first.step(np.array([3, 0]))
    second.restore({name: array.copy() for name, array in first.arrays().items()})
    for _ in range(12):
        one, two = first.step(np.array([0, 3])), second.step(np.array([0, 3]))
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1])
