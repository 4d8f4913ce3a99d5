"""What is refused of a profile, each in one sentence, and what is read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mei_gym.profiles import load
from mei_gym.profiles.load import ProfileError, devices, load_card, load_profile, models
from mei_gym.profiles.schema import COLUMNS

Change = Callable[[dict], object]
GOOD_ROW = ["prefill", -1, "knot", 4, 1, 0, 1e-4, 0.9e-4, 1.1e-4, 9, "cpu", 1e6, 1e6]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    write(tmp_path)
    return tmp_path


def write(folder: Path, rows: list[list] | None = None, change: Change | None = None, text: str | None = None) -> None:
    """A small profile of SmolLM2-135M on a device called bench."""
    lines = [list(COLUMNS), *(rows or [GOOD_ROW])]
    text = text or "".join(",".join(str(value) for value in line) + "\n" for line in lines)
    provenance = {
        "schema": 1,
        "origin": "measured",
        "device": {"slug": "bench", "name": "Bench", "kind": "cpu"},
        "model": "SmolLM2-135M",
        "weights": "random",
        "dtype": "float32",
        "weight_bytes_per_value": 4,
        "value_bytes": 4,
        "date": "2026-01-01",
        "machine": {},
        "ceilings": {"flops": 1e11, "bandwidth_bytes_per_s": 2e10, "last_level_cache_bytes": 1e6},
        "power": {"idle_w": None, "reason": "no counter"},
        "rows": len(lines) - 1,
        "csv_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    if change is not None:
        change(provenance)
    (folder / "bench").mkdir(exist_ok=True)
    (folder / "bench" / "smollm2-135m.csv").write_text(text)
    (folder / "bench" / "smollm2-135m.json").write_text(json.dumps(provenance))


def slow(row: list, **values: object) -> list:
    """A row with other values; by default slow enough to be possible."""
    named = dict(zip(COLUMNS, row, strict=True)) | {"time_s": 1e-2, "time_p10_s": 1e-2, "time_p90_s": 1e-2} | values
    return list(named.values())


def refusal(name: str = "SmolLM2-135M", device: str = "bench") -> str:
    """The sentence of a refusal: one line, and short."""
    with pytest.raises(ProfileError) as refused:
        load_profile(device, name)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert len(sentence) < 240
    return sentence


def test_a_good_profile_is_read(folder: Path) -> None:
    write(folder, [slow(GOOD_ROW), slow(GOOD_ROW, role="repeat")])
    profile = load_profile("bench", "smollm2-135M")
    assert profile.rows("prefill", "knot")["time_s"].tolist() == [1e-2]
    assert profile.card.power is None
    assert profile.architecture.layers == 30


def test_blocks_of_a_real_model_are_averaged(folder: Path) -> None:
    write(folder, [slow(GOOD_ROW, layer=i, time_s=t, time_p90_s=3.9e-2) for i, t in enumerate((1e-2, 3e-2))])
    assert load_profile("bench", "SmolLM2-135M").rows("prefill", "knot")["time_s"].tolist() == [2e-2]


def test_a_changed_value_is_noticed(folder: Path) -> None:
    write(folder, [slow(GOOD_ROW)])
    path = folder / "bench" / "smollm2-135m.csv"
    path.write_text(path.read_text().replace("0.01", "0.02"))
    assert "is not the file that was measured" in refusal()


def test_a_truncated_csv_is_noticed(folder: Path) -> None:
    write(folder, [slow(GOOD_ROW), slow(GOOD_ROW)])
    path = folder / "bench" / "smollm2-135m.csv"
    path.write_bytes(path.read_bytes()[:-40])
    assert "SHA-256" in refusal()


def test_a_truncated_json_is_noticed(folder: Path) -> None:
    path = folder / "bench" / "smollm2-135m.json"
    path.write_text(path.read_text()[:100])
    assert "is not JSON, or is cut off" in refusal()


def test_another_schema_is_refused(folder: Path) -> None:
    write(folder, change=lambda card: card.update(schema=2))
    assert "has schema 2, this version reads schema 1" in refusal()


def test_a_row_count_that_does_not_match_is_refused(folder: Path) -> None:
    write(folder, [slow(GOOD_ROW)], change=lambda card: card.update(rows=7))
    assert "has 1 rows, expected 7" in refusal()


def test_a_missing_key_is_named(folder: Path) -> None:
    write(folder, change=lambda card: card.pop("dtype"))
    assert "dtype" in refusal()


def test_text_that_is_not_utf8_is_refused(folder: Path) -> None:
    path = folder / "bench" / "smollm2-135m.json"
    path.write_bytes(b"\xff\xfe" + path.read_bytes())
    assert "is not UTF-8" in refusal()


def test_a_file_beyond_eight_mebibytes_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load.LARGEST_FILE_BYTES == 8 * 1024**2
    monkeypatch.setattr(load, "LARGEST_FILE_BYTES", 100)
    assert "more than the 100" in refusal()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"time_s": 0.0}, "a time that is not a positive number"),
        ({"time_s": "nan"}, "a time that is not a positive number"),
        ({"time_p90_s": 1e-3}, "a spread that does not hold the median"),
        ({"time_p10_s": 2e-3}, "a 90th percentile of more than 4 times the 10th"),
        ({"tokens": -1}, "a negative count"),
        ({"phase": "guess"}, "an unknown phase"),
        ({"role": "guess"}, "an unknown role"),
        ({"flops": 1e10}, "more FLOP/s than the device has"),
        ({"time_s": 1e-4, "time_p10_s": 1e-4, "time_p90_s": 1e-4}, "more bytes/s than the device has"),
    ],
)
def test_a_row_that_no_device_can_have_produced_is_refused(folder: Path, values: dict, reason: str) -> None:
    write(folder, [slow(GOOD_ROW), slow(GOOD_ROW, **values)])
    sentence = refusal()
    assert reason in sentence
    assert "line 3" in sentence


def test_other_columns_and_words_for_numbers_are_refused(folder: Path) -> None:
    write(folder, text="a,b\n1,2\n")
    assert "has the columns a,b" in refusal()
    header = ",".join(COLUMNS).replace("time_s", "time_ms")
    write(folder, text=f"{header}\n")
    assert "has 'time_ms', in ms; 'time_s' is expected, in s" in refusal()
    write(folder, [slow(GOOD_ROW, tokens="many")])
    assert "is not a number" in refusal()
    write(folder, [GOOD_ROW[:-1]])
    assert "line 2 has 12 values, expected 13" in refusal()


def test_unknown_names_are_answered_with_the_nearest(folder: Path) -> None:
    write(folder, [slow(GOOD_ROW)])
    assert "did you mean 'smollm2-135m'" in refusal("SmolLM-135M")
    assert "did you mean 'bench'" in refusal(device="bemch")
    with pytest.raises(ProfileError, match="did you mean 'phone'"):
        load_card("phones")


@pytest.mark.parametrize("name", ["../bench", "..", "", "a/b", "bench\0"])
def test_a_name_never_leaves_the_folder(folder: Path, name: str) -> None:
    refusal(device=name)
    with pytest.raises(ProfileError):
        load_card(name)


def test_a_folder_that_is_not_there_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEI_GYM_PROFILES", f"{folder}{os.pathsep}{folder / 'profils'}")
    with pytest.raises(ProfileError, match=r"MEI_GYM_PROFILES names .*profils', and there is no such folder"):
        devices()


def test_a_measured_device_without_a_card_is_told_what_users_would_need(folder: Path) -> None:
    write(folder, [slow(GOOD_ROW)])
    with pytest.raises(ProfileError, match=r"'bench' was measured but has no card; .* needs devices/bench.json"):
        load_card("bench")


def test_a_card_in_another_unit_is_refused(folder: Path) -> None:
    (folder / "devices").mkdir()
    card = (load.DATA / "devices" / "phone.json").read_text()
    (folder / "devices" / "phone.json").write_text(card.replace('"unit": "W"', '"unit": "mW"', 1))
    with pytest.raises(ProfileError, match=r"^phone.json: device card phone: \w+ is in 'mW', expected 'W'$"):
        load_card("phone")


def test_a_folder_of_ones_own_adds_devices_and_models(folder: Path) -> None:
    assert "bench" in devices()
    assert models("bench") == ["smollm2-135m"]
    assert {"phone", "laptop", "jetson-orin-nano-super", "jetson-agx-orin"} <= set(devices())
