import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

import mei_gym.heuristics
from agents import evaluate
from agents.contenders import HEURISTIC, LEARNED, Contender, Result, heuristic_names, heuristics, played
from agents.episodes import from_plain, play
from agents.experiment import CONFIGS, load
from agents.learners.model_file import ModelFileError, load_model, new_policy, save_model
from agents.reports.comparison import compare, to_markdown, verdict
from agents.reports.scale import scale_of
from agents.runs import Run, grouped
from agents.seeds import test_seeds as seeds_for_test
from agents.seeds import training_seed, validation_seeds
from agents.world import World, index_fields
from mei_gym.oracle.episodes import run
from mei_gym.oracle.results import shipped

WORLD = World("mei/SplitInference-v0", "default", {})


@pytest.fixture(scope="module")
def edge_only():
    return played(heuristics(WORLD, ["edge_only"]), WORLD, validation_seeds(2))[0]


def with_scores(result, name, kind, *rows):
    """The result with other scores, one row a run."""
    summaries = tuple(result.summaries[0]._replace(score=np.array(row, float)) for row in rows)
    return Result(name, kind, tuple(map(str, range(len(rows)))), summaries, 5000 if kind == LEARNED else 0)


def test_ranges_of_seeds_never_meet():
    lanes = {training_seed(run) + lane for run in (0, 1, 99) for lane in (0, 9_999)}
    assert max(lanes) < min(validation_seeds(1_000_000)) <= max(validation_seeds(1_000_000)) < min(seeds_for_test(1))
    with pytest.raises(ValueError, match="0 to 99 are accepted"):
        training_seed(100)


def test_a_policy_is_scored_as_the_oracle_scores_it():
    policy = mei_gym.heuristics.make("neurosurgeon", WORLD.environment)
    mine, theirs = play(policy, WORLD, validation_seeds(3)), run(policy, validation_seeds(3))
    np.testing.assert_allclose(mine.score, theirs.reward, rtol=1e-12)
    np.testing.assert_allclose(sum(mine.parts.values()), mine.score, atol=1e-5)


def test_episodes_do_not_depend_on_how_many_are_played_side_by_side(monkeypatch):
    policy = mei_gym.heuristics.make("edge_only", WORLD.environment)
    together = play(policy, WORLD, validation_seeds(3))
    monkeypatch.setattr("agents.episodes.LANES", 2)
    apart = play(policy, WORLD, validation_seeds(3))
    assert together.score.tolist() == apart.score.tolist()
    assert together.spreads["ttft_s"].tolist() == apart.spreads["ttft_s"].tolist()
    assert together.decided.count.tolist() == apart.decided.count.tolist()


def test_a_summary_survives_json_to_seven_digits(edge_only):
    summary = edge_only.summaries[0]
    back = from_plain(summary.plain())
    np.testing.assert_allclose(back.score, summary.score, rtol=1e-6)
    assert back.decided.count.tolist() == summary.decided.count.tolist()
    assert summary.decided.count.sum() == 2 * 1024
    assert back.seeds == summary.seeds


def test_the_comparison_says_who_wins_and_by_how_much(edge_only):
    weak = with_scores(edge_only, "weak", HEURISTIC, [0.0, 0.2])
    strong = with_scores(edge_only, "strong", HEURISTIC, [0.5, 0.9])
    agent = with_scores(edge_only, "agent", LEARNED, [0.4, 0.8], [0.6, 1.0])
    comparison = compare([agent, weak, strong], WORLD)
    assert [row.policy for row in comparison.rows] == ["agent", "strong", "weak"] or comparison.rows[
        0
    ].mean.value == 0.7
    pairs = {pair.heuristic: pair for pair in comparison.pairs}
    assert pairs["weak"].difference.value == pytest.approx(0.6)
    assert pairs["strong"].difference.value == pytest.approx(0.0)
    assert pairs["strong"].improvement.value == pytest.approx(0.5)
    assert pairs["weak"].improvement == (1.0, 1.0, 1.0)
    assert "agent cannot be told apart from strong, the best heuristic on these episodes" in verdict(comparison)
    assert "agent (2 x 5,000 requests)" in to_markdown(comparison)


def test_a_loss_is_called_a_loss(edge_only):
    agent = with_scores(edge_only, "agent", LEARNED, [0.1, 0.3])
    rival = with_scores(edge_only, "rival", HEURISTIC, [0.2, 0.4])
    assert verdict(compare([agent, rival], WORLD)).startswith(
        "agent loses to rival, the best heuristic on these episodes: -0.1000"
    )


def test_policies_on_other_seeds_are_not_compared(edge_only):
    other = edge_only._replace(summaries=(edge_only.summaries[0]._replace(seeds=[1, 2]),), name="other")
    with pytest.raises(ValueError, match="other was played on other seeds than edge_only"):
        compare([edge_only, other], WORLD)


def test_an_unknown_heuristic_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match="did you mean 'neurosurgeon'"):
        heuristics(WORLD, ["neurosurgon"])


def test_a_masked_policy_is_never_corrected(tmp_path):
    summary = play(untrained("maskable_ppo", tmp_path), WORLD, validation_seeds(1), deterministic=False)
    assert summary.measures["corrected"].max() == 0.0


def test_evaluate_compares_the_heuristics_of_a_config(tmp_path, capsys):
    words = [str(CONFIGS / "experiments" / "split_inference.yaml"), "--episodes", "2", "--out", str(tmp_path)]
    assert evaluate.main([*words, "--policies", "edge_only,random"]) == 0
    assert "edge_only" in capsys.readouterr().out
    assert len((tmp_path / "comparison.csv").read_text("utf-8").splitlines()) == 3


def untrained(algorithm, folder):
    """A policy that was saved and loaded again without training."""
    experiment = load(CONFIGS / "experiments" / "split_inference.yaml", [f"algorithm={algorithm}"])
    env = WORLD.batch(1)
    torch.manual_seed(0)
    policy = new_policy(
        experiment, env.single_observation_space, env.single_action_space, index_fields(env.task.fields)
    )
    save_model(folder / "model.zip", policy, experiment, 7)
    return load_model(folder / "model.zip")


@pytest.mark.parametrize("algorithm", ["ppo", "dqn", "maskable_ppo"])
def test_a_saved_policy_decides_as_before(algorithm, tmp_path):
    one = untrained(algorithm, tmp_path)
    two = load_model(tmp_path / "model.zip")
    seen = np.random.default_rng(0).random((50, one.policy.observation_space.shape[0]), np.float32)
    masks = {"action_masks": np.ones((50, one.policy.action_space.n), bool)} if one.masked else {}
    assert one.predict(seen, **masks)[0].tolist() == two.predict(seen, **masks)[0].tolist()
    assert two.steps == 7


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a model file was run')",))


@pytest.mark.parametrize("damage", ["trap", "half", "no json", "foreign", "text", "other network"])
def test_a_foreign_or_damaged_model_is_refused_and_runs_nothing(damage, tmp_path):
    untrained("ppo", tmp_path)
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if damage == "trap":
        parts["policy.pth"] = pickle.dumps(Trap())
    elif damage == "no json":
        del parts["model.json"]
    elif damage == "foreign":
        parts["model.json"] = b'{"policy_class": {":serialized:": "gAWV"}}'
    elif damage == "other network":
        parts["model.json"] = parts["model.json"].replace(b"128", b"64")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    whole = data.getvalue()
    path.write_bytes(whole[: len(whole) // 2] if damage == "half" else b"model" if damage == "text" else whole)
    with pytest.raises(ModelFileError) as refusal:
        load_model(path)
    assert "\n" not in str(refusal.value)


def test_a_contender_of_several_runs_is_played_run_by_run():
    policies = tuple(mei_gym.heuristics.make(name, WORLD.environment) for name in ("edge_only", "device_only"))
    result = played([Contender("both", LEARNED, policies, ("a", "b"))], WORLD, validation_seeds(1))[0]
    assert len(result.summaries) == 2
    assert result.summaries[0].measures["cut"][0] < result.summaries[1].measures["cut"][0]


def test_runs_that_differ_in_more_than_their_seed_are_not_one_policy(tmp_path):
    one = load(CONFIGS / "experiments" / "split_inference.yaml")
    for settings, words in (["steps=5", "seed=1"], "differ in steps"), ([], "the same training seed, 0"):
        two = load(CONFIGS / "experiments" / "split_inference.yaml", settings)
        with pytest.raises(ValueError, match=words):
            grouped([Run(tmp_path / "one", one), Run(tmp_path / "two", two)])


def test_without_tuned_heuristics_the_comparison_says_so(edge_only):
    agent = with_scores(edge_only, "agent", LEARNED, [0.1, 0.3])
    assert "stronger ones may exist" in to_markdown(compare([agent, edge_only], WORLD))
    assert "best_static" in heuristic_names(WORLD)


def test_clairvoyant_and_bound_are_shown_only_beside_the_rewards_that_their_table_has():
    rows = {row["policy"]: row["reward"] for row in shipped(WORLD.environment, WORLD.scenario)}
    right = {"edge_only": np.full((1, 40), rows["edge_only"]), "agent": np.full((2, 40), 0.6)}
    scale = scale_of(WORLD, 2_000_000, right)
    assert scale is not None
    assert (scale.best, scale.unreachable["bound"]) == ("agent", rows["bound"])
    assert scale_of(WORLD, 2_000_000, right | {"edge_only": right["edge_only"] + 0.01}) is None
    assert scale_of(WORLD, 5, right) is None
