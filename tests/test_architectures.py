"""Architecture cards against published counts, and the counting rules by hand."""

from __future__ import annotations

from math import isclose

import pytest

from mei_gym.architectures import ARCHITECTURES

PUBLISHED = {  # parameters, in units of 1e9, from the models' cards
    "SmolLM2-135M": 0.1345,
    "TinyLlama-1.1B": 1.100,
    "GPT-2": 0.1244,
    "Qwen2.5-0.5B": 0.4940,
    "Qwen2.5-1.5B": 1.544,
    "Qwen2.5-7B": 7.616,
    "Llama-2-7B": 6.738,
    "Mistral-7B": 7.242,
    "Llama-3-8B": 8.030,
    "Llama-2-13B": 13.016,
    "Llama-2-70B": 68.977,
    "Llama-3-70B": 70.554,
}


def built(card):
    """The same sizes through transformers' own classes, on no device."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    import torch

    sizes = {"hidden_size": card.hidden_size, "num_hidden_layers": card.layers, "num_attention_heads": card.heads}
    gated = {"intermediate_size": card.mlp_size, "num_key_value_heads": card.kv_heads, "vocab_size": card.vocabulary}
    tied = {"tie_word_embeddings": card.tied_head}
    if card.name == "GPT-2":
        config = transformers.GPT2Config()  # its defaults are the 124M model
        assert (config.n_embd, config.n_layer, config.n_head, config.n_positions) == (768, 12, 12, 1024)
    elif card.name.startswith("Qwen"):
        config = transformers.Qwen2Config(**sizes, **gated, **tied)
    elif card.name.startswith("Mistral"):
        config = transformers.MistralConfig(**sizes, **gated, **tied, head_dim=card.head_size)
    else:
        config = transformers.LlamaConfig(**sizes, **gated, **tied, head_dim=card.head_size)
    with torch.device("meta"):
        return transformers.AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.filterwarnings("ignore")  # transformers' own
def test_the_models_own_classes_have_as_many_parameters(name: str) -> None:
    assert sum(part.numel() for part in built(ARCHITECTURES[name]).parameters()) == ARCHITECTURES[name].weights


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
