"""Pictures of a world: they are drawn from the world's own rules, and show what they say."""

import numpy as np
import pytest

import mei_gym  # noqa: F401 (registers the ids)
from mei_gym.command import main
from mei_gym.envs.lanes import Lanes, lane_seed
from mei_gym.envs.view import task_of

pictures = pytest.importorskip("mei_gym.world_pictures", reason="matplotlib is not installed")


@pytest.fixture(scope="module")
def city():
    task = task_of("mei/SplitInference-v0")
    lanes = Lanes(task, task.resolve("dense_urban", {}), 1)
    lanes.reset(np.array([lane_seed(0)], np.uint64))
    return lanes


def test_the_command_writes_the_map_the_lengths_and_the_load_with_captions(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["world", "plot", "sparse_rural", "--out", str(tmp_path)])
    assert stopped.value.code == 0
    names = {path.name for path in tmp_path.iterdir()}
    kinds = ("map", "lengths", "load")
    assert names == {*(f"sparse_rural-{kind}.{end}" for kind in kinds for end in ("png", "pdf")), "captions.md"}
    captions = (tmp_path / "captions.md").read_text("utf-8")
    assert "40 users" in captions
    assert "7 sites, 6 of them beyond the map" in captions


def test_an_unknown_scenario_is_refused_in_a_sentence_and_nothing_is_written(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["world", "plot", "dense_urbane", "--out", str(tmp_path / "none")])
    assert stopped.value.code == 2
    assert "did you mean 'dense_urban'?" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_the_sinr_of_the_map_is_best_at_a_site_and_falls_with_a_busier_neighbourhood(city):
    side = np.linspace(-250.0, 250.0, 60)
    params = city.params
    calm, busy = (pictures.sinr_db(params._replace(neighbour_load_mean=load), side) for load in (0.2, 0.9))
    assert (busy < calm).all()
    best_y, best_x = np.unravel_index(calm.argmax(), calm.shape)
    to_site_m = np.hypot(params.site_x_m - side[best_x], params.site_y_m - side[best_y]).min()
    assert to_site_m < 15.0


def test_the_load_shows_the_requests_that_an_episode_has(city):
    times_s, requests = pictures.arrivals(city)
    assert len(times_s) == requests.sum() == 1024
    assert (np.diff(times_s) >= 0.0).all()
    assert 1024 / times_s[-1] == pytest.approx(city.scenario.requests_per_s, rel=0.4)


@pytest.mark.parametrize("id", ["mei/EdgeCaching-v0", "mei/ModelDelivery-v0"])
def test_where_a_step_is_no_request_the_load_counts_the_requests_that_come_in_it(id):
    task = task_of(id)
    lanes = Lanes(task, task.resolve("default", {}), 1)
    lanes.reset(np.array([lane_seed(0)], np.uint64))
    times_s, requests = pictures.arrivals(lanes)
    assert requests.sum() == {"mei/EdgeCaching-v0": lanes.state.request[0], "mei/ModelDelivery-v0": 256.0}[id]
    assert (requests >= 0.0).all()
    assert (np.diff(times_s) > 0.0).all()
    assert requests.sum() / times_s[-1] == pytest.approx(lanes.scenario.requests_per_s, rel=0.4)


def test_a_world_without_a_network_or_traffic_is_refused_in_a_sentence(porch, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["world", "plot", "default", "--id", porch, "--out", str(tmp_path / "none")])
    assert stopped.value.code == 2
    assert "The world of Porch has no sites, no lengths and no arrivals to draw." in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
