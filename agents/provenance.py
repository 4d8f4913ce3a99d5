"""What a result must be traced back to: code, versions, machine, date."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "mei-gym", "gymnasium", "numpy", "scipy", "numba", "torch", "stable-baselines3", "sb3-contrib", "tensorboard",
)  # fmt: skip
CHECKOUT = Path(__file__).parents[1]


def provenance() -> dict[str, Any]:
    """Versions, git revision, digest of the rules, machine and date, fit for JSON."""
    from mei_gym.compiled import digest

    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [
            program_name(Path(sys.argv[0])),
            *(Path(word).name if word.startswith("/") else word for word in sys.argv[1:]),
        ],
        "git": git_revision(),
        "rules_digest": digest(),
        "python": platform.python_version(),
        "packages": {name: installed(name) for name in PACKAGES},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cpu": cpu_name(),
            "cores": os.cpu_count(),
            "device": "cpu",
        },
    }


def program_name(path: Path) -> str:
    """The name of a script; of a folder that is run, the folder's."""
    return path.parent.name if path.stem == "__main__" else path.stem


def installed(package: str) -> str | None:
    """The version of a package, None if it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def git_revision() -> dict[str, Any]:
    """The commit of the checkout, and whether tracked files differ from it."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, timeout=20, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    commit = git("rev-parse", "HEAD")
    return {"commit": commit, "changed": bool(git("status", "--porcelain", "--untracked-files=no")) if commit else None}


def cpu_name() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
