"""Both tables of adaptation on tiny settings: what they hold, and that they go on where they stopped."""

import csv
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mei_gym.architectures import Architecture  # noqa: E402
from mei_gym.costs import adaptation as costs  # noqa: E402
from mei_gym.measurements import adaptation_steps, clock, federated  # noqa: E402
from mei_gym.measurements.adaptation import measure_adaptation  # noqa: E402
from mei_gym.measurements.adaptation_steps import Work, measure_adaptation_steps  # noqa: E402
from mei_gym.measurements.federated import Clients, Run, Setting, measure_federated  # noqa: E402
from mei_gym.measurements.model import random_model  # noqa: E402

TINY = Architecture("Tiny-Test", 2, 64, 4, 4, 16, 96, 128, False, False, 1e4, 1e-5)
SETTING = Setting(rounds=2, steps=3, batch=2, length=16, held_out=3)
RUNS = [Run("lora", "by_text", 2, 4, 0.0, 0), Run("lora", "centralised", 2, 4, 0.5, 0)]


@pytest.fixture(autouse=True)
def few_repeats(monkeypatch):
    monkeypatch.setattr(clock, "CPU_REPEATS", (3, 4))


def federated_rows(tmp_path, prepared, **options):
    model = random_model(TINY, positions=32)
    options = {"runs": RUNS, **options}
    path = measure_federated(model, tmp_path, texts_folder=prepared, setting=SETTING, progress=False, **options)
    with path.open() as file:
        return list(csv.DictReader(file)), json.loads(path.with_suffix(".json").read_text())


def test_every_round_of_every_run_is_scored_on_every_corpus(tmp_path, prepared):
    rows, record = federated_rows(tmp_path, prepared)
    assert len(rows) == len(RUNS) * (SETTING.rounds + 1) * 3
    assert {row["tokens"] for row in rows} == {str(3 * 15)}
    assert record["origin"] == "measured"
    assert record["texts"]["wiki"]["source"] == "made up"
    assert len(record["runs"][1]["noisy_clients"]) == 1
    starts = {row["nll"] for row in rows if row["round"] == "0" and row["corpus"] == "news"}
    assert len(starts) == 1  # B is zero: every run starts from the model as it came


def test_only_federated_clients_send_and_as_much_as_the_formula_says(tmp_path, prepared):
    rows, _ = federated_rows(tmp_path, prepared)
    sent = {(row["arrangement"], row["round"]): float(row["sent_bytes"]) for row in rows}
    assert sent["by_text", "1"] == costs.adapter_bytes(costs.lora_weights(TINY, 4))
    assert sent["by_text", "0"] == sent["centralised", "1"] == 0
    assert {row["step_count"] for row in rows} == {"0", "3", "6"}


def test_a_campaign_that_was_broken_off_gives_the_same_rows(tmp_path, prepared, monkeypatch):
    whole, _ = federated_rows(tmp_path / "whole", prepared)
    rounds, begun = federated.Trainer.rounds, []

    def broken(self, run, setting):
        begun.append(run)
        for i, found in enumerate(rounds(self, run, setting)):
            if len(begun) == 2 and i == 1:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(federated.Trainer, "rounds", broken)
    with pytest.raises(KeyboardInterrupt):
        federated_rows(tmp_path / "broken", prepared)
    resumed, record = federated_rows(tmp_path / "broken", prepared)
    assert begun == [RUNS[0], RUNS[1], RUNS[1]]
    assert resumed == whole
    assert len(record["runs"]) == 2


def test_a_spent_budget_stops_between_runs_and_says_how_many_are_left(tmp_path, prepared):
    rows, record = federated_rows(tmp_path, prepared, budget_s=1e-9)
    assert rows == []
    assert record["left_by_budget"] == 2
    rows, record = federated_rows(tmp_path, prepared)
    assert record["left_by_budget"] == 0


def test_training_on_a_repeated_text_lowers_its_loss(tmp_path, prepared):
    setting = SETTING._replace(rounds=4, steps=8)
    trainer = federated.Trainer(random_model(TINY, positions=32), Clients(setting, prepared))
    trainer.clients.training = [np.tile(ids[:8], 10) for ids in trainer.clients.training]
    again = trainer._ids(np.stack([ids[:16] for ids in trainer.clients.training]))[None].long()
    losses = [trainer.nll(s, again).mean().item() for s, _ in trainer.rounds(Run("lora", "iid", 2, 4, 0.0, 0), setting)]
    assert losses[-1] < losses[0] - 0.01


def test_arrangements_meet_the_same_windows_and_noise_shuffles_them(prepared):
    clients = Clients(SETTING, prepared)
    apart = clients.windows(Run("lora", "by_text", 4, 4, 0.0, 3), 1, 2)
    together = clients.windows(Run("lora", "centralised", 4, 16, 0.0, 3), 1, 2)
    assert apart.shape == (4, 2, 16)
    np.testing.assert_array_equal(apart.reshape(together.shape), together)
    noisy = clients.windows(Run("lora", "by_text", 4, 4, 0.5, 3), 1, 2)
    np.testing.assert_array_equal(np.sort(noisy, axis=2), np.sort(apart, axis=2))
    assert sum((a != b).any() for a, b in zip(noisy, apart)) == 2


def test_clients_of_one_text_have_parts_of_it_that_do_not_overlap(prepared):
    clients = Clients(SETTING, prepared)
    clients.training = [np.arange(400, dtype=np.uint16)] * 3
    run = Run("lora", "by_text", 6, 4, 0.0, 0)
    drawn = np.concatenate([clients.windows(run, r, s) for r in range(5) for s in range(5)], axis=1)
    assert drawn[0].max() < 200 <= drawn[3].min()


def test_no_training_window_is_held_out(prepared):
    clients = Clients(SETTING, prepared)
    assert len(clients.training[1]) == 0.8 * 1600
    news = np.load(prepared / "news.test.npy")
    assert clients.held_out["news"].min() >= 0
    np.testing.assert_array_equal(clients.held_out["news"][0], news[1280:1296])


def test_steps_are_measured_and_resumed(tmp_path, monkeypatch):
    works = [Work("inference", "none", 0, 1, 16), Work("lora", "qv", 8, 1, 16), Work("zeroth", "weights", 0, 1, 16)]
    monkeypatch.setattr(adaptation_steps, "step_works", lambda device, quick: works)
    path = measure_adaptation_steps(TINY, tmp_path, progress=False, budget_s=1e-9)
    assert json.loads(path.with_suffix(".json").read_text())["left_by_budget"] == 3
    path = measure_adaptation_steps(TINY, tmp_path, progress=False)
    with path.open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert path.parent.parent == tmp_path / "adaptation"
    assert {*rows} == {"inference", "lora", "zeroth"}
    assert float(rows["lora"]["step_s"]) > float(rows["lora"]["forward_s"]) > 0
    assert rows["zeroth"]["saved_bytes"] == rows["inference"]["saved_bytes"] == "0"


@pytest.mark.parametrize("rank", [4, 32])
def test_lora_on_query_and_value_keeps_the_bytes_of_the_formula(rank):
    engine = adaptation_steps.StepEngine(TINY, "cpu", 0, 1e6)
    work = Work("lora", "qv", rank, 2, 32)
    kept = engine._saved_bytes(engine._prepared(work, 1))
    assert kept == pytest.approx(costs.saved_bytes(TINY, 2, 32, "lora", rank, "qv", 4.0), rel=0.02)


# A norm that learns keeps the normalised input besides, on the CPU: two copies more.
@pytest.mark.parametrize(("method", "targets", "copies"), [("lora", "all", 3), ("full", "weights", 5)])
def test_training_more_keeps_the_bytes_of_the_formula_and_copies_of_few_inputs(method, targets, copies):
    engine = adaptation_steps.StepEngine(TINY, "cpu", 0, 1e6)
    work = Work(method, targets, 8 if method == "lora" else 0, 2, 32)
    kept = engine._saved_bytes(engine._prepared(work, 1))
    least = costs.saved_bytes(TINY, 2, 32, method, 8, targets, 4.0)
    assert 0.98 * least < kept <= 1.02 * least + copies * 2 * 32 * 4 * TINY.hidden_size


def test_a_step_moves_what_is_trained_and_nothing_else():
    engine = adaptation_steps.StepEngine(TINY, "cpu", 0, 1e6)
    step = engine._prepared(Work("lora", "qv", 4, 1, 16), 1)
    weights, ups = engine.chain[0].qkv.clone(), step.trained[1].detach().clone()
    step.step()
    assert torch.equal(engine.chain[0].qkv, weights)
    assert not torch.equal(step.trained[1], ups)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tables": ("sizes",)}, "no adaptation tables 'sizes'; there are steps and rounds"),
        ({"device": "tpu"}, "device 'tpu' cannot be measured; there are cpu and cuda"),
        ({"budget_s": 0.0}, "a budget of 0.0 s measures nothing; give a positive number of seconds"),
        ({"models": ["Llama-9"], "tables": ("steps",)}, "no model 'Llama-9'"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(tmp_path, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        measure_adaptation(tmp_path, progress=False, **options)


def test_every_step_trains_leaves_of_its_own_over_the_same_weights():
    engine = adaptation_steps.StepEngine(TINY, "cpu", 0, 0.0)
    first, second = (engine._prepared(Work("full", "weights", 0, 1, 8), 1) for _ in range(2))
    for one, other, own in zip(first.trained, second.trained, adaptation_steps._parts(engine.chain), strict=True):
        assert one is not other
        assert one.data_ptr() == other.data_ptr() == own.data_ptr()
        assert one.requires_grad
        assert not own.requires_grad
