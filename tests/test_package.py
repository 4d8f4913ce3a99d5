"""The package as it is shipped, and the checkout's promises: versions, contents, size, README's commands."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

import mei_gym
from mei_gym.command import app

ROOT = Path(__file__).parents[1]
TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".csv", ".cff", ""}
LARGEST_DATA_BYTES = 8 * 1024**2


def tracked() -> list[Path]:
    """Files that git knows; where there is no git, all that are not hidden."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        return [path for path in ROOT.rglob("*") if path.is_file() and "/." not in path.as_posix()]
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Names in the wheel that this checkout builds."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


def test_every_place_names_the_same_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    newest = re.search(r"^## \[(\d\S*)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    versions = {mei_gym.__version__, project["version"], str(citation["version"]), newest.group(1)}
    assert versions == {metadata.version("mei-gym")}


def test_the_wheel_is_typed_and_has_every_data_file(wheel):
    assert "mei_gym/py.typed" in wheel
    data = {path.relative_to(ROOT).as_posix() for path in tracked() if path.suffix in (".csv", ".json", ".yaml")}
    assert {name for name in data if name.startswith("mei_gym/")} <= set(wheel)


def test_the_wheel_has_nothing_but_the_package(wheel):
    assert {name.partition("/")[0] for name in wheel} == {"mei_gym", f"mei_gym-{mei_gym.__version__}.dist-info"}


def test_the_data_stay_below_eight_mebibytes(wheel):
    assert sum(size for name, size in wheel.items() if not name.endswith(".py")) <= LARGEST_DATA_BYTES


def test_no_file_names_a_folder_of_one_machine():
    found = re.compile(r"(^|[^A-Za-z0-9_.])/(work|tmp|root|farm|opt|home/\w+)/", re.MULTILINE)
    assert not [path for path in tracked() if path.suffix in TEXTS and found.search(path.read_text("utf-8"))]


def test_no_python_file_is_unfinished():
    marks = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    assert not [path for path in tracked() if path.suffix == ".py" and any(m in path.read_text("utf-8") for m in marks)]


def test_no_file_is_an_attic():
    attics = re.compile(r"^(utils?|helpers?|common|base|core|misc)$")
    assert not [
        path for path in tracked() if any(attics.match(part.partition(".")[0]) for part in path.relative_to(ROOT).parts)
    ]


def readme_commands() -> list[str]:
    """Lines of the README's shell blocks."""
    blocks = re.findall(
        r"^```(?:bash|sh)\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def test_the_readmes_commands_are_there():
    lines = readme_commands()
    verbs = {command.name or command.callback.__name__ for command in app.registered_commands}
    verbs |= {group.name for group in app.registered_groups}
    assert {verb for line in lines for verb in re.findall(r"mei-gym ([a-z]+)", line)} <= verbs
    modules = {name for line in lines for name in re.findall(r"python3? -m ((?:agents|mei_gym)[.\w]*)", line)}
    missing = [name for name in modules if not list(ROOT.glob(f"{name.replace('.', '/')}*"))]
    assert modules
    assert not missing


def test_the_readmes_files_are_there():
    text = (ROOT / "README.md").read_text("utf-8")
    named = {name for line in readme_commands() for name in re.findall(r"(?:configs|\.ci)/[\w./-]+", line)}
    linked = {name for name in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)}
    assert named
    assert not [name for name in named | linked if not (ROOT / name).exists()]


@pytest.mark.parametrize(
    "place", range(8), ids=["one", "lanes", "sb3", "caching", "planner", "delivery", "laws", "placement"]
)
def test_the_readmes_python_runs(place):
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    if "sb3" in blocks[place]:
        pytest.importorskip("sb3_contrib")
    names = {}
    exec("import gymnasium, mei_gym", names)
    exec(blocks[place].replace("100_000", "1").replace("n_steps=128", "n_steps=32"), names)
    assert {"env", "lanes", "model", "problem"} & set(names)
