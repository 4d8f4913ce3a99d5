import errno
import resource

import pytest

from agents.storage import Snapshots, StorageError, read_json, write, write_json


@pytest.fixture
def small_disk():
    """Files of this process may not grow beyond 64 KiB, as on a disk with that much room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_that_does_not_fit_leaves_the_former_one_whole(tmp_path, small_disk):
    path = tmp_path / "model.zip"
    write(path, b"former")
    with pytest.raises(StorageError, match=r"model\.zip could not be written"):
        write(path, b"x" * 1_000_000)
    assert path.read_bytes() == b"former"
    assert everything(tmp_path) == ["model.zip"]


def test_a_checkpoint_that_does_not_fit_leaves_the_former_one_whole(tmp_path, small_disk):
    snapshots = Snapshots(tmp_path)
    good = snapshots.save(100, {"a": lambda: b"one", "b": lambda: b"two"})
    with pytest.raises(StorageError, match=r"step 200 could not be written .*; the one of step 100 is still whole"):
        snapshots.save(200, {"a": lambda: b"one", "b": lambda: b"x" * 1_000_000})
    assert snapshots.latest() == good
    assert everything(tmp_path) == ["latest.json", "step_000000000100", "step_000000000100/a", "step_000000000100/b"]


def test_a_writer_that_raises_leaves_nothing_half_written(tmp_path):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match=r"No space left on device.*there is none before it"):
        Snapshots(tmp_path).save(100, {"a": lambda: b"one", "b": full})
    assert Snapshots(tmp_path).latest() is None
    assert everything(tmp_path) == []


def test_the_last_two_checkpoints_stay(tmp_path):
    snapshots = Snapshots(tmp_path)
    for step in (1, 2, 3):
        snapshots.save(step, {"a": lambda: b"x"})
    assert [path.name for path in sorted(tmp_path.glob("step_*"))] == ["step_000000000002", "step_000000000003"]
    assert read_json(tmp_path / "latest.json")["step"] == 3


def test_a_checkpoint_that_was_never_named_latest_is_written_anew(tmp_path):
    snapshots = Snapshots(tmp_path)
    snapshots.save(1, {"a": lambda: b"one"})
    left = tmp_path / "step_000000000002"
    left.mkdir()
    (left / "a").write_bytes(b"of a killed run")
    (tmp_path / ".unfinished-step_000000000003").mkdir()
    assert snapshots.save(2, {"a": lambda: b"two"}).joinpath("a").read_bytes() == b"two"
    assert not list(tmp_path.glob(".unfinished*"))


def test_json_with_a_number_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"score": float("nan")})
    assert everything(tmp_path) == []
