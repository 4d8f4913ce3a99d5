"""Low-rank adapters on a frozen model, several clients side by side.

    y += (s / r) B A x        A  [clients, r, inputs]   B  [clients, outputs, r]   s  16, as in the reference setting

One frozen model serves all clients of a round at once: hidden states carry the client as first axis, products with the
shared weights run over all of them together, and only the small factors differ. Gradients of the sum of the clients'
losses are each client's own. Source: LoRA (2106.09685); A normal with variance 1 / inputs, B zero at the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mei_gym.architectures import Architecture
from mei_gym.measurements.blocks import BlockWeights

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 16.0  # llm.md, section 7: the product is scaled by 16 / r

Factors = dict[str, "tuple[Tensor, Tensor]"]  # of one block: matrix -> (A, B)


def random_factors(
    card: Architecture,
    targets: str,
    rank: int,
    generator: Any,
    clients: int = 1,
    dtype: Any = None,
    device: Any = "cpu",
) -> Factors:
    """Factors of one block, the same for all clients; B is zero, so that the adapted block is the block."""
    import torch

    factors: Factors = {}
    for name in card.adapted(targets):
        inputs, outputs = card.matrix_sizes[name]
        down = torch.empty((1, rank, inputs), dtype=dtype, device=device)
        down.normal_(0.0, inputs**-0.5, generator=generator)
        up = torch.zeros((clients, outputs, rank), dtype=dtype, device=device)
        factors[name] = (down.repeat(clients, 1, 1), up)
    return factors


def tensors(chain: list[Factors]) -> list[Tensor]:
    """All factors of a chain of blocks, in a fixed order."""
    return [part for factors in chain for pair in factors.values() for part in pair]


def set_gradients(parts: list[Tensor], gradients: Sequence[Tensor]) -> None:
    """Give each part its gradient, laid out in memory as the part is: a fused optimiser takes no other."""
    import torch

    for part, gradient in zip(parts, gradients):
        same = gradient.stride() == part.stride()
        part.grad = gradient if same else torch.empty_like(part).copy_(gradient)


def sent_bytes(chain: list[Factors], bytes_per_value: int = 2) -> int:
    """Bytes of one client's factors, by default sent as 16-bit values."""
    return sum(part[0].numel() for part in tensors(chain)) * bytes_per_value


def averaged(chain: list[Factors]) -> list[Factors]:
    """Factors of one client: the plain mean of A and of B apart over the clients (FedAvg)."""
    return [{name: (a.mean(0, True), b.mean(0, True)) for name, (a, b) in factors.items()} for factors in chain]


def for_clients(chain: list[Factors], clients: int) -> list[Factors]:
    """One client's factors, copied for each of `clients`; leaves of a new graph."""
    return [
        {name: tuple(part.detach().repeat(clients, 1, 1).requires_grad_() for part in pair) for name, pair in f.items()}
        for f in chain
    ]  # type: ignore[return-value]


def adapted_block(
    card: Architecture, weights: BlockWeights, factors: Factors, rotary: tuple[Tensor, Tensor], hidden: Tensor
) -> Tensor:
    """Hidden states [clients, B, T, h] after one block with each client's factors; no factors: the block itself.

    `rotary` has the type of the hidden states.
    """
    from torch.nn.functional import linear, rms_norm, silu

    def adapted(base: Tensor, x: Tensor, name: str) -> Tensor:
        return _adapted(base, x, factors.get(name))

    width = (card.hidden_size,)
    x = rms_norm(hidden, width, weights.input_norm, card.norm_epsilon)
    query, key, value = linear(x, weights.qkv, weights.qkv_bias).split(
        [card.attention_width, card.kv_width, card.kv_width], dim=-1
    )
    out = attention(card, adapted(query, x, "query"), adapted(key, x, "key"), adapted(value, x, "value"), rotary)
    hidden = hidden + adapted(linear(out, weights.output), out, "output")
    x = rms_norm(hidden, width, weights.mlp_norm, card.norm_epsilon)
    gate, up = linear(x, weights.gate_up).chunk(2, dim=-1)
    out = silu(adapted(gate, x, "gate")) * adapted(up, x, "up")
    return hidden + adapted(linear(out, weights.down), out, "down")


def _adapted(base: Tensor, x: Tensor, pair: tuple[Tensor, Tensor] | None) -> Tensor:
    """The product [clients, B, T, outputs] with its low-rank part added."""
    import torch

    if pair is None:
        return base
    down, up = pair
    low = torch.bmm(x.flatten(1, 2), down.mT)
    return torch.baddbmm(base.flatten(1, 2), low, up.mT, alpha=SCALE / down.shape[1]).view(base.shape)


def attention(card: Architecture, query: Tensor, key: Tensor, value: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
    """Causal attention [clients, B, T, H d] of whole windows.

    Shared key heads are copied for their query heads except where flash attention reads them shared (GPU, 16 bits).
    """
    from torch.nn.functional import scaled_dot_product_attention

    clients, batch, tokens, _ = query.shape
    q, k, v = (x.reshape(clients * batch, tokens, -1, card.head_size).transpose(1, 2) for x in (query, key, value))
    cosine, sine = (table[:tokens] for table in rotary)
    q, k = _rotated(q, cosine, sine), _rotated(k, cosine, sine)
    groups = card.heads // card.kv_heads
    shared = q.is_cuda and q.element_size() == 2
    if groups > 1 and not shared:
        k, v = (x.repeat_interleave(groups, dim=1) for x in (k, v))
    out = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=groups > 1 and shared)
    return out.transpose(1, 2).reshape(clients, batch, tokens, card.attention_width)


def _rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    import torch

    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cosine - right * sine, right * cosine + left * sine), dim=-1)
