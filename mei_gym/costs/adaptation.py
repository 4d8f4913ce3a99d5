"""Sizes, work and memory of adapting a model: what an adapter weighs, what a training step costs over a forward pass.

    adapter       parameters of one block
    LoRA          r sum(inputs + outputs) over the adapted matrices: query and value, or all
    prefix        2 p G d: keys and values of p learnt tokens (as a cache holds them, with the model's own key heads)
    bottleneck    2 (2 h m + m + h): two two-layer adapters of width m, after attention and after the MLP

    step          FLOPs of one block, in products (2 P m) and attention (4 H d c^2 / 2 a window)
    inference     products + attention
    LoRA          2 products + 3 attention + 3 low-rank products: weights are frozen, only inputs get a gradient
    full          3 products + 3 attention
    zeroth order  2 (products + attention)

Flash attention computes the scores anew in its backward pass; left out here, as usual. Sources: LoRA (2106.09685),
prefix tuning (2101.00190), adapters (1902.00751), MeZO (2305.17333). All values are derived from the architecture.
"""

from __future__ import annotations

from mei_gym.architectures import Architecture

METHODS = ("inference", "lora", "full", "zeroth")


def lora_weights(card: Architecture, rank: int, targets: str = "qv") -> int:
    """Parameters of LoRA factors on all blocks; targets: qv, or all of a block's matrices."""
    return card.layers * rank * sum(sum(card.matrix_sizes[name]) for name in card.adapted(targets))


def prefix_weights(card: Architecture, length: int) -> int:
    """Parameters of a prefix of `length` learnt keys and values in every block."""
    return 2 * length * card.kv_width * card.layers


def bottleneck_weights(card: Architecture, width: int) -> int:
    """Parameters of two bottleneck adapters in every block, biases included."""
    h = card.hidden_size
    return card.layers * 2 * (2 * h * width + width + h)


def adapter_bytes(weights: float, bits: float = 16.0) -> float:
    """Bytes to send or to keep an adapter; 16 bits a value by default."""
    return weights * bits / 8.0


def share_of_model(card: Architecture, weights: float) -> float:
    """An adapter's parameters as a share of the model's."""
    return weights / card.weights


def forward_flops(card: Architecture, batch: int, tokens: int) -> float:
    """FLOPs of one block over `batch` windows of `tokens`."""
    return batch * card.prefill_flops(tokens)


def step_flops(
    card: Architecture, batch: int, tokens: int, method: str = "lora", rank: int = 8, targets: str = "qv"
) -> float:
    """FLOPs of one block in a training step, the input's gradient included; the update itself is left out."""
    if method not in METHODS:
        raise ValueError(f"no training method {method!r}; there are {', '.join(METHODS)}")
    rows = batch * tokens
    products = 2.0 * rows * card.block_matrix_weights
    attention = forward_flops(card, batch, tokens) - products
    if method == "inference":
        return products + attention
    if method == "zeroth":
        return 2.0 * (products + attention)
    if method == "full":
        return 3.0 * (products + attention)
    low_rank = 2.0 * rows * lora_weights(card, rank, targets) / card.layers
    return 2.0 * products + 3.0 * attention + 3.0 * low_rank


def saved_bytes(
    card: Architecture, batch: int, tokens: int, method: str = "lora", rank: int = 8, targets: str = "qv",
    bytes_per_value: float = 2.0,
) -> float:  # fmt: skip
    """Bytes that one block keeps from forward to backward pass; without a backward pass none.

    Kept a token: both norms' inputs (2 h), rotated queries, keys, values and attention's output (2 H d + 2 G d), gate,
    up and the gated half (3 f; without a gate up alone). A matrix that learns keeps its input too: the norms' outputs
    (h each), the gated product (f); a low-rank one its r values besides. Attention's row sums, 4 bytes a head, and the
    norms' are 32-bit.
    """
    if method in ("inference", "zeroth"):
        return 0.0
    learns = card.adapted("all" if method == "full" else targets)
    h, f = card.hidden_size, card.mlp_size
    values = 2 * h + 2 * (card.attention_width + card.kv_width) + (3 if card.gated else 1) * f
    values += h * bool({"query", "key", "value"} & {*learns}) + h * bool({"gate", "up"} & {*learns})
    values += f * ("down" in learns)
    if method == "lora":
        values += rank * len(learns)
    return batch * tokens * (bytes_per_value * values + 4.0 * card.heads + 8.0)
