"""A device that a user measured: a scenario's server takes it by its name, whichever model it was measured with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gymnasium
import pytest

import mei_gym  # noqa: F401
from mei_gym.costs.compute import block_prefill_time, compute_costs
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


def test_a_device_that_users_carry_is_used_by_name_once_it_has_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ending in ("csv", "json"):
        (tmp_path / "my-laptop").mkdir(exist_ok=True)
        shutil.copy(DATA / "xeon-amx-1t" / f"smollm2-135m.{ending}", tmp_path / "my-laptop")
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    carried = {"device_classes": {"laptop": {"card": "my-laptop"}}}
    with pytest.raises(ValueError, match=r"has no card; .* needs devices/my-laptop.json"):
        gymnasium.make("mei/SplitInference-v0", **carried)
    (tmp_path / "devices").mkdir()
    card = json.loads((DATA / "devices" / "laptop.json").read_text()) | {"slug": "my-laptop"}
    (tmp_path / "devices" / "my-laptop.json").write_text(json.dumps(card))
    gymnasium.make("mei/SplitInference-v0", **carried).reset(seed=0)
    costs = compute_costs("SmolLM2-135M", "h100-sxm", ["my-laptop", "xeon-amx-1t", "laptop"])
    mine, measured, shipped = (block_prefill_time(costs, device, 128.0, 0.0) for device in (1, 2, 3))
    assert mine == measured > shipped
