"""Curves of a real model and cited tables: what is read is what was measured, and bad files are refused."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mei_gym.profiles.cited import FILE, cited_acceptance, cited_quality
from mei_gym.profiles.curves import (
    KINDS,
    acceptance,
    accepted_tokens,
    at_relative_depth,
    curve_models,
    drafts,
    leakage_by_cut,
    load_curves,
    load_steps,
    loss_by_round,
    quality_loss_by_cut,
    step_devices,
    step_ratio,
)
from mei_gym.profiles.listing import curve_rows
from mei_gym.profiles.load import DATA, ProfileError

MODEL = "SmolLM2-135M"
TUNED = ("exit_tuned", "tuned lens", 24)


def change_line(table: Path, change: Callable[[str], str]) -> None:
    """Change lines of a table, and its JSON's hash with it."""
    table.write_text("".join(change(line) for line in table.read_text().splitlines(keepends=True)))
    say(table.with_suffix(".json"), csv_sha256=hashlib.sha256(table.read_bytes()).hexdigest())


def change_cell(table: Path, column: int, value: str) -> None:
    """Change a cell of a table's first row."""
    first = table.read_text().splitlines(keepends=True)[1]
    cells = first.rstrip("\n").split(",")
    cells[column] = value
    change_line(table, lambda line: ",".join(cells) + "\n" if line == first else line)


def say(card: Path, **changed: object) -> None:
    """Change what a table's JSON says."""
    card.write_text(json.dumps(json.loads(card.read_text()) | changed))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_curve_is_shipped_and_says_how_it_was_measured(kind: str) -> None:
    assert "smollm2-135m" in curve_models(kind)
    card = load_curves(kind, MODEL).card
    assert card["origin"] == "measured"
    assert card["texts"]
    assert card["command"].startswith("python -m mei_gym.measurements")


def test_leakage_falls_with_the_cut_and_ends_where_nothing_is_sent() -> None:
    whole = leakage_by_cut(MODEL)
    assert whole[1] > 0.95
    assert whole[1] > whole[12] > whole[24] > whole[29] > whole[30] == 0.0
    assert 0.0 < whole[12] - leakage_by_cut(MODEL, bits=4)[12] < 0.1


def test_fewer_bits_at_a_cut_cost_quality_and_eight_cost_little() -> None:
    assert quality_loss_by_cut(MODEL, 4)[1:30].mean() > 10 * quality_loss_by_cut(MODEL, 8)[1:30].mean()
    assert quality_loss_by_cut(MODEL, 8).max() < 0.01


def test_a_curve_read_at_another_depth_keeps_its_ends_and_its_range() -> None:
    own = leakage_by_cut(MODEL)
    other = at_relative_depth(own, 80)
    assert len(other) == 81
    assert (other[0], other[-1]) == (own[0], own[-1])
    assert other[1:-1].min() >= own[1:-1].min()
    np.testing.assert_array_equal(at_relative_depth(own, 30), own)


def test_traces_replayed_give_the_survival_of_the_table() -> None:
    found = drafts(MODEL, *TUNED)
    survival = acceptance(MODEL, *TUNED)
    np.testing.assert_allclose([(found.accepted >= j).mean() for j in range(1, 9)], survival)
    assert accepted_tokens(survival, 8) == pytest.approx(found.accepted.mean())
    assert accepted_tokens(survival, 0) == 0.0
    with pytest.raises(ProfileError, match="up to 8 drafted tokens, not 9"):
        accepted_tokens(survival, 9)


def test_traces_that_were_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(DATA / "acceptance", tmp_path / "acceptance")
    traces = tmp_path / "acceptance" / "smollm2-135m.traces.csv"
    traces.write_text(traces.read_text().replace("11111111", "11111110", 1))
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    with pytest.raises(ProfileError, match="is not the file that was measured"):
        drafts(MODEL, *TUNED)
    traces.unlink()
    with pytest.raises(ProfileError, match="is missing"):
        drafts(MODEL, *TUNED)


def test_federated_rounds_lower_the_loss_and_noisy_clients_lower_it_less() -> None:
    clean, spread = loss_by_round(MODEL)
    noisy, _ = loss_by_round(MODEL, noisy_share=0.5)
    assert len(clean) == len(spread) == 11
    assert clean[0] == noisy[0]
    assert clean[-1] < noisy[-1] < noisy[0]


@pytest.mark.parametrize("device", step_devices(MODEL))
def test_a_training_step_costs_two_to_five_forward_passes_and_more_of_few_tokens(device: str) -> None:
    for step in (("lora", 4, 256, "qv", 8), ("full", 4, 256), ("zeroth", 4, 256, "weights")):
        assert 1.9 < step_ratio(device, MODEL, *step) < 5.0
    for batch, tokens in ((1, 64), (16, 64), (1, 256)):
        assert 1.9 < step_ratio(device, MODEL, "full", batch, tokens) < 5.0


def test_a_step_launched_kernel_by_kernel_has_no_ratio_to_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "adaptation" / "h100-sxm" / "smollm2-135m.csv"
    shutil.copytree(DATA / "adaptation" / "h100-sxm", table.parent)
    change_line(
        table, lambda line: line.replace(",graph", ",eager") if line.startswith("full,weights,0,1,64,") else line
    )
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    assert step_ratio("h100-sxm", MODEL, "full", 4, 256) > 1.0
    with pytest.raises(ProfileError, match="was timed in mode eager, its forward pass in mode graph"):
        step_ratio("h100-sxm", MODEL, "full", 1, 64)


def test_one_of_several_targets_is_never_picked_silently() -> None:
    with pytest.raises(ProfileError, match="several targets on h100-sxm; name one of all, qv"):
        step_ratio("h100-sxm", MODEL, "lora", 4, 256, rank=8)


def test_what_was_not_measured_is_refused_with_what_was() -> None:
    with pytest.raises(ProfileError, match=r"no kind of curve 'leek'.*did you mean 'leakage'"):
        load_curves("leek", MODEL)
    with pytest.raises(ProfileError, match="no leakage of model 'Llama-2-7B'"):
        leakage_by_cut("Llama-2-7B")
    with pytest.raises(ProfileError, match="no training steps of model 'SmolLM2-135M' on 'phone'"):
        load_steps("phone", MODEL)
    with pytest.raises(ProfileError, match=r"was not measured with arrangement 'star'; there are .*by_text"):
        loss_by_round(MODEL, arrangement="star")


@pytest.mark.parametrize(
    ("kind", "column", "value", "said"),
    [
        ("leakage", "top1", "1.5", "a share from 0 to 1 is expected"),
        ("leakage", "top1", "nan", "a finite number is expected"),
        ("quality", "dnll", "inf", "a finite number is expected"),
        ("quality", "dnll_se", "-3", "a standard error of 0 or more is expected"),
        ("acceptance", "survived", "400", "a count of 0 to its drafts is expected"),
        ("adaptation/h100-sxm", "step_s", "0", "a positive time is expected"),
        ("adaptation/h100-sxm", "step_s", "1", "a median within its percentiles is expected"),
        ("adaptation/h100-sxm", "step_p90_s", "1", "at most 4 times its 10th is expected"),
    ],
)
def test_a_number_that_no_measurement_gives_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, column: str, value: str, said: str
) -> None:
    folder = shutil.copytree(DATA / kind, tmp_path / kind)
    table, card = (folder / f"smollm2-135m.{ending}" for ending in ("csv", "json"))
    header, row = list(csv.reader(table.read_text().splitlines()[:2]))
    row[header.index(column)] = value
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, row])
    table.write_text(out.getvalue())
    about = json.loads(card.read_text())
    about["csv_sha256"] = hashlib.sha256(table.read_bytes()).hexdigest()
    card.write_text(json.dumps(about))
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    with pytest.raises(ProfileError, match=rf"line 2 has {column} {value}; .*{said}"):
        load_steps("h100-sxm", MODEL) if "/" in kind else load_curves(kind, MODEL)


@pytest.mark.parametrize("said", [{"quick": True}, {"complete": False}])
def test_a_trial_or_unfinished_table_of_ones_own_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, bool]
) -> None:
    shutil.copytree(DATA / "leakage", tmp_path / "leakage")
    table = tmp_path / "leakage" / "smollm2-135m.csv"
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    assert load_curves("leakage", MODEL).path == table
    say(table.with_suffix(".json"), **said)
    assert load_curves("leakage", MODEL).path.parent.parent == DATA


def test_a_trial_of_steps_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for device in ("h100-sxm", "bench"):
        shutil.copytree(DATA / "adaptation" / "h100-sxm", tmp_path / "adaptation" / device)
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    assert load_steps("h100-sxm", MODEL).path.is_relative_to(tmp_path)
    for device in ("h100-sxm", "bench"):
        say(tmp_path / "adaptation" / device / "smollm2-135m.json", quick=True)
    assert load_steps("h100-sxm", MODEL).path.is_relative_to(DATA)
    with pytest.raises(ProfileError, match="on 'bench'"):
        load_steps("bench", MODEL)
    assert {row.machine for row in curve_rows() if row.kind == "training steps"} == {"h100-sxm", "xeon-amx-1t"}


def test_cited_tables_have_sources_and_no_row_twice() -> None:
    for rows in (cited_quality(), cited_acceptance()):
        assert all(row.source for row in rows)
        assert len({row[:-1] for row in rows}) == len(rows)


def test_cited_models_lose_more_by_fewer_bits() -> None:
    by_bits = {
        row.amount: row.perplexity_ratio
        for row in cited_quality()
        if (row.model, row.method, row.setting) == ("Llama-2-7B", "GPTQ", "group 128")
    }
    assert 1.0 < by_bits[4.0] < by_bits[3.0] < by_bits[2.0]


@pytest.mark.parametrize(
    ("table", "read", "old", "new", "said"),
    [
        ("quality", cited_quality, ",4,1.117,", ",four,1.117,", "amount 'four'; a number is expected"),
        ("quality", cited_quality, ",4,1.117,", ",4,-1,", "perplexity_ratio -1; a positive number is expected"),
        ("acceptance", cited_acceptance, ",0.75,3.4,", ",1.75,3.4,", "acceptance '1.75'; a share from 0 to 1"),
        ("acceptance", cited_acceptance, ",rate,7,,0.75", ",guess,7,,0.75", "kind 'guess'; rate, survival, speed-up"),
        ("acceptance", cited_acceptance, "speed_up,source", "speed_up_ms,source", "expected target,draft"),
    ],
)
def test_a_bad_cited_row_is_refused(tmp_path: Path, table: str, read, old: str, new: str, said: str) -> None:
    text = (DATA / table / FILE).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / FILE).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError, match=said):
        read(tmp_path / FILE)
