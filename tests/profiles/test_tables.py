"""The tables of profiles and errors: honest rows, and the committed file is what the code computes."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import pytest

from mei_gym.costs.errors import errors_of_folder
from mei_gym.profiles.curves import KINDS
from mei_gym.profiles.listing import curve_rows
from mei_gym.profiles.load import DATA, LARGEST_FILE_BYTES, ProfileError, devices
from mei_gym.profiles.tables import ALL, ERRORS_FILE, ErrorRow, error_rows, errors_text, profile_rows, read_errors


def test_every_device_stands_in_the_table_with_its_origin() -> None:
    rows = profile_rows()
    assert {row.device for row in rows} == set(devices())
    assert {row.origin for row in rows} <= {"measured", "cited", "derived"}
    assert all(row.origin != "measured" for row in rows if row.model == "any")


def test_the_committed_error_table_is_the_one_that_the_code_computes() -> None:
    committed = read_errors((DATA / ERRORS_FILE).read_bytes())
    computed = errors_of_folder(DATA)
    assert [row[:6] for row in committed] == [row[:6] for row in computed]
    for before, now in zip(committed, computed, strict=True):
        for name in ("median", "p95", "noise_median", "noise_p95"):
            a, b = getattr(before, name), getattr(now, name)
            assert (isnan(a) and isnan(b)) or abs(a - b) < 2e-5 + 1e-3 * abs(b), (before, name)


def test_an_error_table_is_read_back_as_written() -> None:
    rows = [ErrorRow("interpolated", "bench", "Llama-2-7B", "prefill", ALL, 3, 0.01, 0.05, 0, 0.5, 0.75)]
    assert read_errors(errors_text(rows).encode()) == rows


def test_a_file_of_other_columns_is_refused() -> None:
    with pytest.raises(ProfileError, match="has the columns a,b, expected tier,device"):
        read_errors(b"a,b\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"\xff", "errors.csv is not UTF-8 text"),
        (b"interpolated,bench,any,decode,all,many,0.1,0.2,0,nan,nan", "line 2 has points 'many'; a number is expected"),
        (b"interpolated,bench", "line 2 has 2 values, expected 11"),
        (b"x" * 200_000, "errors.csv is not CSV: field larger"),
    ],
)
def test_a_damaged_error_table_of_ones_own_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes, said: str
) -> None:
    (tmp_path / ERRORS_FILE).write_bytes(",".join(ErrorRow._fields).encode() + b"\n" + line + b"\n")
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    with pytest.raises(ProfileError, match=said):
        error_rows()


def test_an_error_table_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / ERRORS_FILE).open("wb") as file:
        file.truncate(LARGEST_FILE_BYTES + 1)
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    with pytest.raises(ProfileError, match="more than the 8388608"):
        error_rows()


def test_a_folder_of_ones_own_brings_its_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = ErrorRow("interpolated", "bench", "Llama-2-7B", "decode", ALL, 3, 0.01, 0.05, 2, 0.02, 0.03)
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "llama-2-7b.csv").write_text("")
    (tmp_path / ERRORS_FILE).write_text(errors_text([row]))
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    assert row in error_rows()


def test_a_profile_of_ones_own_does_not_take_the_errors_of_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any((row.device, row.model, row.tier) == ("h100-sxm", "Llama-2-7B", "interpolated") for row in error_rows())
    (tmp_path / "h100-sxm").mkdir()
    (tmp_path / "h100-sxm" / "llama-2-7b.csv").write_text("")
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    assert not any(
        (row.device, row.model, row.tier) == ("h100-sxm", "Llama-2-7B", "interpolated") for row in error_rows()
    )


def test_every_curve_is_listed_with_its_machine_and_typical_error() -> None:
    listed = {row.kind: row for row in curve_rows() if row.origin == "measured" and row.kind in KINDS}
    assert set(listed) == set(KINDS)
    assert all(row.machine and row.seconds > 0.0 for row in listed.values())
    assert all(0.0 < row.typical_error < 0.1 for row in listed.values())
