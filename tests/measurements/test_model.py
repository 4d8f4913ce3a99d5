"""The model over batches is the model over one prompt, and it can be differentiated."""

import pytest

torch = pytest.importorskip("torch")

from mei_gym.architectures import Architecture  # noqa: E402
from mei_gym.measurements import blocks, model  # noqa: E402

CARD = Architecture("Tiny", 3, 32, 4, 2, 8, 48, 64, True, False, 1e4, 1e-5)


@pytest.fixture
def ids():
    return torch.randint(CARD.vocabulary, (2, 9), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bias", [False, True])
def test_a_batch_gives_the_logits_of_the_timed_blocks(ids, bias):
    card = CARD._replace(qkv_bias=bias)
    real = model.random_model(card)
    with torch.inference_mode():
        batched = model.head(real, model.run_blocks(real, model.embed(real, ids)))
        alone = torch.stack([blocks.logits(card, real.ends, real.chain, one) for one in ids])
    assert torch.allclose(batched, alone, atol=1e-5)


def test_two_spans_of_blocks_add_up_to_one(ids):
    real = model.random_model(CARD)
    hidden = model.embed(real, ids)
    halves = model.run_blocks(real, model.run_blocks(real, hidden, last=1), first=1)
    assert torch.equal(halves, model.run_blocks(real, hidden))


def test_a_token_sees_nothing_that_comes_after_it(ids):
    real = model.random_model(CARD)
    changed = ids.clone()
    changed[:, 5:] = 0
    before, after = (model.run_blocks(real, model.embed(real, x)) for x in (ids, changed))
    assert torch.allclose(before[:, :5], after[:, :5], atol=1e-6)
    assert not torch.allclose(before[:, 5:], after[:, 5:], atol=1e-3)


def test_the_negative_log_likelihood_of_even_odds_is_that_of_the_vocabulary(ids):
    nll = model.token_nll(torch.zeros(2, 9, 64), ids)
    assert nll.shape == (2, 8)
    assert nll.flatten().tolist() == pytest.approx([4.158883] * 16)  # ln 64


def test_gradients_reach_every_weight_of_a_block(ids):
    real = model.random_model(CARD)
    block = type(real.chain[0])._make(None if w is None else w.requires_grad_() for w in real.chain[0])
    real = model.with_chain(real, [block, *real.chain[1:]])
    model.token_nll(model.head(real, model.run_blocks(real, model.embed(real, ids))), ids).mean().backward()
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in block if w is not None)


def test_the_argument_of_a_block_is_left_as_it_was(ids):
    real = model.random_model(CARD)
    hidden = model.embed(real, ids)
    before = hidden.clone()
    model.run_block(real, 0, hidden)
    assert torch.equal(hidden, before)


def test_the_same_seed_gives_the_same_weights():
    assert torch.equal(model.random_model(CARD, 3).chain[2].down, model.random_model(CARD, 3).chain[2].down)
