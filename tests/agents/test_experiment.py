from pathlib import Path

import pytest

from agents.experiment import CONFIGS, ExperimentError, PolicyGradient, checked, load, settings_tree

MAIN = CONFIGS / "experiments" / "split_inference.yaml"


@pytest.mark.parametrize("path", sorted((CONFIGS / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_that_ships_resolves_and_survives_json(path):
    experiment = load(path)
    assert checked(experiment.model_dump(mode="json")) == experiment


def test_a_setting_reaches_the_innermost_key_and_later_ones_win():
    experiment = load(MAIN, ["hyperparameters.network.hidden=[16]", "steps=1e6", "steps=2_000", "algorithm=ppo"])
    assert experiment.hyperparameters.network.hidden == (16,)
    assert (experiment.steps, experiment.algorithm, experiment.hyperparameters.learner) == (2000, "ppo", "ppo")


def test_the_algorithm_file_gives_what_the_experiment_leaves_out():
    dqn = load(MAIN, ["algorithm=dqn", "hyperparameters.gamma=0.5"])
    assert dqn.hyperparameters.learner == "dqn"
    assert dqn.hyperparameters.gamma == 0.5
    assert isinstance(load(MAIN).hyperparameters, PolicyGradient)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("stepz=3", "did you mean 'steps'"),
        ("hyperparameters.learning_rat=1", "did you mean 'learning_rate'"),
        ("hyperparameters.network.hiden=[3]", "did you mean 'hidden'"),
        ("evaluation.every_step=3", "did you mean 'every_steps'"),
        ("algorithm=maskable_pp", "did you mean 'maskable_ppo'"),
        ("scenario=defualt", "default"),
        ("environment=mei/SplitInferenc-v0", "mei/SplitInference-v0"),
        ("steps=-1", "steps: input should be greater than or equal to 1"),
        ("steps=.nan", "steps: "),
        ("hyperparameters.gamma=2", "hyperparameters.gamma: input should be less than or equal to 1"),
        ("hyperparameters=3", "a mapping is needed"),
        ("hyperparameters.batch_size=1e9", "lanes x n_steps is only"),
        ("name=../elsewhere", "name: "),
        ("steps", "is not of the form a.b=value"),
        ("steps=[", "is not YAML"),
        ("seed=1000", "seed: "),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(setting, words):
    with pytest.raises(ValueError, match=r".") as refusal:
        load(MAIN, [setting])
    message = str(refusal.value)
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text",
    [
        "- a list",
        "just text",
        "a: !!python/object/apply:os.system [true]",
        "a: [",
        "extends: nothing",
        "\x00",
        "x: &a [*a]\n",
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(text, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ExperimentError) as refusal:
        load(path)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_names_the_nearest_one():
    with pytest.raises(ExperimentError, match=r"did you mean .*split_inference\.yaml"):
        load(MAIN.with_name("split_inferense.yaml"))


def test_a_file_that_extends_itself_is_refused(tmp_path):
    path = tmp_path / "self.yaml"
    path.write_text("extends: self\nname: self\n", "utf-8")
    with pytest.raises(ExperimentError, match="extends itself"):
        load(path)


def test_settings_of_one_branch_are_merged():
    assert settings_tree(["a.b=1", "a.c=[2]", "d=x"]) == {"a": {"b": 1, "c": [2]}, "d": "x"}


def test_configs_hold_no_path_of_a_machine():
    for path in sorted(Path(CONFIGS).rglob("*.yaml")):
        assert "/home" not in path.read_text("utf-8")
