"""One decoder block of the Llama, Qwen or GPT-2 kind, in plain PyTorch, over a KV cache that is written in place.

    x += W_o attention(rotate(W_qkv norm(x)))        x += W_down (silu(W_gate norm(x)) * W_up norm(x))

    x       hidden        [m, h]            W_qkv       qkv      [(H + 2 G) d, h]: query, key and value in one product
    keys    [batch, slots, G, d]            W_gate|up   gate_up  [2 f, h]: likewise

GPT-2 has W_up alone, gelu for silu, a bias at every product and norm, and LayerNorm; its positions are learned and
added to the embedding, so that its blocks rotate by an angle of zero.

A pass takes the tokens of one prompt's chunk, one token of each decoding request, or both (chunk first): products
run over all tokens, attention apart for the chunk and for the decodes. Query heads that share a key head stand
where a prompt's tokens would in a decode, so that no key is copied. Source: Llama 2 (2307.09288), Qwen2 (2407.10671).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from mei_gym.architectures import Architecture

if TYPE_CHECKING:
    from torch import Tensor


class BlockWeights(NamedTuple):
    """Weights of one block; a product's weight is [outputs, inputs]."""

    input_norm: Tensor  # [h]
    qkv: Tensor  # [(H + 2 G) d, h]
    qkv_bias: Tensor | None  # [(H + 2 G) d]
    output: Tensor  # [h, H d]
    mlp_norm: Tensor  # [h]
    gate_up: Tensor  # [2 f, h]
    down: Tensor  # [h, f]
    input_norm_bias: Tensor | None = None  # [h]; the biases from here on are GPT-2's
    output_bias: Tensor | None = None  # [h]
    mlp_norm_bias: Tensor | None = None  # [h]
    up_bias: Tensor | None = None  # [f]
    down_bias: Tensor | None = None  # [h]


class EndWeights(NamedTuple):
    """What stands before the first block and after the last."""

    embedding: Tensor  # [V, h]
    final_norm: Tensor  # [h]
    head: Tensor  # [V, h]; the embedding itself where the model ties them
    final_norm_bias: Tensor | None = None  # [h]


class Cache(NamedTuple):
    """Keys and values of `batch` requests, [batch, slots, G, d]."""

    keys: Tensor
    values: Tensor


class Work(NamedTuple):
    """What one pass computes: a chunk of one prompt (or none), and one token of each of `batch` requests."""

    chunk_tokens: int = 0
    chunk_context: int = 0
    batch: int = 0
    context_tokens: int = 0

    @property
    def rows(self) -> int:
        """Tokens in the pass."""
        return self.chunk_tokens + self.batch


class Kernels(NamedTuple):
    """The small operations: plain PyTorch here, or `fused`."""

    name: str
    norm: Callable[..., Tensor]
    gated: Callable[[Tensor], Tensor]
    rotate_and_store: Callable[..., Tensor]


def plain_kernels() -> Kernels:
    """The small operations in PyTorch."""
    from torch.nn.functional import rms_norm, silu

    def norm(x, weight, epsilon):
        return rms_norm(x, (x.shape[-1],), weight, epsilon)

    def gated(gate_up):
        gate, up = gate_up.chunk(2, dim=-1)
        return silu(gate).mul_(up)

    def rotate_and_store(card, qkv, rotary, first_position, position_step, keys, values):
        heads = qkv.view(qkv.shape[0], card.heads + 2 * card.kv_heads, card.head_size)
        query, key, value = heads.split([card.heads, card.kv_heads, card.kv_heads], dim=1)
        last = first_position + position_step * (qkv.shape[0] - 1)
        cosine, sine = (table[first_position : last + 1, None, :] for table in rotary)
        keys.copy_(_rotated(key, cosine, sine))
        values.copy_(value)
        return _rotated(query, cosine, sine)

    return Kernels("plain", norm, gated, rotate_and_store)


def fused_kernels() -> Kernels:
    """The small operations as one GPU kernel each."""
    from mei_gym.measurements import fused

    return Kernels("fused", fused.norm, fused.gated, fused.rotate_and_store)


def _rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    import torch

    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cosine - right * sine, right * cosine + left * sine), dim=-1).to(x.dtype)


def rotary_tables(card: Architecture, positions: int, device: Any) -> tuple[Tensor, Tensor]:
    """Cosine and sine [positions, d / 2] in float32; angle = position * theta^(-2 i / d)."""
    import torch

    if card.learned_positions:
        still = torch.ones(positions, card.head_size // 2, device=device)
        return still, torch.zeros_like(still)
    frequency = card.rope_theta ** (
        -torch.arange(0, card.head_size, 2, device=device, dtype=torch.float64) / card.head_size
    )
    angle = torch.arange(positions, device=device, dtype=torch.float64)[:, None] * frequency[None, :]
    return angle.cos().float(), angle.sin().float()


def random_block(card: Architecture, generator: Any, dtype: Any, device: Any) -> BlockWeights:
    """Weights of the architecture's shape, normal with deviation inputs^-1/2; norms are one."""
    import torch

    def normal(*shape: int) -> Tensor:
        return torch.empty(shape, dtype=dtype, device=device).normal_(0.0, shape[-1] ** -0.5, generator=generator)

    wide = card.attention_width + 2 * card.kv_width
    ones = torch.ones(card.hidden_size, dtype=dtype, device=device)
    return BlockWeights(
        input_norm=ones,
        qkv=normal(wide, card.hidden_size),
        qkv_bias=normal(wide) if card.qkv_bias else None,
        output=normal(card.hidden_size, card.attention_width),
        mlp_norm=ones.clone(),
        gate_up=normal((2 if card.gated else 1) * card.mlp_size, card.hidden_size),
        down=normal(card.hidden_size, card.mlp_size),
        input_norm_bias=normal(card.hidden_size) if card.biased else None,
        output_bias=normal(card.hidden_size) if card.biased else None,
        mlp_norm_bias=normal(card.hidden_size) if card.biased else None,
        up_bias=normal(card.mlp_size) if card.biased else None,
        down_bias=normal(card.hidden_size) if card.biased else None,
    )


def random_ends(card: Architecture, generator: Any, dtype: Any, device: Any) -> EndWeights:
    """Embedding, final norm and head of the architecture's shape."""
    import torch

    def normal() -> Tensor:
        return torch.empty(card.vocabulary, card.hidden_size, dtype=dtype, device=device).normal_(
            0.0, 0.02, generator=generator
        )

    embedding = normal()
    ones = torch.ones(card.hidden_size, dtype=dtype, device=device)
    bias = torch.zeros_like(ones) if card.biased else None
    return EndWeights(embedding, ones, embedding if card.tied_head else normal(), bias)


def empty_cache(card: Architecture, batch: int, slots: int, dtype: Any, device: Any) -> Cache:
    """Room for the keys and values of `batch` requests of up to `slots` tokens; zero."""
    import torch

    shape = (batch, slots, card.kv_heads, card.head_size)
    return Cache(torch.zeros(shape, dtype=dtype, device=device), torch.zeros(shape, dtype=dtype, device=device))


def block_pass(
    card: Architecture, weights: BlockWeights, hidden: Tensor, work: Work, chunk_cache: Cache | None,
    decode_cache: Cache | None, rotary: tuple[Tensor, Tensor], kernels: Kernels,
) -> Tensor:  # fmt: skip
    """The block's output [m, h], written over `hidden`; keys and values go to the caches, always to one place."""
    import torch
    from torch.nn.functional import gelu

    normed = normalised(card, hidden, weights.input_norm, weights.input_norm_bias, kernels)
    qkv = product(normed, weights.qkv, weights.qkv_bias)
    parts = []
    if work.chunk_tokens:
        assert chunk_cache is not None
        end = work.chunk_context + work.chunk_tokens
        keys, values = chunk_cache.keys[:, :end], chunk_cache.values[:, :end]
        query = kernels.rotate_and_store(
            card,
            qkv[: work.chunk_tokens],
            rotary,
            work.chunk_context,
            1,
            keys[0, work.chunk_context :],
            values[0, work.chunk_context :],
        )
        parts.append(chunk_attention(card, query, keys, values))
    if work.batch:
        assert decode_cache is not None
        end = work.context_tokens + 1
        keys, values = decode_cache.keys[:, :end], decode_cache.values[:, :end]
        query = kernels.rotate_and_store(
            card, qkv[work.chunk_tokens :], rotary, work.context_tokens, 0, keys[:, -1], values[:, -1]
        )
        parts.append(decode_attention(card, query, keys, values))
    attended = parts[0] if len(parts) == 1 else torch.cat(parts)
    add_product(hidden, attended, weights.output, weights.output_bias)
    normed = normalised(card, hidden, weights.mlp_norm, weights.mlp_norm_bias, kernels)
    up = product(normed, weights.gate_up, weights.up_bias)
    activated = kernels.gated(up) if card.gated else gelu(up, approximate="tanh")
    return add_product(hidden, activated, weights.down, weights.down_bias)


def product(x: Tensor, weight: Any, bias: Tensor | None = None) -> Tensor:
    """x [m, inputs] times a weight [outputs, inputs], a tensor or packed in few bits (`quantised`)."""
    from torch import Tensor as Plain
    from torch.nn.functional import linear

    if isinstance(weight, Plain):
        return linear(x, weight, bias)
    out = weight.product(x)
    return out if bias is None else out.add_(bias)


def add_product(hidden: Tensor, x: Tensor, weight: Any, bias: Tensor | None = None) -> Tensor:
    """`hidden` with the product added in place: in one kernel where there is neither bias nor packing."""
    from torch import Tensor as Plain

    if bias is None and isinstance(weight, Plain):
        return hidden.addmm_(x, weight.t())
    return hidden.add_(product(x, weight, bias))


def normalised(card: Architecture, hidden: Tensor, weight: Tensor, bias: Tensor | None, kernels: Kernels) -> Tensor:
    """RMS norm, or LayerNorm where there is a bias; PyTorch's LayerNorm is one kernel already."""
    from torch.nn.functional import layer_norm

    if bias is None:
        return kernels.norm(hidden, weight, card.norm_epsilon)
    return layer_norm(hidden, (hidden.shape[-1],), weight, bias, card.norm_epsilon)


def chunk_attention(card: Architecture, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Causal attention [c, H d] of a chunk's queries [c, H, d] to all keys [1, s + c, G, d], its own included."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    tokens, slots, groups = query.shape[0], keys.shape[1], card.heads // card.kv_heads
    if query.is_cuda:
        q, k, v = query[None].transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2)
        if slots == tokens:
            out = scaled_dot_product_attention(q, k, v, is_causal=tokens > 1, enable_gqa=groups > 1)
        else:  # here "causal" lets the last query see the last key, as flash attention itself has it
            out = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, tokens > 1)[0]
        return out.transpose(1, 2).reshape(tokens, card.attention_width)
    # [groups, G, c, d]: a group's query heads as a batch over the same keys, which are not copied
    q = query.view(tokens, card.kv_heads, groups, card.head_size).permute(2, 1, 0, 3)
    k, v = (x.transpose(1, 2).expand(groups, -1, -1, -1) for x in (keys, values))
    mask = None
    if slots > tokens > 1:
        mask = torch.ones(tokens, slots, dtype=torch.bool).tril(slots - tokens)
    out = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None and tokens > 1)
    return out.permute(2, 1, 0, 3).reshape(tokens, card.attention_width)


def decode_attention(card: Architecture, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention [b, H d] of one token a request, [b, H, d], to its keys [b, s + 1, G, d]."""
    from torch.nn.functional import scaled_dot_product_attention

    grouped = query.view(query.shape[0], card.kv_heads, card.heads // card.kv_heads, card.head_size)
    out = scaled_dot_product_attention(grouped, keys.transpose(1, 2), values.transpose(1, 2))
    return out.reshape(query.shape[0], card.attention_width)


def head_pass(card: Architecture, ends: EndWeights, hidden: Tensor, kernels: Kernels) -> Tensor:
    """Logits [m, V]."""
    from torch.nn.functional import linear

    return linear(normalised(card, hidden, ends.final_norm, ends.final_norm_bias, kernels), ends.head)


def embedding_pass(ends: EndWeights, tokens: Tensor) -> Tensor:
    """Hidden states [m, h] of token ids [m]."""
    from torch.nn.functional import embedding

    return embedding(tokens, ends.embedding)


def logits(card: Architecture, ends: EndWeights, chain: list[BlockWeights], tokens: Tensor) -> Tensor:
    """Logits [m, V] of a whole model over one prompt, through this module's blocks."""
    kernels, rotary = plain_kernels(), rotary_tables(card, len(tokens), tokens.device)
    hidden = embedding_pass(ends, tokens)
    for weights in chain:
        cache = empty_cache(card, 1, len(tokens), hidden.dtype, hidden.device)
        block_pass(card, weights, hidden, Work(chunk_tokens=len(tokens)), cache, None, rotary, kernels)
    return head_pass(card, ends, hidden, kernels)
