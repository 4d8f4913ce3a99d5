"""SplitInference is sized so that its own requests, all sent to the edge, both fit the server and swamp it."""

import gymnasium
import numpy as np
import pytest

import mei_gym  # noqa: F401 (registers the ids)

LANES, REQUESTS, WINDOWS = 64, 1024, 12
BACKGROUND_PER_S = 1.0


def edge_only(**overrides) -> dict[str, np.ndarray]:
    """Every request to the edge: times, answers and abandonments, [step, lane]."""
    env = gymnasium.make_vec("mei/SplitInference-v0", num_envs=LANES, background_per_s=BACKGROUND_PER_S, **overrides)
    env.reset(seed=0)
    actions = np.zeros(LANES, np.int64)
    rows = [env.step(actions)[4] for _ in range(REQUESTS)]
    return {name: np.array([row[name] for row in rows]) for name in ("time_s", "answered", "abandoned", "kv_used")}


@pytest.fixture(scope="module")
def run() -> dict[str, np.ndarray]:
    """The default scenario, everything at the edge."""
    return edge_only()


@pytest.fixture(scope="module")
def loads(run) -> np.ndarray:
    """[window, lane]: requests that come in a twelfth of an episode, of those that the server can answer.

    What it can answer is counted on the same users, when far more come than it can.
    """
    flood = edge_only(requests_per_s=35.0, day_strength=0.0)
    late = slice(300, None)
    capacity_per_s = flood["answered"][late].sum(0) / (flood["time_s"][-1] - flood["time_s"][299]) + BACKGROUND_PER_S
    assert 16.0 < capacity_per_s.mean() < 20.0
    counts = [np.histogram(lane, bins=WINDOWS, range=(0.0, lane[-1]))[0] for lane in run["time_s"].T]
    arrivals_per_s = np.array(counts).T * WINDOWS / run["time_s"][-1] + BACKGROUND_PER_S
    return arrivals_per_s / capacity_per_s


def test_within_an_episode_edge_only_asks_for_half_of_the_server_and_for_a_fifth_more_than_all_of_it(loads):
    assert 0.4 < np.median(loads.min(0)) <= 0.65
    assert 1.15 <= np.median(loads.max(0)) <= 1.4


def test_most_of_the_load_is_the_cells_own(run):
    own_per_s = REQUESTS / run["time_s"][-1].mean()
    assert own_per_s > 10.0 * BACKGROUND_PER_S


def test_in_rush_hours_edge_only_fills_the_servers_memory_and_loses_users(run):
    assert (run["kv_used"].max(0) > 0.95).mean() > 0.5
    assert run["abandoned"].sum() > 0
