"""A device that a user measured: a scenario's server takes it by its name, whichever model it was measured with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gymnasium
import pytest

import mei_gym  # noqa: F401
from mei_gym.profiles.load import DATA


@pytest.fixture
def my_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A copy of a shipped profile, under the name of a device that nobody else has."""
    folder = tmp_path / "my-server"
    folder.mkdir()
    for ending in ("csv", "json"):
        shutil.copy(DATA / "h200-sxm" / f"llama-3-8b.{ending}", folder)
    card = json.loads((folder / "llama-3-8b.json").read_text())
    card["device"]["slug"] = "my-server"
    (folder / "llama-3-8b.json").write_text(json.dumps(card))
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    return "my-server"


@pytest.mark.parametrize("model", ["Llama-3-8B", "Llama-2-7B"])
def test_a_server_of_ones_own_is_used_by_its_name(my_server: str, model: str) -> None:
    own, shipped = (
        gymnasium.make("mei/SplitInference-v0", model=model, server={"device": device})
        for device in (my_server, "h100-sxm")
    )
    forecasts = []
    for env in (own, shipped):
        _, info = env.reset(seed=0)
        action = 0
        for _ in range(40):
            _, _, _, _, info = env.step(action)
        forecasts.append(info["forecast_ttft_s"])
    assert 0.0 < forecasts[0] != forecasts[1]


def test_a_device_that_nobody_measured_is_answered_with_the_nearest_name(my_server: str) -> None:
    with pytest.raises(ValueError, match="no device 'my-servr'; did you mean 'my-server'"):
        gymnasium.make("mei/SplitInference-v0", server={"device": "my-servr"})
