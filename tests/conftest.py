"""What every test has: one thread each, and the trace files where a checkout has them beside it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy and torch are imported: tests run in several processes
os.environ.setdefault("MPLBACKEND", "Agg")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="module")
def porch() -> Iterator[str]:
    """The id of an environment that stands outside the package, registered as long as a module's tests run."""
    import gymnasium

    from mei_gym.registration import register

    register("outside/Porch-v0", 64, task="outside.envs.porch")
    yield "outside/Porch-v0"
    del gymnasium.registry["outside/Porch-v0"]


@pytest.fixture(scope="session")
def traces() -> Path:
    """The folder of public traces, `shared/traces` beside the checkout or MEI_GYM_TRACES; without it, skip."""
    folder = Path(os.environ.get("MEI_GYM_TRACES", ROOT.parent / "shared" / "traces"))
    if not folder.is_dir():
        pytest.skip("the trace files are not beside this checkout")
    return folder
