"""The `mei-gym` command: each verb's answer, and each refusal."""

import json
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import pytest

import mei_gym
from mei_gym.command import REFUSED, app, run

ID = "mei/SplitInference-v0"
VERBS = ("list", "describe", "profiles", "measure", "headroom", "bench", "doctor")


def answer(capsys, *arguments):
    """Exit code, stdout, stderr."""
    code = run(app, list(arguments))
    seen = capsys.readouterr()
    return code, seen.out, seen.err


def test_help_names_every_verb_in_less_than_a_second():
    spent_s = []
    for _ in range(3):
        began_s = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "mei_gym.command", "--help"], capture_output=True, text=True, check=True
        )
        spent_s.append(time.perf_counter() - began_s)
    assert all(f"\n  {verb} " in done.stdout for verb in VERBS)
    assert min(spent_s) < 1.0


def test_without_a_verb_the_help_is_printed(capsys):
    code, out, _ = answer(capsys)
    assert code == 0
    assert out.startswith("Usage:")


def test_version_is_the_packages(capsys):
    assert answer(capsys, "--version") == (0, f"mei-gym {mei_gym.__version__}\n", "")


def test_list_names_every_registered_id_and_no_other(capsys):
    code, out, _ = answer(capsys, "list", "--json")
    assert code == 0
    registered = {id for id, spec in gymnasium.registry.items() if spec.namespace == "mei"}
    assert {row["id"] for row in json.loads(out)} == registered


def test_every_listed_environment_has_a_line_about_it_and_the_five_scenarios(capsys):
    for row in json.loads(answer(capsys, "list", "--json")[1]):
        assert len(row["summary"]) > 20
        assert row["scenarios"][0] == "default"
        assert {"mobile_health", "humanoid_robot", "virtual_assistant", "autonomous_driving"} <= set(row["scenarios"])


def test_the_table_of_environments_fits_100_columns(capsys):
    _, out, _ = answer(capsys, "list")
    assert ID in out
    assert max(map(len, out.splitlines())) <= 100


def test_describe_prints_the_page_and_the_scenarios_values(capsys):
    code, out, err = answer(capsys, "describe", ID, "--scenario", "mobile_health")
    assert (code, err) == (0, "")
    assert "after which layer" in out
    assert "mobile_health" in out
    assert "Discrete" in out


def test_profiles_say_of_each_device_where_its_numbers_are_from(capsys):
    code, out, _ = answer(capsys, "profiles", "--json")
    listed = json.loads(out)
    assert code == 0
    assert {row["origin"] for row in listed["profiles"]} == {"measured", "derived"}
    assert {row["origin"] for row in listed["curves"]} == {"measured", "cited"}
    assert {row["kind"] for row in listed["curves"]} >= {"quality", "leakage", "acceptance", "adaptation"}


def test_profiles_name_the_machine_behind_each_device(capsys):
    _, out, _ = answer(capsys, "profiles")
    for name in ("NVIDIA H100 80GB HBM3", "Intel(R) Xeon(R) Processor, two threads", "Raspberry Pi 5"):
        assert name in out


def test_tables_of_profiles_and_errors_fit_a_terminal_of_100_columns(capsys):
    for words in (["profiles"], ["profiles", "--errors"]):
        _, out, _ = answer(capsys, *words)
        assert max(map(len, out.splitlines())) <= 100
    assert [tier in out for tier in ("measured point", "interpolated", "unseen model", "derived device")] == [True] * 4


def test_pictures_of_what_was_measured_are_drawn_with_their_captions(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    code, out, _ = answer(capsys, "profiles", "plot", "--out", str(tmp_path / "new" / "pictures"))
    paths = [Path(line) for line in out.split()]
    assert code == 0
    assert len(paths) == 17
    assert all(path.stat().st_size > 10_000 for path in paths if path.suffix == ".png")
    captions = (tmp_path / "new" / "pictures" / "captions.md").read_text()
    assert all(f"**{path.stem}**" in captions for path in paths if path.suffix == ".pdf")


def test_a_picture_of_what_was_not_measured_is_refused_before_anything_is_written(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    for words, said in (
        (["--device", "h10"], "no profile was measured on 'h10'; did you mean 'h100-sxm'?"),
        (["--model", "GPT-2"], "no leakage of model 'GPT-2'"),
    ):
        code, _, err = answer(capsys, "profiles", "plot", "--out", str(tmp_path / "none"), *words)
        assert code == 2
        assert said in err
    assert not (tmp_path / "none").exists()


def test_errors_are_shown_beside_the_noise_of_repeats(capsys):
    code, out, _ = answer(capsys, "profiles", "--errors")
    assert code == 0
    assert "noise %" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["lisst"], "'list'"),
        (["describe"], "Missing argument 'ID'"),
        (
            ["describe", "mei/SplitInferense-v0"],
            f"no environment is named 'mei/SplitInferense-v0'; did you mean '{ID}'?",
        ),
        (["describe", ID, "--scenario", "mobile_helth"], "did you mean 'mobile_health'?"),
        (["headroom", ID, "--scenario", "defualt"], "did you mean 'default'?"),
        (["headroom", ID, "--episodes", "0"], "--episodes"),
        (["bench", "CartPole-v1"], "no environment is named 'CartPole-v1'"),
        (["measure", "layers", "--model", "SmolLM2-135M", "--device", "cdua"], "did you mean 'cuda'?"),
        (["measure", "layers", "--model", "SmolLM-135M", "--device", "cpu", "--quick"], "SmolLM2-135M"),
        (["measure", "layers", "--model", "SmolLM2-135M", "--device", "cpu", "--budget", "soon"], "--budget"),
    ],
    ids=" ".join,
)
def test_a_wrong_word_is_refused_in_one_sentence_with_the_nearest_right_one(capsys, arguments, sentence):
    code, out, err = answer(capsys, *arguments)
    assert code == REFUSED
    assert sentence in err
    assert err.count("\n") == 1
    assert out == ""


def test_a_missing_package_is_named_with_the_extra_that_brings_it(capsys, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch"] + ["torch"]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in [name for name in sys.modules if name.startswith("mei_gym.measurements")]:
        monkeypatch.delitem(sys.modules, name)
    code, _, err = answer(capsys, "measure", "layers", "--model", "SmolLM2-135M", "--device", "cpu", "--quick")
    assert code == REFUSED
    assert err == "mei-gym: measuring needs PyTorch: pip install 'mei-gym[measure]'\n"


def test_the_doctor_finds_this_machine_well(capsys):
    code, out, _ = answer(capsys, "doctor", "--json")
    checks = {check["what"]: check for check in json.loads(out)}
    assert not {what: check["seen"] for what, check in checks.items() if check["state"] == "wrong"}
    assert code == 0
    assert "measured profiles with the right hash" in checks["profiles"]["seen"]
    assert ID in checks["environments"]["seen"]


def test_the_doctor_finds_a_damaged_profile(capsys, monkeypatch, tmp_path):
    (tmp_path / "some-device").mkdir()
    (tmp_path / "some-device" / "some-model.csv").write_text("phase\n")
    (tmp_path / "some-device" / "some-model.json").write_text('{"schema": 1')
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    code, out, _ = answer(capsys, "doctor", "--json")
    profiles = next(check for check in json.loads(out) if check["what"] == "profiles")
    assert code == 1
    assert profiles["state"] == "wrong"
    assert "some-model.json is not JSON, or is cut off" in profiles["seen"]
