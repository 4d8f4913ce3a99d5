"""A whole language model in float32 over batches of windows, differentiable: what quality and its kin are measured on.

    h_0 = embedding(ids)      h_l+1 = block l of h_l      logits = head(norm(h_L))

A cut or an exit at l means that l blocks have run: 0 is the embedding, L = card.layers the whole model. Everything
sees a window from its position 0 on, causally, without a cache. `blocks` has the same block over a cache, which times
need and quality does not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mei_gym.architectures import ARCHITECTURES, Architecture
from mei_gym.measurements.blocks import BlockWeights, EndWeights, random_block, random_ends, rotary_tables

if TYPE_CHECKING:
    from torch import Tensor


class RealModel(NamedTuple):
    """A model's sizes and weights, and the SHA-256 of the file they came from."""

    card: Architecture
    ends: EndWeights
    chain: list[BlockWeights]
    rotary: tuple[Tensor, Tensor]  # cosine and sine [positions, head_size / 2]
    sha256: str  # "random" where no file


def load_model(path: Path | None = None, device: Any = "cpu", positions: int = 1024) -> RealModel:
    """SmolLM2-135M from its GGUF file, dequantised to float32; by default the file in the installed package."""
    from mei_gym.measurements import weights

    card = ARCHITECTURES[weights.MODEL]
    found = weights.packaged_file() if path is None else Path(path)
    if found is None:
        raise FileNotFoundError(f"the weights of {card.name} are not here; {weights.HOW_TO_GET}")
    real = weights.load_gguf(card, found)
    ends, chain = _moved(real.ends, device), [_moved(block, device) for block in real.chain]
    if card.tied_head:
        ends = ends._replace(head=ends.embedding)
    return RealModel(card, ends, chain, rotary_tables(card, positions, device), real.sha256)


def random_model(card: Architecture, seed: int = 0, device: Any = "cpu", positions: int = 1024) -> RealModel:
    """Random weights of an architecture's shape, float32."""
    import torch

    generator = torch.Generator(device).manual_seed(seed)
    chain = [random_block(card, generator, torch.float32, device) for _ in range(card.layers)]
    ends = random_ends(card, generator, torch.float32, device)
    return RealModel(card, ends, chain, rotary_tables(card, positions, device), "random")


def with_chain(model: RealModel, chain: list[BlockWeights]) -> RealModel:
    """The same model with other blocks, perhaps fewer."""
    return model._replace(chain=list(chain), card=model.card._replace(layers=len(chain)))


def embed(model: RealModel, ids: Tensor) -> Tensor:
    """Hidden states [B, T, d] before the first block, of token ids [B, T]."""
    from torch.nn.functional import embedding

    return embedding(ids, model.ends.embedding)


def run_blocks(model: RealModel, hidden: Tensor, first: int = 0, last: int | None = None) -> Tensor:
    """Hidden states after blocks first .. last - 1 (to the end by default)."""
    for i in range(first, len(model.chain) if last is None else last):
        hidden = run_block(model, i, hidden)
    return hidden


def run_block(model: RealModel, i: int, hidden: Tensor, seen: Callable[[str, Tensor], None] | None = None) -> Tensor:
    """Hidden states [B, T, d] after block i of whole windows; the argument is left as it was.

    `seen` is told the input of each product, under the product's name in BlockWeights.
    """
    from torch.nn.functional import linear, rms_norm, silu

    card, block, width = model.card, model.chain[i], (model.card.hidden_size,)

    def product(name: str, x: Tensor, bias: Tensor | None = None) -> Tensor:
        if seen is not None:
            seen(name, x)
        return linear(x, getattr(block, name), bias)

    qkv = product("qkv", rms_norm(hidden, width, block.input_norm, card.norm_epsilon), block.qkv_bias)
    hidden = hidden + product("output", attention(model, qkv))
    gate_up = product("gate_up", rms_norm(hidden, width, block.mlp_norm, card.norm_epsilon))
    gate, up = gate_up.chunk(2, dim=-1)
    return hidden + product("down", silu(gate) * up)


def attention(model: RealModel, qkv: Tensor) -> Tensor:
    """Causal attention [B, T, H d] of the joint product [B, T, (H + 2 G) d]."""
    from torch.nn.functional import scaled_dot_product_attention

    card = model.card
    batch, tokens, _ = qkv.shape
    heads = qkv.view(batch, tokens, -1, card.head_size).transpose(1, 2)
    query, key, value = heads.split([card.heads, card.kv_heads, card.kv_heads], dim=1)
    cosine, sine = (table[:tokens] for table in model.rotary)
    query, key = rotated(query, cosine, sine), rotated(key, cosine, sine)
    groups = card.heads // card.kv_heads
    key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
    out = scaled_dot_product_attention(query, key, value, is_causal=True)
    return out.transpose(1, 2).reshape(batch, tokens, card.attention_width)


def rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Positions turned into x [B, heads, T, d] by halves."""
    import torch

    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cosine - right * sine, right * cosine + left * sine), dim=-1)


def head(model: RealModel, hidden: Tensor) -> Tensor:
    """Logits [..., V] of hidden states [..., d], the final norm included."""
    from torch.nn.functional import linear, rms_norm

    normed = rms_norm(hidden, (model.card.hidden_size,), model.ends.final_norm, model.card.norm_epsilon)
    return linear(normed, model.ends.head)


def token_nll(logits: Tensor, ids: Tensor) -> Tensor:
    """Nats [B, T - 1]: -log p of each token given those before it in its window; the first has none."""
    from torch.nn.functional import cross_entropy

    targets = ids[:, 1:]
    nll = cross_entropy(logits[:, :-1].flatten(0, 1).float(), targets.flatten(), reduction="none")
    return nll.view(targets.shape)


def _moved(weights: Any, device: Any) -> Any:
    return type(weights)._make(None if part is None else part.to(device) for part in weights)
