"""Architecture cards against published counts, and the counting rules by hand."""

from __future__ import annotations

from math import isclose

import pytest

from mei_gym.architectures import ARCHITECTURES

PUBLISHED = {  # parameters, in units of 1e9, from the models' cards
    "SmolLM2-135M": 0.1345,
    "TinyLlama-1.1B": 1.100,
    "Qwen2.5-7B": 7.616,
    "Llama-2-7B": 6.738,
    "Llama-3-8B": 8.030,
}


@pytest.mark.parametrize(("name", "billions"), PUBLISHED.items())
def test_weights_are_the_published_count(name: str, billions: float) -> None:
    assert isclose(ARCHITECTURES[name].weights / 1e9, billions, abs_tol=5.1e-4 if billions > 1 else 5.1e-5)


def test_every_card_has_a_published_count() -> None:
    assert set(PUBLISHED) == set(ARCHITECTURES)


def test_the_blocks_of_llama_2_by_hand() -> None:
    card = ARCHITECTURES["Llama-2-7B"]
    assert card.block_matrix_weights == 4 * 4096 * 4096 + 3 * 4096 * 11008
    assert card.weights == 2 * 32000 * 4096 + 32 * (card.block_matrix_weights + 2 * 4096) + 4096


def test_a_token_of_llama_2_keeps_half_a_mebibyte_and_of_llama_3_an_eighth() -> None:
    assert 32 * ARCHITECTURES["Llama-2-7B"].kv_bytes() == 512 * 1024
    assert 32 * ARCHITECTURES["Llama-3-8B"].kv_bytes() == 128 * 1024


def test_a_prompt_in_two_chunks_is_the_same_work_as_in_one() -> None:
    for card in ARCHITECTURES.values():
        whole = card.prefill_flops(700)
        assert isclose(card.prefill_flops(300) + card.prefill_flops(400, 300), whole)


def test_decoding_one_request_is_two_flops_a_weight_and_its_attention() -> None:
    card = ARCHITECTURES["Llama-2-7B"]
    assert card.decode_flops(1, 99) == 2 * card.block_matrix_weights + 4 * 4096 * 100


def test_a_hidden_state_shrinks_with_its_bits() -> None:
    card = ARCHITECTURES["Llama-2-7B"]
    assert card.activation_bytes(16) == 8192
    assert card.activation_bytes(16) > card.activation_bytes(8) > card.activation_bytes(4)
