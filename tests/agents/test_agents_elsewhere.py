"""Agents on an environment that they know only by its Description: train, evaluate, report, dashboard."""

import csv
import json
import re

import gymnasium
import numpy as np
import pytest

from agents import evaluate, report, train
from agents.contenders import heuristic_names, heuristics, played
from agents.dashboards.tensorboard import layout
from agents.episodes import from_plain, play
from agents.measures import description_of
from agents.seeds import validation_seeds
from agents.storage import read_json
from agents.world import World
from mei_gym.catalogue import ids, scenarios, summary
from mei_gym.envs.view import page
from mei_gym.heuristics import make
from mei_gym.oracle.episodes import run

CONFIG = """\
name: porch
environment: outside/Porch-v0
algorithm: ppo
hyperparameters: { n_steps: 16, batch_size: 64, n_epochs: 1, network: { hidden: [8] } }
lanes: 8
steps: 2048
evaluation: { every_steps: 1024, validation_episodes: 2, test_episodes: 3 }
checkpoint_every_steps: 1024
"""


@pytest.fixture(scope="module")
def trained(porch, tmp_path_factory):
    """The folder of a run of two thousand prompts, compared and reported."""
    folder = tmp_path_factory.mktemp("porch")
    (folder / "porch.yaml").write_text(CONFIG, "utf-8")
    assert train.main([str(folder / "porch.yaml"), "--out", str(folder / "runs")]) == 0
    return folder / "runs" / "porch"


@pytest.fixture
def world(porch):
    return World(porch, "default", {})


def test_a_run_is_compared_with_every_heuristic_that_needs_no_parameters(trained, world):
    with (trained / "test" / "comparison.csv").open(newline="") as file:
        rows = {row["policy"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"PPO", "random", "shorter", "planned", "first"}
    assert {"reward_delay", "reward_energy", "delay_s", "at_edge", "ceiling", "wait_s"} <= set(rows["PPO"])
    text = (trained / "test" / "comparison.md").read_text("utf-8")
    assert text.startswith("Reward a prompt in outside/Porch-v0, scenario default, test seeds 2000000 to 2000002")
    assert "PPO (2,048 prompts)" in text
    assert "| delay (s) | energy (J) | answered by the edge (%) |" in text
    assert len(read_json(trained / "curve.json")["curve"]) == 3


def test_evaluating_and_reporting_again_give_the_same(trained, capsys):
    before = {path.name: path.read_bytes() for path in trained.rglob("*.csv")}
    assert evaluate.main([str(trained)]) == 0
    assert "shares in % of all prompts" in " ".join(capsys.readouterr().out.split())
    assert {path.name: path.read_bytes() for path in trained.rglob("*.csv")} == before
    pictures = {path.name: path.read_bytes() for path in (trained / "pictures").glob("*.png")}
    assert set(pictures) == {"learning.png", "parts.png", "spreads.png"}
    assert report.main([str(trained)]) == 0
    assert {path.name: path.read_bytes() for path in (trained / "pictures").glob("*.png")} == pictures
    text = (trained / "report.html").read_text("utf-8")
    assert "All numbers are chosen." in text
    assert "Mean reward a prompt on validation seeds" in text
    assert "SmolLM2" not in text


def test_the_dashboard_shows_what_its_layout_names(trained):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(trained / "tensorboard"))
    events.Reload()
    tags = events.Tags()["scalars"]
    charts = layout(description_of("outside/Porch-v0"), ["random", "shorter", "planned", "first"])
    assert set(charts) == {"Agent against heuristics", "Reward", "Delay"}
    assert "reward a prompt, validation" in charts["Agent against heuristics"]
    for group in charts.values():
        for kind, wanted in group.values():
            for pattern in wanted if kind == "Multiline" else map(re.escape, wanted):
                assert any(re.search(pattern, tag) for tag in tags), pattern
    assert events.Tags()["images"] == []


def test_heuristics_are_scored_as_the_oracle_scores_them_each_in_its_world(world):
    seeds = validation_seeds(3)
    for name, result in zip(("planned", "first"), played(heuristics(world, ["planned", "first"]), world, seeds)):
        theirs = run(make(name, world.environment), seeds)
        np.testing.assert_allclose(result.summaries[0].score, theirs.reward, rtol=1e-12)
    assert world.of(make("first", world.environment)).overrides == {"order": "first"}
    assert world.of(make("planned", world.environment)) is world
    assert heuristic_names(world) == ["random", "shorter", "planned", "first"]


def test_a_summary_without_decisions_survives_json(world):
    summary = play(make("shorter", world.environment), world, validation_seeds(2))
    back = from_plain(json.loads(json.dumps(summary.plain())))
    assert back.decided is None
    np.testing.assert_allclose(back.spreads["delay_s"], summary.spreads["delay_s"], rtol=1e-6)


def test_a_mean_over_some_steps_is_weighted_by_them(world):
    summary = play(make("static", world.environment, action=1), world, validation_seeds(2))
    np.testing.assert_allclose(summary.measures["edge_delay_s"], summary.measures["delay_s"])
    at_home = play(make("static", world.environment, action=0), world, validation_seeds(2))
    assert (at_home.measures["edge_delay_s"] == 0.0).all()


def test_it_is_listed_and_described_as_the_suites_own(porch):
    assert porch in ids()
    assert scenarios(porch) == ("default",)
    assert summary(porch) == "Porch: prompt by prompt, a phone decides who answers."
    text = page(porch)
    assert "Action space: Discrete(2)" in text
    assert "TS 38.101-1, power class 3" in text
    assert gymnasium.make(porch, render_mode="ansi").reset(seed=0)[0].shape == (3,)
