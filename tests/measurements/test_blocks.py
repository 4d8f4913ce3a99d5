"""The measured block computes what a decoder block computes."""

import pytest

torch = pytest.importorskip("torch")

from mei_gym.architectures import Architecture  # noqa: E402
from mei_gym.measurements.blocks import (  # noqa: E402
    BlockWeights,
    EndWeights,
    logits,
    plain_kernels,
    random_block,
    random_ends,
)
from mei_gym.measurements.checks import block_errors, refuse_wrong  # noqa: E402

GROUPED = Architecture("Grouped", 2, 64, 4, 2, 16, 96, 128, True, False, 1e4, 1e-5)
WHOLE = Architecture("Whole", 2, 64, 4, 4, 16, 96, 128, False, False, 1e4, 1e-5)
BIASED = Architecture("Biased", 2, 64, 6, 2, 16, 96, 128, False, True, 1e6, 1e-6)


def block(card: Architecture, dtype=torch.float32) -> BlockWeights:
    return random_block(card, torch.Generator().manual_seed(0), dtype, torch.device("cpu"))


@pytest.mark.parametrize("card", [GROUPED, WHOLE, BIASED], ids=lambda card: card.name)
def test_prefill_then_decode_is_the_longer_prefill_and_is_not_when_the_cache_is_emptied(card):
    errors = block_errors(card, block(card), plain_kernels())
    assert errors["continuation"] < 1e-5
    assert errors["control"] > 5e-2


@pytest.mark.parametrize("card", [GROUPED, WHOLE, BIASED], ids=lambda card: card.name)
def test_a_prompt_in_two_chunks_and_beside_a_decode_is_the_prompt_alone(card):
    errors = block_errors(card, block(card), plain_kernels())
    assert errors["chunked"] < 1e-5
    assert errors["mixed"] < 1e-5


def test_bf16_stays_within_a_hundredth_of_float32():
    errors = block_errors(GROUPED, block(GROUPED, torch.bfloat16), plain_kernels())
    assert 0.0 < errors["reference"] < 2e-2


def test_a_campaign_refuses_a_block_that_does_not_read_its_cache():
    good = block_errors(GROUPED, block(GROUPED), plain_kernels())
    refuse_wrong(good)
    with pytest.raises(RuntimeError, match="the cache is not read"):
        refuse_wrong({**good, "control": 0.0})
    with pytest.raises(RuntimeError, match=r"mixed has a relative error of 0\.3"):
        refuse_wrong({**good, "mixed": 0.3})


def transformers_logits(config, model_class, card, ends: EndWeights, chain: list[BlockWeights], tokens):
    """The same weights through the library's own model."""
    model = model_class(config).eval()
    state = {
        "model.embed_tokens.weight": ends.embedding,
        "model.norm.weight": ends.final_norm,
        "lm_head.weight": ends.head,
    }
    widths = [card.attention_width, card.kv_width, card.kv_width]
    for i, weights in enumerate(chain):
        parts = dict(zip(("q", "k", "v"), weights.qkv.split(widths)))
        biases = {} if weights.qkv_bias is None else dict(zip(("q", "k", "v"), weights.qkv_bias.split(widths)))
        gate, up = weights.gate_up.chunk(2)
        named = {
            **{f"self_attn.{name}_proj.weight": part for name, part in parts.items()},
            **{f"self_attn.{name}_proj.bias": part for name, part in biases.items()},
            "self_attn.o_proj.weight": weights.output,
            "mlp.gate_proj.weight": gate,
            "mlp.up_proj.weight": up,
            "mlp.down_proj.weight": weights.down,
            "input_layernorm.weight": weights.input_norm,
            "post_attention_layernorm.weight": weights.mlp_norm,
        }
        state |= {f"model.layers.{i}.{name}": tensor for name, tensor in named.items()}
    model.load_state_dict(state)
    return model(tokens[None]).logits[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("card", [GROUPED, BIASED], ids=lambda card: card.name)
def test_the_blocks_agree_with_the_transformers_library(card):
    transformers = pytest.importorskip("transformers")
    config_class, model_class = (
        (transformers.Qwen2Config, transformers.Qwen2ForCausalLM)
        if card.qkv_bias
        else (transformers.LlamaConfig, transformers.LlamaForCausalLM)
    )
    config = config_class(
        vocab_size=card.vocabulary,
        hidden_size=card.hidden_size,
        intermediate_size=card.mlp_size,
        num_hidden_layers=2,
        num_attention_heads=card.heads,
        num_key_value_heads=card.kv_heads,
        head_dim=card.head_size,
        rms_norm_eps=card.norm_epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": card.rope_theta},
        tie_word_embeddings=card.tied_head,
        attn_implementation="eager",
    )
    generator = torch.Generator().manual_seed(5)
    with torch.inference_mode():
        ends = random_ends(card, generator, torch.float32, torch.device("cpu"))
        chain = [random_block(card, generator, torch.float32, torch.device("cpu")) for _ in range(2)]
        tokens = torch.randint(card.vocabulary, (23,), generator=generator)
        expected = transformers_logits(config, model_class, card, ends, chain, tokens)
        found = logits(card, ends, chain, tokens)
    assert float((found - expected).norm() / expected.norm()) < 1e-5


@pytest.mark.filterwarnings("ignore")
def test_gpt2s_blocks_agree_with_the_transformers_library():
    """With positions that say nothing, which are added before the first block and belong to none."""
    transformers = pytest.importorskip("transformers")
    card = Architecture("Old", 2, 64, 4, 4, 16, 128, 96, True, True, 0.0, 1e-5, False, True, 32)
    config = transformers.GPT2Config(
        vocab_size=card.vocabulary, n_embd=card.hidden_size, n_inner=card.mlp_size, n_layer=2, n_head=card.heads,
        n_positions=card.learned_positions, attn_implementation="eager",
    )  # fmt: skip
    generator = torch.Generator().manual_seed(5)
    with torch.inference_mode():
        ends = random_ends(card, generator, torch.float32, torch.device("cpu"))
        chain = [random_block(card, generator, torch.float32, torch.device("cpu")) for _ in range(2)]
        tokens = torch.randint(card.vocabulary, (23,), generator=generator)
        model = transformers.GPT2LMHeadModel(config).eval()
        state = {
            "transformer.wte.weight": ends.embedding,
            "transformer.wpe.weight": torch.zeros(card.learned_positions, card.hidden_size),
            "transformer.ln_f.weight": ends.final_norm,
            "transformer.ln_f.bias": ends.final_norm_bias,
            "lm_head.weight": ends.head,
        }
        for i, weights in enumerate(chain):
            named = {
                "ln_1.weight": weights.input_norm, "ln_1.bias": weights.input_norm_bias,
                "attn.c_attn.weight": weights.qkv.t(), "attn.c_attn.bias": weights.qkv_bias,
                "attn.c_proj.weight": weights.output.t(), "attn.c_proj.bias": weights.output_bias,
                "ln_2.weight": weights.mlp_norm, "ln_2.bias": weights.mlp_norm_bias,
                "mlp.c_fc.weight": weights.gate_up.t(), "mlp.c_fc.bias": weights.up_bias,
                "mlp.c_proj.weight": weights.down.t(), "mlp.c_proj.bias": weights.down_bias,
            }  # fmt: skip
            state |= {f"transformer.h.{i}.{name}": tensor for name, tensor in named.items()}
        model.load_state_dict(state)
        expected = model(tokens[None]).logits[0]
        found = logits(card, ends, chain, tokens)
    assert float((found - expected).norm() / expected.norm()) < 1e-5
