"""What every test has: one thread each, and the trace files where a checkout has them beside it."""

import os
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


@pytest.fixture(scope="session")
def traces() -> Path:
    """The folder of public traces, `shared/traces` beside the checkout or MEI_GYM_TRACES; without it, skip."""
    folder = Path(os.environ.get("MEI_GYM_TRACES", ROOT.parent / "shared" / "traces"))
    if not folder.is_dir():
        pytest.skip("the trace files are not beside this checkout")
    return folder
