"""Device cards: every number says where it is from, and each class decodes as fast as its cited rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mei_gym.costs.compute import compute_costs, head_time, layers_decode_time, layers_prefill_time
from mei_gym.profiles.load import ProfileError, carded_devices, load_card
from mei_gym.profiles.schema import UNITS

DERIVED = [slug for slug in carded_devices() if load_card(slug).origin == "derived"]

# tokens/s, decoding Llama-3-8B at about 4 bits, batch 1: the class median of costs.md section 6 or its nearest row
DECODE_8B = {
    "phone": 10.91,  # Galaxy S24, ExecuTorch
    "phone-npu": 12.93,  # Snapdragon 8 Elite, Genie
    "laptop": 50.74,  # M3 Max, llama.cpp
    "laptop-basic": 9.72,  # M1 8 GB, llama.cpp
    "jetson-orin-nano-super": 19.14,  # MLC, vendor
    "jetson-agx-orin": 30.7,  # TinyChat
    "rtx-4090": 127.74,  # llama.cpp
    "a100": 53.18,  # SXM, F16, llama.cpp
}
PREFILL_8B = {"phone-npu": 803.0, "laptop": 678.0, "laptop-basic": 87.3, "jetson-agx-orin": 1641.0}


@pytest.mark.parametrize("device", sorted(DECODE_8B))
def test_a_derived_class_decodes_within_a_quarter_of_its_rows(device: str) -> None:
    costs = compute_costs("Llama-3-8B", device, [])
    token_s = layers_decode_time(costs, 0, 0, 32, 1.0, 128.0) + head_time(costs, 0, 1.0)
    assert abs(1.0 / token_s / DECODE_8B[device] - 1.0) < 0.25


@pytest.mark.parametrize("device", sorted(PREFILL_8B))
def test_a_derived_class_reads_a_prompt_within_a_quarter_of_its_rows(device: str) -> None:
    costs = compute_costs("Llama-3-8B", device, [])
    tokens = 128.0 if device == "phone-npu" else 1024.0
    assert abs(tokens / layers_prefill_time(costs, 0, 0, 32, tokens, 0.0) / PREFILL_8B[device] - 1.0) < 0.25


def test_reached_bandwidth_is_the_specified_one_times_the_class_share() -> None:
    for device in DERIVED:
        card = load_card(device)
        assert card["bandwidth_bytes_per_s"] == round(card["spec_bandwidth_bytes_per_s"] * card["bandwidth_share"])


def test_no_card_calls_anything_measured_and_every_number_has_a_source() -> None:
    for device in carded_devices():
        card = load_card(device)
        assert card.origin in ("cited", "derived")
        for name, quantity in card.numbers.items():
            assert quantity.origin in ("cited", "derived", "chosen")
            assert quantity.unit == UNITS[name]
            assert quantity.source


def test_a_throttled_phone_loses_44_per_cent_of_its_speed() -> None:
    assert load_card("phone")["throttled_speed"] == 0.56


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"unit": "GB"}, "memory_bytes is in 'GB', expected 'B'"),
        ({"value": -1.0}, "expected zero or more"),
        ({"origin": "measured"}, "'cited', 'derived' or 'chosen'"),
        ({"source": ""}, "at least 8 characters"),
    ],
)
def test_a_number_in_another_unit_or_without_source_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict, sentence: str
) -> None:
    card = load_card("phone").model_dump(by_alias=True)
    card["slug"] = "mine"
    card["numbers"]["memory_bytes"].update(change)
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "mine.json").write_text(json.dumps(card))
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    with pytest.raises(ProfileError, match=sentence):
        load_card("mine")
