"""Profiles are written whole or not at all, and a killed campaign goes on where it stopped."""

import errno
import hashlib
import json
import math
import os
from typing import NamedTuple

import pytest

from mei_gym.measurements.record import COLUMNS, Campaign, RecordError, Row, csv_text, read_rows, slug, write_together
from mei_gym.profiles.schema import COLUMNS as READ_COLUMNS

IDENTITY = {"model": "Tiny", "dtype": "float32"}


def row(tokens: int, role: str = "knot") -> Row:
    return Row("prefill", -1, role, tokens, 1, 0, 1.5e-4, 1.4e-4, 1.7e-4, 10, "cpu", 1e9, 2.5e6)


def test_the_columns_written_are_the_columns_read():
    assert COLUMNS == READ_COLUMNS


def test_a_row_survives_the_csv():
    assert read_rows(csv_text([row(7)])) == [row(7)]


def test_a_line_that_a_kill_cut_off_is_left_out():
    text = csv_text([row(1), row(2)])
    assert read_rows(text[:-9]) == [row(1)]


def test_a_killed_campaign_finds_its_rows_again(tmp_path):
    first = Campaign(tmp_path, "tiny", IDENTITY)
    first.add(row(1))
    first.note("power", power_w=3.0)
    with (tmp_path / "tiny.csv.partial").open("a") as file:
        file.write("prefill,-1,knot,2,1,")  # killed here
    second = Campaign(tmp_path, "tiny", IDENTITY)
    assert second.resumed == 1
    assert second.has(("prefill", -1, "knot", 1, 1, 0))
    assert not second.has(("prefill", -1, "knot", 2, 1, 0))
    assert second.noted("power") == [{"power_w": 3.0}]
    second.add(row(2))
    second.finish({})
    assert read_rows((tmp_path / "tiny.csv").read_text()) == [row(1), row(2)]


def test_a_campaign_of_other_versions_is_not_mixed_in(tmp_path):
    Campaign(tmp_path, "tiny", IDENTITY).add(row(1))
    with pytest.raises(RecordError, match="was begun with dtype 'float32' and this campaign has 'bfloat16'"):
        Campaign(tmp_path, "tiny", {**IDENTITY, "dtype": "bfloat16"})


def test_the_json_holds_the_hash_of_the_csv_and_no_partial_file_stays(tmp_path):
    campaign = Campaign(tmp_path, "tiny", IDENTITY)
    campaign.add(row(1), row(2))
    path = campaign.finish({"model": "Tiny"})
    card = json.loads((tmp_path / "tiny.json").read_text())
    assert card["csv_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (card["schema"], card["origin"], card["rows"]) == (1, "measured", 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.csv", "tiny.json"]


def fill_the_disk(monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)


def test_a_full_disk_leaves_the_profile_that_was_there(tmp_path, monkeypatch):
    csv, card = tmp_path / "tiny.csv", tmp_path / "tiny.json"
    write_together({csv: "old", card: "older"})
    campaign = Campaign(tmp_path, "tiny", IDENTITY)
    campaign.add(row(1))
    fill_the_disk(monkeypatch)
    with pytest.raises(RecordError, match=r"the disk is full: .*tiny\.csv was not written"):
        campaign.finish({})
    assert (csv.read_text(), card.read_text()) == ("old", "older")
    assert not list(tmp_path.glob(".*tmp"))


def test_a_full_disk_leaves_no_half_row(tmp_path, monkeypatch):
    campaign = Campaign(tmp_path, "tiny", IDENTITY)
    campaign.add(row(1))
    before = (tmp_path / "tiny.csv.partial").read_text()
    fill_the_disk(monkeypatch)
    with pytest.raises(RecordError, match="the disk is full"):
        campaign.add(row(2))
    assert (tmp_path / "tiny.csv.partial").read_text() == before
    assert not campaign.has(("prefill", -1, "knot", 2, 1, 0))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_the_systems_own_full_device_is_named_in_one_sentence(tmp_path):
    (tmp_path / "tiny.csv.partial").symlink_to("/dev/full")
    from mei_gym.measurements.record import append_whole

    with pytest.raises(RecordError, match="the disk is full"):
        append_whole(tmp_path / "tiny.csv.partial", "x" * 100_000)


def test_a_slug_has_only_plain_letters():
    assert slug("Qwen2.5-7B") == "qwen2.5-7b"
    assert slug("NVIDIA A100 (80 GB)") == "nvidia-a100-80-gb"


class Cut(NamedTuple):
    """A table of another kind."""

    curve: str
    cut: int
    dnll: float

    keys = 2


def test_a_table_of_another_row_type_is_resumed_by_its_own_keys(tmp_path):
    first = Campaign(tmp_path, "tiny", IDENTITY, Cut)
    first.add(Cut("noise", 3, -2.5e-9), Cut("noise", 6, math.nan))
    second = Campaign(tmp_path, "tiny", IDENTITY, Cut)
    assert second.has(("noise", 3))
    assert second.rows[0] == Cut("noise", 3, -2.5e-9)
    assert math.isnan(second.rows[1].dnll)
    assert second.finish({}).read_text().splitlines()[0] == "curve,cut,dnll"
