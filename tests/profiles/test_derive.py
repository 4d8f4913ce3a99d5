"""Cards made by the rule: made again they are the same, and a data sheet alone is enough to make one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mei_gym.costs.compute import compute_costs, head_time, layers_decode_time
from mei_gym.profiles.derive import by_the_rule, write_cards
from mei_gym.profiles.load import DATA, ProfileError, architecture_of, carded_devices, load_card
from mei_gym.profiles.published import FILE, PublishedRow, predicted_rate, published_rows, rule_of

SHIPPED = DATA / "devices"
BY_RULE = [slug for slug in carded_devices() if by_the_rule(json.loads((SHIPPED / f"{slug}.json").read_text("utf-8")))]
MADE = ("bandwidth_share", "bandwidth_bytes_per_s", "peak_flops", "launch_s")


def sheet_of(slug: str, folder: Path) -> Path:
    """The card of a device without the numbers that the rule makes, alone in a folder of profiles."""
    card = json.loads((SHIPPED / f"{slug}.json").read_text("utf-8"))
    for name in MADE:
        del card["numbers"][name]
    (folder / "devices").mkdir()
    path = folder / "devices" / f"{slug}.json"
    path.write_text(json.dumps(card), encoding="utf-8")
    return path


def test_the_rule_made_the_cards_of_five_devices_and_no_older_one() -> None:
    assert BY_RULE == ["a100", "l4", "laptop-cpu", "raspberry-pi-5", "rtx-4090"]


@pytest.mark.parametrize("slug", BY_RULE)
def test_a_card_made_again_is_the_shipped_file(slug: str, tmp_path: Path) -> None:
    shipped = (SHIPPED / f"{slug}.json").read_text("utf-8")
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / f"{slug}.json").write_text(shipped, encoding="utf-8")
    (path,) = write_cards(tmp_path)
    assert path.read_text("utf-8") == shipped


@pytest.mark.parametrize("slug", BY_RULE)
def test_a_data_sheet_alone_becomes_the_shipped_card(slug: str, tmp_path: Path) -> None:
    path = sheet_of(slug, tmp_path)
    write_cards(tmp_path)
    assert json.loads(path.read_text("utf-8")) == json.loads((SHIPPED / f"{slug}.json").read_text("utf-8"))


def test_a_card_whose_numbers_come_from_elsewhere_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "phone.json").write_text((SHIPPED / "phone.json").read_text("utf-8"), encoding="utf-8")
    assert write_cards(tmp_path) == []


@pytest.mark.parametrize(
    ("slug", "lost", "said"),
    [
        (
            "l4",
            "spec_bandwidth_bytes_per_s",
            "spec_bandwidth_bytes_per_s is None; the rule of class nvidia-gpu needs it",
        ),
        ("l4", "spec_flops", "spec_flops is None; the rule of class nvidia-gpu needs it"),
        ("raspberry-pi-5", "stored_bits_per_weight", "a derived device needs stored_bits_per_weight"),
    ],
)
def test_a_data_sheet_that_lacks_a_number_is_refused_and_left_as_it_was(
    slug: str, lost: str, said: str, tmp_path: Path
) -> None:
    path = sheet_of(slug, tmp_path)
    card = json.loads(path.read_text("utf-8"))
    del card["numbers"][lost]
    path.write_text(json.dumps(card), encoding="utf-8")
    before = path.read_text("utf-8")
    with pytest.raises(ProfileError, match=said):
        write_cards(tmp_path)
    assert path.read_text("utf-8") == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("slug", BY_RULE)
@pytest.mark.parametrize("model", ["TinyLlama-1.1B", "Llama-3-8B"])
def test_a_model_on_a_card_decodes_at_the_rate_of_the_rule(slug: str, model: str) -> None:
    """Within the share that computing takes: the roofline adds it to reading, the rule has reading and launches."""
    card, architecture, costs = load_card(slug), architecture_of(model), compute_costs(model, slug, [])
    read = (
        card["stored_bits_per_weight"]
        / 8
        * (architecture.layers * architecture.block_matrix_weights + architecture.head_weights)
    )
    nan = float("nan")
    row = PublishedRow(
        slug, slug, card.transfer_class, model, architecture.layers, "", "decode", nan, 1.0, read, nan,
        card["spec_bandwidth_bytes_per_s"], nan, "", "measured", "",
    )  # fmt: skip
    ruled = predicted_rate(rule_of(card.transfer_class), row)
    token_s = layers_decode_time(costs, 0, 0, architecture.layers, 1.0, 32.0) + head_time(costs, 0, 1.0)
    assert 0.85 * ruled < 1.0 / token_s < 1.01 * ruled


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (
            "tokens_per_s",
            "300",
            "line 2 .RTX 4090, Llama-3-8B, decode. implies 1.48e.12 bytes/s, more than the 1.01e.12",
        ),
        ("read_bytes_per_token", "", "read_bytes_per_token nan; a decode needs a positive number"),
        ("spec_bandwidth_bytes_per_s", "inf", "spec_bandwidth_bytes_per_s inf; a decode needs a positive number"),
        ("tokens_per_s", "-1", "-1 tokens/s; a positive rate is expected"),
        ("kind", "contested", "kind 'contested'; measured or vendor is expected"),
    ],
)
def test_a_published_row_that_cannot_be_is_refused(tmp_path: Path, column: str, value: str, said: str) -> None:
    lines = (DATA / FILE).read_text("utf-8").splitlines()
    values = lines[1].split(",", len(PublishedRow._fields) - 1)
    values[PublishedRow._fields.index(column)] = value
    (tmp_path / FILE).write_text("\n".join([lines[0], ",".join(values), *lines[2:]]) + "\n", encoding="utf-8")
    with pytest.raises(ProfileError, match=said):
        published_rows(tmp_path / FILE)


def test_a_prefill_beyond_the_data_sheet_is_refused(tmp_path: Path) -> None:
    text = (DATA / FILE).read_text("utf-8")
    assert ",prefill,9056.26," in text
    (tmp_path / FILE).write_text(text.replace(",prefill,9056.26,", ",prefill,29056.26,"), encoding="utf-8")
    with pytest.raises(ProfileError, match=r"FLOP/s, more than the 3.3e.14 of its data sheet with 16-bit sums"):
        published_rows(tmp_path / FILE)


def test_a_table_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe" + (DATA / FILE).read_bytes())
    with pytest.raises(ProfileError, match=r"published\.csv is not UTF-8 text"):
        published_rows(tmp_path / FILE)
