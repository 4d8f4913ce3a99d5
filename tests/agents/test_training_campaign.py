import pytest

from agents import campaign, evaluate, report
from agents.campaigns import load_campaign, matrix
from agents.experiment import CONFIGS, ExperimentError
from agents.storage import read_json

MAIN = CONFIGS / "campaigns" / "split_inference.yaml"


def test_the_campaign_that_ships_trains_every_learner_with_five_seeds():
    loaded = load_campaign(MAIN)
    runs = dict(matrix(loaded, MAIN, "default"))
    assert len(runs) == 15
    assert {experiment.algorithm for experiment in runs.values()} == {"ppo", "dqn", "maskable_ppo"}
    assert sorted({experiment.seed for experiment in runs.values()}) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\nexperiments: [a]\nsedes: [1]", "did you mean 'seeds'"),
        ("name: x\nexperiments: []", "experiments"),
        ("name: x\nexperiments: [a]\nseeds: [-1]", "seeds.0"),
    ],
)
def test_a_wrong_campaign_is_refused_in_one_sentence(text, words, tmp_path):
    path = tmp_path / "campaign.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ExperimentError) as refusal:
        load_campaign(path)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_campaign_trains_compares_and_goes_on_where_it_was(tiny, tmp_path, capsys):
    experiments, campaigns = tmp_path / "experiments", tmp_path / "campaigns"
    experiments.mkdir()
    campaigns.mkdir()
    for path in tiny.parent.glob("*.yaml"):
        (experiments / path.name).write_text(path.read_text("utf-8"), "utf-8")
    config = campaigns / "two.yaml"
    config.write_text("name: two\nexperiments: [tiny]\nseeds: [0, 1]\n", "utf-8")
    small = ["steps=1024", "evaluation.validation_episodes=1", "evaluation.test_episodes=2"]
    words = [str(config), "--out", str(tmp_path / "runs"), "--results", str(tmp_path / "kept")]
    words += [word for setting in small for word in ("--set", setting)]
    assert campaign.main(words) == 0
    kept = tmp_path / "kept" / "default"
    rows = {row["policy"]: row for row in read_json(kept / "comparison.json")["policies"]}
    assert rows["MaskablePPO"]["runs"] == 2
    assert {path.name for path in kept.glob("*.png")} == {
        "learning.png",
        "parts.png",
        "decisions.png",
        "latency_energy.png",
    }
    assert len(read_json(kept / "curves.json")["curves"]) == 2

    capsys.readouterr()
    assert campaign.main(words) == 0
    assert capsys.readouterr().out.count("is finished.") == 2

    runs = [str(tmp_path / "runs" / "default" / f"tiny_seed{seed}") for seed in (0, 1)]
    out = ["--out", str(tmp_path / "again")]
    assert evaluate.main([*runs, "--episodes", "2", "--policies", "learned,edge_only", *out]) == 0
    again = {row["policy"]: row for row in read_json(tmp_path / "again" / "comparison.json")["policies"]}
    assert again["MaskablePPO"]["mean"] == rows["MaskablePPO"]["mean"]
    assert report.main([*runs, "--results", str(tmp_path / "again"), *out]) == 0
    assert (tmp_path / "again" / "report.html").stat().st_size > 50_000


def test_runs_of_different_worlds_are_not_compared(tiny):
    from agents.experiment import load
    from agents.runs import Run, common_world

    one, two = load(tiny), load(tiny, ["overrides={users: 12}"])
    with pytest.raises(ValueError, match="compare runs of one world"):
        common_world([Run(tiny, one), Run(tiny, two)])
