import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from agents.experiment import CONFIGS, checked, load, merge, read
from agents.learners import training
from agents.learners.build import begin, build, training_lanes
from agents.learners.follower import was_whole
from agents.learners.model_file import load_model
from agents.learners.training import conclude, prepared_folder, train
from agents.storage import Snapshots, read_json


def command(root, *words):
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONWARNINGS": "error::UserWarning"}
    return [sys.executable, "-m", "agents.train", *map(str, words)], {"cwd": root, "env": environment}


def weights(folder):
    return load_model(folder / "last_model.zip").policy.state_dict()


def assert_same_weights(one, two):
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


@pytest.fixture(scope="module")
def uninterrupted(tiny, tmp_path_factory):
    """A run that nobody stopped, with its comparison and report."""
    experiment = load(tiny)
    run = train(experiment, prepared_folder(tmp_path_factory.mktemp("runs"), "tiny", experiment, False))
    conclude(run)
    return run.folder


@pytest.fixture(scope="module")
def killed(tiny, tmp_path_factory, root):
    """The same run, killed in the middle without warning, and taken up again."""
    out = tmp_path_factory.mktemp("runs")
    words, options = command(root, tiny, "--out", out, "--only-train")
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)
    folder = out / "tiny"
    latest = folder / "checkpoints" / "latest.json"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if latest.is_file() and read_json(latest)["step"] >= 12_288:
            break
        time.sleep(0.005)
    assert process.poll() is None, process.stderr.read().decode()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert not (folder / "last_model.zip").exists()
    words, options = command(root, tiny, "--out", out, "--only-train", "--resume")
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    assert "Going on from step" in done.stdout
    return folder


def test_a_killed_run_ends_with_the_weights_of_one_that_was_never_stopped(uninterrupted, killed):
    assert_same_weights(weights(uninterrupted), weights(killed))
    assert read_json(uninterrupted / "curve.json") == read_json(killed / "curve.json")
    assert len(read_json(killed / "provenance.json")) == 2  # one for each time that it was begun


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_a_stopped_run_of_every_learner_goes_on_exactly(algorithm, tiny, tiny_dqn, tmp_path, monkeypatch):
    values = load(tiny, ["algorithm=ppo"]).model_dump(mode="json")
    if algorithm == "dqn":
        values |= {
            "algorithm": "dqn",
            "hyperparameters": merge(read(CONFIGS / "algorithms" / "dqn.yaml"), tiny_dqn) | {"learner": "dqn"},
        }
    evaluation = values["evaluation"] | {"every_steps": 100_000, "validation_episodes": 1}
    values |= {"steps": 4096, "checkpoint_every_steps": 1024, "evaluation": evaluation}
    experiment = checked(values)
    whole = train(experiment, prepared_folder(tmp_path, "whole", experiment, False), levels={})

    class Stopped(Exception):
        pass

    saved = Snapshots.save

    def save_and_stop(self, step, files):
        saved(self, step, files)
        if step >= 2048:
            raise Stopped

    folder = prepared_folder(tmp_path, "stopped", experiment, False)
    monkeypatch.setattr(Snapshots, "save", save_and_stop)
    with pytest.raises(Stopped):
        train(experiment, folder, levels={})
    monkeypatch.undo()
    torch.manual_seed(99)  # whatever else the process drew in between
    np.random.seed(99)  # noqa: NPY002
    train(experiment, folder, resume=True, levels={})
    assert_same_weights(weights(whole.folder), weights(folder))


def test_training_seeds_the_lanes_from_its_own_range(tiny):
    experiment = load(tiny, ["seed=3", "algorithm=ppo"])
    env = training_lanes(experiment)
    model = build(experiment, env)
    begin(experiment, model, env)
    from mei_gym.oracle.seeds import TRAIN, lane_seeds

    assert TRAIN[0] <= 30_000 < TRAIN[1]
    assert env.lanes.state.seed.tolist() == lane_seeds(range(30_000, 30_016)).tolist()
    assert env.lanes.out.elapsed.tolist() == [64 * lane for lane in range(16)]


@pytest.mark.parametrize(
    ("truncated", "steps", "whole"), [(True, 1024, True), (True, 640, False), (False, 371, True), (False, 1024, True)]
)
def test_an_episode_that_ends_of_itself_is_shown_and_one_that_is_cut_to_stagger_the_lanes_is_not(
    truncated, steps, whole
):
    assert was_whole({"TimeLimit.truncated": truncated}, steps, 1024) == whole


def test_a_run_leaves_everything_that_running_it_again_needs(uninterrupted, tiny):
    assert checked(read_json(uninterrupted / "experiment.json")) == load(tiny)
    about = read_json(uninterrupted / "provenance.json")[0]
    assert about["packages"]["stable-baselines3"]
    assert about["rules_digest"]
    assert about["seeds"]["test"] == {"first": 2_000_000, "number": 3}
    assert {"curve.json", "best_model.zip", "last_model.zip", "report.html"} <= {
        path.name for path in uninterrupted.iterdir()
    }
    rows = read_json(uninterrupted / "curve.json")["curve"]
    assert [row["steps"] for row in rows] == [0, 8192, 16384, 24576, 32768]
    assert all(row["score_low"] <= row["score"] <= row["score_high"] for row in rows)


def test_the_report_is_one_page_that_needs_nothing_else(uninterrupted):
    page = (uninterrupted / "report.html").read_text("utf-8")
    assert not re.search(r'(src|href)=(?!"data:)', page)
    assert "MaskablePPO" in page
    assert "neurosurgeon" in page
    inlined = [base64.b64decode(text) for text in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]
    files = sorted(path.read_bytes() for path in (uninterrupted / "pictures").glob("*.png"))
    assert sorted(inlined) == files
    assert len(files) == 4
    for data in files:
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20  # something is drawn


def test_the_comparison_is_written_in_every_form(uninterrupted):
    folder = uninterrupted / "test"
    policies = [row["policy"] for row in read_json(folder / "comparison.json")["policies"]]
    assert sorted(policies) == ["MaskablePPO", "edge_only", "neurosurgeon"]
    lines = (folder / "comparison.csv").read_text("utf-8").splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == policies
    text = (folder / "comparison.md").read_text("utf-8")
    assert all(f"| {policy} " in text for policy in policies)
    assert len((folder / "pairs.csv").read_text("utf-8").splitlines()) == 3


@pytest.mark.parametrize("folder", ["uninterrupted", "killed"])
def test_tensorboard_shows_finite_numbers_whose_steps_never_go_back(folder, request):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.custom_scalar import layout_pb2

    events = EventAccumulator(
        str(request.getfixturevalue(folder) / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0, "images": 0}
    )
    events.Reload()
    tags = events.Tags()["scalars"]
    for tag in tags:
        points = events.Scalars(tag)
        steps = [point.step for point in points]
        assert steps == sorted(set(steps)), tag
        assert np.isfinite([point.value for point in points]).all(), tag
    assert [point.step for point in events.Scalars("validation/score")] == [0, 8192, 16384, 24576, 32768]
    # of 16 lanes, 64 requests apart, the eighth whole episode ends when lane 9 has taken 2,048 - 9 * 64 steps
    assert events.Scalars("episode/score")[0].step >= 16 * (2048 - 9 * 64)
    assert len(events.Images("decisions")) == 5
    layout = layout_pb2.Layout.FromString(events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0])
    charts = [chart for category in layout.category for chart in category.chart]
    assert len(charts) > 8
    for chart in charts:
        for pattern in chart.multiline.tag:
            assert len([tag for tag in tags if re.search(pattern, tag)]) == 1, pattern
        margins = [each for series in chart.margin.series for each in (series.value, series.lower, series.upper)]
        assert set(margins) <= set(tags)
        assert len(chart.multiline.tag) + len(margins) > 0, chart.title
    assert "_hparams_/session_start_info" in events.Tags()["tensors"] or events.summary_metadata.get(
        "_hparams_/session_start_info"
    )


def test_a_run_is_never_overwritten_and_never_resumed_with_another_config(uninterrupted, tiny):
    out, name = uninterrupted.parent, uninterrupted.name
    assert prepared_folder(out, name, load(tiny), False) == out / f"{name}_2"
    with pytest.raises(ValueError, match="begun with another steps"):
        prepared_folder(out, name, load(tiny, ["steps=1"]), True)
    with pytest.raises(ValueError, match=r"no run .* to go on with"):
        prepared_folder(out, "nowhere", load(tiny), True)


def test_a_finished_run_that_is_resumed_changes_nothing(uninterrupted, tiny):
    before = weights(uninterrupted)
    curve = read_json(uninterrupted / "curve.json")
    train(load(tiny), uninterrupted, resume=True)
    assert_same_weights(before, weights(uninterrupted))
    assert read_json(uninterrupted / "curve.json") == curve


def test_the_command_refuses_in_one_sentence(root, tiny):
    words, options = command(root, tiny, "--set", "lane=3")
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 2
    assert done.stderr == "agents.train: There is no key 'lane'; did you mean 'lanes'?\n"


def test_help_needs_neither_torch_nor_the_environments(root):
    program = (
        "import sys\nfrom agents import train, evaluate, report\n"
        "try: train.main(['--help'])\nexcept SystemExit: pass\n"
        "print(json.dumps(sorted({n.partition('.')[0] for n in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import json\n" + program], capture_output=True, text=True, check=True, cwd=root
    )
    assert not {"torch", "numba", "gymnasium", "matplotlib", "pydantic"} & set(json.loads(done.stdout.splitlines()[-1]))


def test_levels_are_played_once_a_run(uninterrupted, tiny, monkeypatch):
    monkeypatch.setattr(training, "played", lambda *_: pytest.fail("played again"))
    assert set(training.known_levels(load(tiny), uninterrupted)) == {"edge_only", "neurosurgeon"}
