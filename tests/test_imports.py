"""Imports point left, and `import mei_gym` costs little: both are read or run here, not promised."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEAVES = {
    "architectures",
    "chance",
    "compiled",
    "floors",
    "packed",
    "spelling",
    "units",
}  # anybody may import them; they import only each other
FLOORS = [  # left to right; floors of one line know nothing of each other
    {"profiles"},
    {"costs"},
    {"network", "workload"},
    {"scenarios"},
    {"envs"},
    {"heuristics"},
    {"oracle"},
    {
        "catalogue",
        "doctor",
        "terminal",
        "benchmark",
        "benchmark_serving",
        "benchmark_sizes",
        "command",
        "measure_command",
        "world_command",
        "world_pictures",
    },
]
APART = {"measurements"}  # the joint to it is a file: only the commands of the last floor ask it
HEAVY = {
    "torch",
    "numba",
    "stable_baselines3",
    "sb3_contrib",
    "matplotlib",
    "typer",
    "rich",
    "pydantic",
    "yaml",
    "PIL",
    "scipy",
}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of what a file imports, those inside of functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: an import from '.' hides where it points"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(name: str) -> int:
    places = [place for place, names in enumerate(FLOORS) if name in names]
    assert places, f"{name} stands on no floor: enter it in FLOORS or LEAVES"
    return places[0]


def own(path: Path) -> str:
    """The first name below the package: "costs" for mei_gym/costs/compute.py."""
    return path.relative_to(ROOT / "mei_gym").parts[0].removesuffix(".py")


def targets(path: Path) -> set[str]:
    """The package's own floors and leaves that a file imports."""
    return {dotted.split(".")[1] for dotted in imports(path) if dotted.startswith("mei_gym.")}


@pytest.mark.parametrize("path", modules("mei_gym"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_left(path):
    here = own(path)
    if here in ("__init__", "registration"):
        assert targets(path) <= {"registration", "envs"}
        return
    seen = targets(path) - LEAVES - {here, "__version__"}
    if here in LEAVES or here in APART:
        assert not seen, f"{here} imports {seen}"
        return
    if here not in FLOORS[-1]:
        assert not seen & APART, f"{here} imports measurements: the joint between them is a file"
    for name in seen - APART:
        assert floor(name) < floor(here) or here in FLOORS[-1], f"{here} imports {name}, which is not to its left"


@pytest.mark.parametrize("path", modules("mei_gym"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_package_knows_nothing_of_agents(path):
    assert not {dotted for dotted in imports(path) if dotted.split(".")[0] == "agents"}


def test_importing_the_package_imports_nothing_heavy_and_registers_the_ids():
    seen = python(
        "import sys, mei_gym, gymnasium\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
        "print(*(id for id in gymnasium.registry if id.startswith('mei/')))"
    )
    loaded, ids = seen.splitlines()
    assert not HEAVY & set(loaded.split())
    assert "mei/SplitInference-v0" in ids.split()


def test_importing_the_package_twice_registers_once_and_is_quick():
    seen = python(
        "import time; began = time.process_time()\n"
        "import mei_gym\n"
        "spent = time.process_time() - began\n"
        "mei_gym.register_environments()\n"
        "print(spent)",
        "-W",
        "error",
    )
    assert float(seen) < 0.6


@pytest.mark.parametrize("module", ["mei_gym.command", "mei_gym.catalogue"])
def test_the_command_answers_help_without_the_heavy_packages(module):
    loaded = set(python(f"import sys, {module}\nprint(*sorted({{n.partition('.')[0] for n in sys.modules}}))").split())
    assert not (HEAVY - {"typer"}) & loaded


def python(program: str, *options: str) -> str:
    """What a fresh interpreter prints for a program."""
    done = subprocess.run([sys.executable, *options, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
