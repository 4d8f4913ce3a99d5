"""A model that was not measured: what the others lend it, and how far that is off."""

from __future__ import annotations

import numpy as np
import pytest

from mei_gym.architectures import ARCHITECTURES
from mei_gym.profiles.fit import fit
from mei_gym.profiles.load import ProfileError, load_profile, models
from mei_gym.profiles.processor import processor_of
from mei_gym.profiles.unseen import by_nearness, same_blocks, transfer

H100 = "h100-sxm"


@pytest.mark.parametrize("device", [H100, "h200-sxm", "xeon-amx-1t"])
def test_every_architecture_works_on_a_measured_device(device: str) -> None:
    for name in ARCHITECTURES:
        processor = processor_of(device, name)
        assert processor.origin == ("measured" if name.lower() in models(device) else "transferred")
        times = processor.decode.time_s
        assert (np.diff(times, axis=0) >= 0).all()
        assert (np.diff(times, axis=1) >= 0).all()
        assert (times > 0).all()


def test_a_twin_lends_its_own_times() -> None:
    """Mistral-7B and Llama-3-8B have the same blocks: left alone in the set, one is the other."""
    others = frozenset(models(H100)) - {"mistral-7b"}
    lent = transfer(H100, ARCHITECTURES["Llama-3-8B"], others)
    own = fit(H100, "Mistral-7B")
    assert lent.anchors == ("Mistral-7B",)
    np.testing.assert_allclose(lent.prefill.time_s, own.prefill.time_s, rtol=1e-9)
    np.testing.assert_allclose(lent.decode.time_s, own.decode.time_s, rtol=1e-9)


def test_models_of_the_same_blocks_are_left_out_together() -> None:
    assert same_blocks(H100, "Llama-3-8B") == {"llama-3-8b", "mistral-7b"}
    assert same_blocks(H100, "Llama-2-7B") == {"llama-2-7b"}


def test_what_others_lend_is_nearer_than_the_nearest_models_own_times() -> None:
    """Qwen2.5-7B predicted from the others, against taking the times of the nearest in size as they are."""
    left_out = same_blocks(H100, "Qwen2.5-7B")
    lent = transfer(H100, ARCHITECTURES["Qwen2.5-7B"], left_out)
    rows = load_profile(H100, "Qwen2.5-7B").rows("prefill", "knot")
    alone = rows["context_tokens"] == 0
    tokens, time_s = rows["tokens"][alone], rows["time_s"][alone]

    def error(knots) -> float:
        return float(np.median(np.abs(np.interp(tokens, knots.tokens, knots.time_s) / time_s - 1.0)))

    neighbour = next(slug for slug in by_nearness(H100, "Qwen2.5-7B") if slug not in left_out)
    assert error(lent.prefill) < 0.05 < error(fit(H100, neighbour).prefill)


def test_nothing_left_to_lend_is_refused() -> None:
    with pytest.raises(ProfileError, match="nothing anchors GPT-2 on h100-sxm"):
        transfer(H100, ARCHITECTURES["GPT-2"], frozenset(models(H100)))


def test_the_nearest_model_is_the_model_itself_where_it_was_measured() -> None:
    assert by_nearness(H100, "Mistral-7B")[0] == "mistral-7b"
    assert by_nearness("h200-sxm", "Mistral-7B")[0] == "llama-3-8b"
