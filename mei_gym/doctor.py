"""The doctor: whether this machine can simulate, train and measure, one check a line.

A check is `well`, `absent` (an extra that is not installed: its verbs say so when they are asked) or `wrong`.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

DISTRIBUTION = "mei-gym"
WELL, ABSENT, WRONG = "well", "absent", "wrong"
OLDEST, NEWEST = (3, 11), (3, 13)  # Python, as in pyproject.toml


class Check(NamedTuple):
    """What was looked at, how it is, and what was seen."""

    what: str
    state: str
    seen: str


def examine() -> list[Check]:
    """Every check, in the order in which a user would mend things."""
    checks = [python(), Check("cores", WELL, str(cores())), packages()]
    checks += [extra(name) for name in ("train", "measure", "dev", "peers")]
    checks += [tried("compiler", compiler), tried("compiler cache", compiler_cache), tried("profiles", profiles)]
    return [*checks, tried("environments", environments)]


def python() -> Check:
    """The interpreter's version against the supported ones."""
    fits = OLDEST <= sys.version_info[:2] <= NEWEST
    wanted = "" if fits else f"; {'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))} is supported"
    return Check("Python", WELL if fits else WRONG, f"{platform.python_version()} on {platform.platform()}{wanted}")


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def packages() -> Check:
    """The packages that simulating needs."""
    found, missing = installed(_required(None))
    seen = ", ".join(f"{name} {version}" for name, version in found.items())
    return Check("packages", WRONG if missing else WELL, f"missing: {', '.join(missing)}; {seen}" if missing else seen)


def extra(name: str) -> Check:
    """The packages of an optional part."""
    found, missing = installed(_required(name))
    if missing:
        return Check(f"extra {name}", ABSENT, f"missing {', '.join(missing)}: pip install '{DISTRIBUTION}[{name}]'")
    return Check(f"extra {name}", WELL, ", ".join(f"{name} {version}" for name, version in found.items()))


def _required(extra_name: str | None) -> list[str]:
    """Names of the packages that our own metadata asks for, of one extra or of none."""
    lines = metadata.requires(DISTRIBUTION) or []
    chosen = []
    for line in lines:
        marker = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", line)
        if (marker.group(1) if marker else None) == extra_name:
            chosen.append(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0])
    return chosen


def installed(names: list[str]) -> tuple[dict[str, str], list[str]]:
    """Versions of the packages that are there, and the names of those that are not."""
    found, missing = {}, []
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    return found, missing


def tried(what: str, check: Callable[[], str]) -> Check:
    """A check that is well if it returns what it saw, and wrong if it raises."""
    try:
        return Check(what, WELL, check())
    except Exception as error:  # whatever is broken on this machine is what the doctor is for
        return Check(what, WRONG, " ".join(f"{type(error).__name__}: {error}".split()))


def compiler() -> str:
    """numba turns a rule into machine code."""
    import numba

    doubled = numba.njit(lambda number: 2 * number)
    if doubled(21) != 42:
        raise RuntimeError("numba compiled 2 * 21 to something else than 42")
    return f"numba {numba.__version__}, up to {numba.get_num_threads()} threads"


def compiler_cache() -> str:
    """The compiled rules can be kept, so that only the first `gymnasium.make` is slow."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(named) if named else Path(__file__).parent / "envs" / "__pycache__"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder):
        return "can be written" + (" (NUMBA_CACHE_DIR)" if named else "")


def profiles() -> str:
    """Every profile is the file that was measured (SHA-256) and anchors a fit; every device card is readable."""
    from mei_gym.profiles.fit import fit
    from mei_gym.profiles.load import carded_devices, load_card, load_profile, measured_devices, models

    measured = [(device, model) for device in measured_devices() for model in models(device)]
    for device, model in measured:
        load_profile(device, model)
        fit(device, model)
    for device in carded_devices():
        load_card(device)
    return f"{len(measured)} measured profiles with the right hash, {len(carded_devices())} device cards"


def environments() -> str:
    """Every id can be made, reset and stepped."""
    import gymnasium

    from mei_gym.catalogue import ids

    seen = []
    for id in ids():
        began_s = time.perf_counter()
        env = gymnasium.make(id)
        env.reset(seed=0)
        env.step(env.action_space.sample())
        env.close()
        seen.append(f"{id} made and stepped in {time.perf_counter() - began_s:.1f} s")
    return "; ".join(seen) or "none is registered"
