"""Adapter sizes against published figures, and step costs against what they are made of."""

import pytest

from mei_gym.architectures import ARCHITECTURES
from mei_gym.costs.adaptation import (
    adapter_bytes,
    bottleneck_weights,
    forward_flops,
    lora_weights,
    prefix_weights,
    saved_bytes,
    share_of_model,
    step_flops,
)

LLAMA_7B, SMOL, LLAMA_8B = (ARCHITECTURES[name] for name in ("Llama-2-7B", "SmolLM2-135M", "Llama-3-8B"))
LLAMA_13B = LLAMA_7B._replace(name="Llama-2-13B", layers=40, hidden_size=5120, heads=40, kv_heads=40, mlp_size=13824)
LLAMA_70B = LLAMA_7B._replace(name="Llama-2-70B", layers=80, hidden_size=8192, heads=64, kv_heads=8, mlp_size=28672)


def test_llama_7b_at_rank_8_is_4_19_million_parameters_or_062_per_cent():
    found = lora_weights(LLAMA_7B, 8)
    assert found == 4_194_304
    assert adapter_bytes(found) == pytest.approx(8.4e6, rel=2e-3)
    assert share_of_model(LLAMA_7B, found) == pytest.approx(0.00062, abs=5e-6)


@pytest.mark.parametrize(
    ("card", "rank", "megabytes"),  # systems.md, section 6.5
    [(LLAMA_7B, 16, 16.8), (LLAMA_7B, 32, 33.6), (LLAMA_13B, 8, 13.1), (LLAMA_13B, 32, 52.4)]
    + [(LLAMA_70B, 8, 32.8), (LLAMA_70B, 16, 65.5), (LLAMA_70B, 32, 131.0), (SMOL, 8, 0.922)],
)
def test_adapters_of_query_and_value_weigh_what_is_published(card, rank, megabytes):
    assert adapter_bytes(lora_weights(card, rank)) / 1e6 == pytest.approx(megabytes, rel=4e-3)


def test_a_block_without_a_gate_has_no_adapter_of_one_and_keeps_less():
    gpt_2 = ARCHITECTURES["GPT-2"]
    assert sum(a * b for a, b in gpt_2.matrix_sizes.values()) == gpt_2.block_matrix_weights == 12 * 768**2
    assert lora_weights(gpt_2, 8, "all") == 12 * 8 * (4 * 2 * 768 + 2 * (768 + 3072))
    gated = gpt_2._replace(gated=True)
    assert saved_bytes(gated, 1, 1, "full") - saved_bytes(gpt_2, 1, 1, "full") == 2 * 2.0 * 3072
    with pytest.raises(ValueError, match="no LoRA targets 'kv'; there are qv and all"):
        lora_weights(gpt_2, 8, "kv")


def test_shared_key_heads_make_the_value_adapter_smaller():
    alike = LLAMA_8B._replace(kv_heads=LLAMA_8B.heads)
    assert lora_weights(alike, 8) - lora_weights(LLAMA_8B, 8) == 32 * 8 * (4096 - 1024)


def test_a_prefix_is_what_a_cache_of_as_many_tokens_holds():
    assert adapter_bytes(prefix_weights(LLAMA_8B, 30)) == 30 * LLAMA_8B.layers * LLAMA_8B.kv_bytes(2.0)


def test_a_bottleneck_of_64_in_llama_7b_is_worked_by_hand():
    assert bottleneck_weights(LLAMA_7B, 64) == 32 * 2 * (2 * 4096 * 64 + 64 + 4096)


def test_lora_costs_less_work_than_full_tuning_and_more_than_inference():
    work = {method: step_flops(SMOL, 4, 256, method) for method in ("inference", "zeroth", "lora", "full")}
    assert work["inference"] < work["zeroth"] < work["lora"] < work["full"]
    assert work["full"] == pytest.approx(3 * forward_flops(SMOL, 4, 256))
    assert 2.0 < work["lora"] / work["inference"] < 2.3


def test_a_higher_rank_adds_the_low_rank_products_alone():
    more = step_flops(SMOL, 1, 64, "lora", 16) - step_flops(SMOL, 1, 64, "lora", 8)
    assert more == pytest.approx(6 * 64 * lora_weights(SMOL, 8) / SMOL.layers)


def test_saved_bytes_grow_with_tokens_and_vanish_without_a_backward_pass():
    assert saved_bytes(SMOL, 4, 256) == saved_bytes(SMOL, 1, 1024) == 4 * saved_bytes(SMOL, 1, 256)
    assert saved_bytes(SMOL, 4, 256, "zeroth") == 0.0
    assert saved_bytes(SMOL, 1, 64, "lora", 8, "qv") < saved_bytes(SMOL, 1, 64, "lora", 8, "all")


def test_unknown_targets_and_methods_are_named_with_those_there_are():
    with pytest.raises(ValueError, match="no LoRA targets 'qkv'; there are qv and all"):
        lora_weights(SMOL, 8, "qkv")
    with pytest.raises(ValueError, match="no training method 'lara'; there are inference, lora, full, zeroth"):
        step_flops(SMOL, 1, 64, "lara")
