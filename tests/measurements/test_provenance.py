"""What a record counts of a model's bytes."""

import pytest

torch = pytest.importorskip("torch")

from mei_gym.architectures import ARCHITECTURES  # noqa: E402
from mei_gym.measurements.blocks import random_block, random_ends  # noqa: E402
from mei_gym.measurements.provenance import weight_bytes  # noqa: E402


@pytest.mark.parametrize("name", ["GPT-2", "SmolLM2-135M"])
def test_a_blocks_bytes_at_16_bits_are_two_for_each_of_its_weights(name):
    card, generator = ARCHITECTURES[name], torch.Generator().manual_seed(0)
    block = random_block(card, generator, torch.float32, torch.device("cpu"))
    ends = random_ends(card._replace(vocabulary=64), generator, torch.float32, torch.device("cpu"))
    counted = weight_bytes(block, ends)
    assert counted["block"]["16"] == 2 * card.block_weights
    assert counted["block"]["4"] < counted["block"]["8"] < counted["block"]["16"]
