"""Adapters on tiny random models: what they leave as it is, and what averaging and forward-only steps do."""

import pytest

torch = pytest.importorskip("torch")

from mei_gym.architectures import Architecture  # noqa: E402
from mei_gym.costs import adaptation as costs  # noqa: E402
from mei_gym.measurements import lora  # noqa: E402
from mei_gym.measurements.model import random_model, run_block  # noqa: E402
from mei_gym.measurements.zeroth import zeroth_step  # noqa: E402

TINY = Architecture("Tiny-Test", 2, 64, 4, 2, 16, 96, 128, False, True, 1e4, 1e-5)


def factors_of(targets="all", rank=4, clients=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [lora.random_factors(TINY, targets, rank, generator, clients, torch.float32) for _ in range(TINY.layers)]


def shaken(chain, size=0.05):
    generator = torch.Generator().manual_seed(5)
    return [
        {name: tuple(p + size * torch.randn(p.shape, generator=generator) for p in pair) for name, pair in f.items()}
        for f in chain
    ]


def block_out(factors, hidden):
    model = random_model(TINY, positions=16)
    return lora.adapted_block(TINY, model.chain[0], factors, model.rotary, hidden)


@pytest.mark.parametrize("targets", ["qv", "all"])
def test_new_factors_leave_the_block_as_it_is(targets):
    model, hidden = random_model(TINY, positions=16), torch.randn(2, 3, 16, TINY.hidden_size)
    found = lora.adapted_block(TINY, model.chain[0], factors_of(targets, clients=2)[0], model.rotary, hidden)
    for client in range(2):
        torch.testing.assert_close(found[client], run_block(model, 0, hidden[client]))


def test_factors_do_what_adding_their_product_to_the_weights_does():
    factors = shaken(factors_of(rank=4))[0]
    model, hidden = random_model(TINY, positions=16), torch.randn(1, 2, 16, TINY.hidden_size)
    added = {name: 4.0 * (b @ a)[0] for name, (a, b) in factors.items()}  # scale 16 / rank 4
    block = model.chain[0]
    whole = block._replace(
        qkv=block.qkv + torch.cat([added["query"], added["key"], added["value"]]),
        output=block.output + added["output"],
        gate_up=block.gate_up + torch.cat([added["gate"], added["up"]]),
        down=block.down + added["down"],
    )
    merged = run_block(model._replace(chain=[whole]), 0, hidden[0])
    torch.testing.assert_close(block_out(factors, hidden)[0], merged, rtol=1e-4, atol=1e-4)


def test_each_client_is_computed_as_if_it_were_alone():
    both = shaken(factors_of(clients=2))[0]
    hidden = torch.randn(2, 1, 8, TINY.hidden_size)
    together = block_out(both, hidden)
    for i in range(2):
        alone = {name: (a[i : i + 1], b[i : i + 1]) for name, (a, b) in both.items()}
        torch.testing.assert_close(together[i : i + 1], block_out(alone, hidden[i : i + 1]))


def test_the_average_of_equal_clients_is_the_client():
    server = shaken(factors_of())
    for found, kept in zip(lora.tensors(lora.averaged(lora.for_clients(server, 4))), lora.tensors(server)):
        torch.testing.assert_close(found, kept)


@pytest.mark.parametrize("targets", ["qv", "all"])
def test_sent_bytes_are_those_of_the_formula(targets):
    sent = lora.sent_bytes(factors_of(targets, rank=4, clients=3))
    assert sent == costs.adapter_bytes(costs.lora_weights(TINY, 4, targets))


def test_forward_only_steps_move_along_the_gradient_on_average():
    target, moved = torch.randn(20, generator=torch.Generator().manual_seed(1)), torch.zeros(20)
    for seed in range(300):
        weights = torch.zeros(20)
        zeroth_step([weights], lambda: ((weights - target) ** 2).sum(), 1e-3, 1.0, seed)  # noqa: B023
        moved += weights / 300
    downhill = 2 * target
    assert torch.cosine_similarity(moved, downhill, dim=0) > 0.9
    torch.testing.assert_close(moved.norm(), downhill.norm(), rtol=0.3, atol=0)


def test_a_forward_only_step_of_rate_zero_puts_the_weights_back():
    weights = torch.randn(50, generator=torch.Generator().manual_seed(2))
    before = weights.clone()
    zeroth_step([weights], lambda: weights.sum(), 1e-2, 0.0, 7)
    torch.testing.assert_close(weights, before)
