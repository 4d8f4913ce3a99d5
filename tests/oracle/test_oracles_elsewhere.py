"""The oracles on an environment that they know only by its Family."""

import numpy as np
import pytest

from mei_gym import heuristics
from mei_gym.heuristics import make
from mei_gym.oracle.clairvoyant import Sizes, search
from mei_gym.oracle.episodes import bound_of, run
from mei_gym.oracle.headroom import best_of, headroom
from mei_gym.oracle.ledger import Ledger
from mei_gym.oracle.results import csv_text, markdown, place_of
from mei_gym.oracle.seeds import episode_steps, validation_seeds
from mei_gym.oracle.tuning import Trials


@pytest.fixture(scope="module")
def table(porch, tmp_path_factory):
    ledger = tmp_path_factory.mktemp("headroom") / "ledger.csv"
    return headroom(porch, episodes=4, validation_episodes=4, ledger=ledger, quiet=True)


def test_its_rows_are_those_of_its_family_without_a_table_that_it_has_not(table):
    reward = {row["policy"]: row["reward"] for row in table.rows}
    assert list(reward) == [
        "random", "best_static", "shorter", "shorter_tuned", "planned", "first", "clairvoyant", "bound"
    ]  # fmt: skip
    assert max(reward["random"], reward["best_static"]) < reward["shorter"] < reward["clairvoyant"] < reward["bound"]
    assert list(table.rows[0])[5:] == ["delay", "energy", "settings"]
    assert set(table.chosen) == {"best_static", "shorter_tuned"}


def test_it_is_told_in_its_own_words(table, root):
    assert table.provenance["prompts"] == 64
    assert "64 prompts ahead" in table.rows[-2]["settings"]
    text = markdown(table)
    assert "mean reward a prompt over 4 test episodes of 64 prompts" in text
    assert "bound is each prompt with the better choice and an idle edge." in text
    assert csv_text(table.rows).startswith("policy,reward,low,high,normalised,delay,energy,settings\n")
    assert place_of(table.provenance["id"], "default", "csv") == (
        root / "tests" / "outside" / "oracle" / "results" / "porch" / "default.csv"
    )


def test_the_search_follows_a_base_that_reads_the_lanes_and_never_does_worse(porch):
    base, seeds = make("planned", porch), range(5)
    found = search(base, seeds, 32, Sizes(2, 32))
    plain = run(base, seeds, 32, bound=True)
    assert (found.reward >= plain.reward - 1e-12).all()
    assert found.reward.mean() > plain.reward.mean()
    assert (found.reward <= plain.bound).all()


def test_the_search_takes_no_base_from_another_world(porch):
    place = heuristics.world(porch)
    trials = Trials(place, validation_seeds(4), 64, Ledger(None))
    rivals = {"first": make("first", place), "phone": make("static", place, action=0)}
    assert trials.reward("first", {}) > trials.reward("static", {"action": 0})
    assert best_of(trials, rivals).name == "static"


def test_a_bound_that_is_read_after_the_step_is_nobodys_doing(porch):
    place = heuristics.world(porch)
    bounds = [run(make(name, place), range(3), 20, bound=True).bound for name in ("static", "planned")]
    assert np.array_equal(*bounds)
    assert np.array_equal(bounds[0], bound_of(place, range(3), 20))


def test_an_episode_has_the_registered_steps(porch):
    assert episode_steps(heuristics.world(porch).task) == 64
    assert episode_steps(heuristics.world("mei/SplitInference-v0").task) == 1024
