"""Quality, leakage and acceptance on tiny settings: what the tables hold, and what must hold of them."""

import csv
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mei_gym.architectures import Architecture  # noqa: E402
from mei_gym.measurements import acceptance, leakage, quality, studies  # noqa: E402
from mei_gym.measurements.__main__ import main  # noqa: E402
from mei_gym.measurements.attackers import Table, nearest, trained  # noqa: E402
from mei_gym.measurements.model import random_model  # noqa: E402
from mei_gym.measurements.study import BudgetSpent  # noqa: E402

TINY = Architecture("Tiny-Test", 3, 64, 4, 4, 16, 128, 128, True, False, 1e4, 1e-5)
QUALITY = quality.QUICK._replace(block_step=2, cut_step=1, rare_step=2, exit_step=2, rare_cut_bits=(2,))
LEAKAGE = leakage.QUICK._replace(train_windows=3, cut_step=1, rare_step=2, noise=(0.5, 4.0), budget_cuts=(1,))
DRAFTS = acceptance.QUICK._replace(exits=(1, 2), dropped=(1,), bits=(8, 2))


@pytest.fixture(scope="module")
def model():
    return random_model(TINY, positions=512)


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file)), json.loads(path.with_suffix(".json").read_text())


def measured(kind, tmp_path, prepared, model, **options):
    module, plan = {
        "quality": (quality, QUALITY), "leakage": (leakage, LEAKAGE), "acceptance": (acceptance, DRAFTS)
    }[kind]  # fmt: skip
    run = getattr(module, f"measure_{kind}")
    return table(run(tmp_path, texts=prepared, plan=plan, model=model, progress=False, **options))


def test_fewer_bits_cost_more_quality(tmp_path, prepared, model):
    rows, record = measured("quality", tmp_path, prepared, model)
    crossing = {
        (float(row["amount"]), row["cut"]): float(row["agreement"])
        for row in rows
        if row["curve"] == "activation" and row["setting"] == "group 64" and row["corpus"] == "wiki"
    }
    assert crossing[4.0, "2"] > crossing[2.0, "2"]
    assert {row["curve"] for row in rows} >= {"weights", "activation", "drop_layers", "exit_logit", "structured"}
    assert record["origin"] == "measured"
    assert record["measured_on"] == "random weights"
    assert record["complete"]


def test_the_whole_depth_as_exit_costs_nothing(tmp_path, prepared, model):
    rows, _ = measured("quality", tmp_path, prepared, model)
    last = [row for row in rows if row["curve"] == "exit_logit" and row["cut"] == str(TINY.layers)]
    assert last
    assert all(abs(float(row["dnll"])) < 1e-5 and float(row["agreement"]) == 1.0 for row in last)


def test_a_campaign_that_a_budget_stopped_goes_on_where_it_was(tmp_path, prepared, model):
    _, stopped = measured("leakage", tmp_path, prepared, model, budget_s=1e-9)
    rows, whole = measured("leakage", tmp_path, prepared, model)
    again, _ = measured("leakage", tmp_path / "anew", prepared, model)
    assert not stopped["complete"]
    assert whole["complete"]
    assert rows == again


def test_an_attacker_reads_the_embedding_itself_and_less_of_noisy_states(tmp_path, prepared, model):
    rows, _ = measured("leakage", tmp_path, prepared, model)

    def top1(attacker, cut, defence="none", amount="16"):
        found = [
            float(row["top1"])
            for row in rows
            if (row["attacker"], row["cut"], row["defence"], row["seen"]) == (attacker, str(cut), defence, "all")
            and float(row["amount"]) == float(amount)
        ]
        assert found, (attacker, cut, defence)
        return max(found)

    assert top1("nearest", 0) == 1.0
    noisy = top1("ridge", 2, "noise", 4.0)
    assert noisy < top1("ridge", 2)


def test_a_trained_attacker_undoes_a_rotation_that_the_nearest_row_does_not():
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(50, 16, generator=generator)
    rotation = torch.linalg.qr(torch.randn(16, 16, generator=generator)).Q
    known, asked = (torch.randint(50, (4, 200), generator=generator) for _ in range(2))
    rows = Table(embedding)
    guess = trained(rows, embedding[known] @ rotation, known)
    named, five, truth = guess(embedding[asked] @ rotation, asked)
    assert named.float().mean() > 0.95
    assert (five | ~named).all()
    assert truth.tolist() == asked[:, 1:].flatten().tolist()
    unaided, _, _ = nearest(rows, centred=False)(embedding[asked] @ rotation, asked)
    assert unaided.float().mean() < 0.3


def test_a_resumed_campaign_tells_the_prompts_of_the_rows_that_it_found(tmp_path, prepared, model, monkeypatch):
    plan = DRAFTS._replace(exits=(), bits=(8,), dropped=(), corpora=("wiki", "news"))
    asked = []

    def stopping(study):
        asked.append(study)
        if len(asked) == 4:  # the last draft, on news: wiki is done
            raise BudgetSpent

    def run():
        return table(acceptance.measure_acceptance(tmp_path, texts=prepared, plan=plan, model=model, progress=False))[1]

    with monkeypatch.context() as patch:
        patch.setattr(acceptance.AcceptanceStudy, "check_time", stopping)
        assert not run()["complete"]
    record = run()
    assert record["complete"]
    assert record["resumed_rows"] == 3 * 8
    assert set(record["windows"]) == {"wiki.test.2", "news.test.1"}


def test_survival_falls_with_position_and_the_traces_say_the_same(tmp_path, prepared, model):
    rows, record = measured("acceptance", tmp_path, prepared, model)
    by_draft = {}
    for row in rows:
        by_draft.setdefault((row["draft"], row["setting"], row["amount"]), []).append(int(row["survived"]))
    assert all(counts == sorted(counts, reverse=True) for counts in by_draft.values())
    whole = next(counts for key, counts in by_draft.items() if key[0] == "whole")
    assert set(whole) == {int(rows[0]["drafts"])}
    assert any(counts[0] < whole[0] for counts in by_draft.values())
    with (tmp_path / "acceptance" / record["traces"]["file"]).open() as file:
        traces = list(csv.DictReader(file))
    for key, counts in by_draft.items():
        told = [t["matches"] for t in traces if (t["draft"], t["setting"], t["amount"]) == key]
        accepted = np.array([len(each) - len(each.lstrip("1")) for each in told])
        assert counts == [int((accepted >= position).sum()) for position in range(1, 9)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["quality", "--device", "gpu"], "device 'gpu' cannot be measured; there are cpu and cuda"),
        (["leakage", "--budget", "0"], "a budget of 0.0 s measures nothing"),
        (["acceptance", "--weights", "no.gguf"], "no.gguf"),
        (["adaptation", "--tables", "steps", "--models", "Llama-9"], "Llama-9"),
        (["adaptation", "--tables", "steps", "--models", "GPT-2"], "training steps of GPT-2 cannot be timed"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(tmp_path, prepared, capsys, words, said):
    texts = ["--texts", str(prepared), "--quiet", "--out", str(tmp_path)]
    assert main([*words, *texts]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
    assert not list(tmp_path.glob("*/*.csv"))


def test_a_study_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no study 'mood'; there are quality, leakage"):
        studies.run_study("mood", tmp_path)


def test_the_command_line_runs_adaptation_and_says_so_in_its_record(tmp_path, capsys, monkeypatch):
    from mei_gym.measurements import adaptation, clock

    monkeypatch.setattr(clock, "CPU_REPEATS", (3, 4))
    monkeypatch.setattr(adaptation, "architecture_named", lambda name: TINY)
    assert main(["adaptation", "--tables", "steps", "--quick", "--quiet", "--out", str(tmp_path)]) == 0
    rows, record = table(next(tmp_path.glob("adaptation/*/tiny-test.csv")))
    assert capsys.readouterr().out.strip().endswith("tiny-test.csv")
    assert {row["method"] for row in rows} == {"inference", "lora", "full", "zeroth"}
    assert record["quick"]
