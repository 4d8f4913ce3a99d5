"""Times of loading, and what is said of the disk."""

import os
from pathlib import Path

import pytest

pytest.importorskip("torch")

from mei_gym.measurements import loading
from mei_gym.measurements.loading import filesystem, load_times

MIB = 2**20
MOUNTS = "/dev/vda / ext4 rw 0 0\ntmpfs /scratch tmpfs rw 0 0\n/dev/vdb /scratch/disk xfs rw 0 0\n"


def test_every_size_is_read_and_more_bytes_take_longer(tmp_path: Path) -> None:
    rows, disk = load_times(MIB, False, tmp_path, (64 * MIB,))
    if disk["filesystem"] in loading.IN_MEMORY:
        pytest.skip("temporary files lie in memory here")
    assert [(row["path"], row["bytes"]) for row in rows] == [("disk_to_ram", MIB), ("disk_to_ram", 64 * MIB)]
    assert all(row["time_p10_s"] <= row["time_s"] <= row["time_p90_s"] for row in rows)
    assert all(row["repeats"] >= loading.FEWEST for row in rows)
    assert 0.0 < rows[0]["time_s"] < rows[1]["time_s"]
    assert "dropped" in disk["cache"]


def test_nothing_is_left_on_the_disk(tmp_path: Path) -> None:
    load_times(MIB, False, tmp_path, ())
    assert os.listdir(tmp_path) == []


def test_memory_is_not_told_as_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "filesystem", lambda folder: "tmpfs")
    rows, disk = load_times(MIB, False, tmp_path, ())
    assert rows == []
    assert "not measured" in disk["what"]


def test_a_system_that_keeps_its_cache_is_told_as_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "filesystem", lambda folder: "unknown")
    monkeypatch.delattr(os, "RWF_NOWAIT")
    rows, disk = load_times(MIB, False, tmp_path, ())
    assert [row["path"] for row in rows] == ["disk_to_ram"]
    assert "not checked" in disk["cache"]
    monkeypatch.delattr(os, "posix_fadvise")
    rows, disk = load_times(MIB, False, tmp_path, ())
    assert rows == []
    assert "not measured" in disk["what"]


@pytest.mark.parametrize(
    ("folder", "kind"), [("/scratch/x", "tmpfs"), ("/scratch/disk/y", "xfs"), ("/scratchy", "ext4"), ("/", "ext4")]
)
def test_the_nearest_mount_tells_the_file_system(folder: str, kind: str) -> None:
    assert filesystem(Path(folder), MOUNTS) == kind
    assert filesystem(Path(folder), "") == "unknown"
