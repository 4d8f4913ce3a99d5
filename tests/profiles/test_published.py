"""The rule of devices known by their data sheets: what it predicts of chips it has not seen, and its cards."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import numpy as np
import pytest

from mei_gym.costs.compute import block_decode_time, compute_costs, head_time
from mei_gym.profiles.load import DATA, ProfileError, carded_devices, load_card
from mei_gym.profiles.published import (
    FILE,
    PublishedRow,
    classes,
    derived_errors,
    fit_rule,
    predicted_rate,
    published_rows,
    rule_of,
)

DERIVED = [slug for slug in carded_devices() if load_card(slug).origin == "derived"]
BY_RULE = ["raspberry-pi-5", "laptop-cpu", "rtx-4090", "l4", "a100"]


def row(chip: str, tokens_per_s: float, read_gb: float = 4.0, name: str = "nvidia-gpu") -> PublishedRow:
    nan = float("nan")
    words = (chip, chip, name, "M", 32, "16 bits", "decode")
    return PublishedRow(*words, tokens_per_s, 1.0, read_gb * 1e9, nan, 1e12, nan, "r", "measured", "s")


def test_a_rule_finds_the_share_and_the_launch_it_was_made_with() -> None:
    rows = [row(chip, 1.0 / (gb * 1e9 / (0.8 * 1e12) + 32 * 1e-5), gb) for chip, gb in (("a", 4), ("b", 8), ("c", 15))]
    rule = fit_rule(rows)
    assert rule.bandwidth_share == pytest.approx(0.8, rel=0.02)
    assert rule.launch_s == pytest.approx(1e-5, rel=0.1)
    assert isnan(rule.flops_share)


def test_a_chip_that_was_published_often_counts_once() -> None:
    often = [row("a", 100.0, name="phone")] * 9 + [row("b", 200.0, name="phone"), row("c", 300.0, name="phone")]
    assert predicted_rate(fit_rule(often), row("d", 1.0, name="phone")) == pytest.approx(200.0)


def test_errors_are_of_chips_that_the_rule_has_not_seen() -> None:
    errors = {(e.transfer_class, e.phase): e for e in derived_errors()}
    rows = [r for r in published_rows() if (r.transfer_class, r.phase) == ("phone", "decode")]
    mine = []
    for one in rows:
        rule = fit_rule([r for r in rows if r.chip != one.chip])
        mine.append(abs(predicted_rate(rule, one) / one.tokens_per_s - 1.0))
    found = errors["phone", "decode"]
    assert found.left_out == "chip"
    assert found.points == len(rows)
    assert found.median == pytest.approx(np.median(mine))
    assert found.p95 == pytest.approx(np.percentile(mine, 95))
    assert found.median > 0.0


@pytest.mark.parametrize("slug", DERIVED)
def test_every_derived_device_names_a_class_of_published_rates(slug: str) -> None:
    assert load_card(slug).transfer_class in classes()


@pytest.mark.parametrize("slug", BY_RULE)
def test_cards_hold_what_the_rule_makes_of_the_data_sheet(slug: str) -> None:
    card = load_card(slug)
    rule = rule_of(card.transfer_class)
    sheet_flops = card.get("spec_flops", card["spec_bandwidth_bytes_per_s"])
    assert card["bandwidth_share"] == pytest.approx(rule.bandwidth_share, abs=5e-4)
    assert card["bandwidth_bytes_per_s"] == pytest.approx(
        card["bandwidth_share"] * card["spec_bandwidth_bytes_per_s"], rel=1e-6
    )
    assert card["peak_flops"] == pytest.approx(rule.flops_share * sheet_flops, rel=2e-3)
    if rule.launch_s:
        assert card["launch_s"] == pytest.approx(rule.launch_s, rel=5e-3)


@pytest.mark.parametrize(
    ("slug", "model", "chip", "runtime"),
    [
        ("rtx-4090", "Llama-3-8B", "RTX 4090", "llama.cpp"),
        ("raspberry-pi-5", "Llama-2-13B", "Raspberry Pi 5", "ollama"),
    ],
)
def test_a_card_decodes_near_a_published_rate_of_its_own(slug: str, model: str, chip: str, runtime: str) -> None:
    published = [
        r.tokens_per_s
        for r in published_rows()
        if (r.chip, r.model, r.phase, r.runtime) == (chip, model, "decode", runtime) and "F16" not in r.weights
    ]
    costs = compute_costs(model, slug, [])
    layers = {"Llama-3-8B": 32, "Llama-2-13B": 40}[model]
    rate = 1.0 / (layers * block_decode_time(costs, 0, 1.0, 512.0) + head_time(costs, 0, 1.0))
    assert rate == pytest.approx(published[0], rel=0.25)


def test_four_bits_bring_less_than_the_ratio_of_bits_on_a_gpu() -> None:
    rate = {r.weights: r.tokens_per_s for r in published_rows() if r.chip == "A100" and r.model == "Llama-2-7B"}
    rule = rule_of("datacentre-gpu")
    packed = next(r for r in published_rows() if r.chip == "A100" and r.model == "Llama-2-7B" and "INT4" in r.weights)
    plain = next(r for r in published_rows() if r.chip == "A100" and r.model == "Llama-2-7B" and r.weights == "FP16")
    predicted = predicted_rate(rule, packed) / predicted_rate(rule, plain)
    bytes_ratio = plain.read_bytes_per_token / packed.read_bytes_per_token
    assert 1.2 < rate["INT4-AWQ g128"] / rate["FP16"] < predicted < bytes_ratio  # the rule still says too much


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",decode,127.74", ",decode,many", "tokens_per_s 'many'; a number is expected"),
        (",decode,127.74", ",decode,0", "0 tokens/s; a positive rate is expected"),
        (",decode,127.74", ",chat,127.74", "phase 'chat'; prefill or decode is expected"),
        ("tokens_per_s,tokens", "tokens_per_ms,tokens", "'tokens_per_s' is expected"),
    ],
)
def test_a_bad_published_row_is_refused_in_a_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (DATA / FILE).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / FILE).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError, match=said):
        published_rows(tmp_path / FILE)


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ProfileError, match="no class of devices 'toaster'"):
        rule_of("toaster")
