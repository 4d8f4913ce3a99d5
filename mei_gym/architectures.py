"""Architecture cards: the sizes of each language model, and the work that follows from them.

    part                       FLOPs                      bytes
    linear layers of a block   2 m P                      w P + a m (activations in and out of each product)
    attention, prefill         4 H d (c s + c^2 / 2)      a m d (2 H + 2 G) + 2 k G d (s + c)
    attention, decode          4 H d s     a request      2 k G d s
    final norm + head          2 m h V                    w h V + a m (h + V)

    h  hidden_size   H  heads   G  kv_heads   d  head_size   V  vocabulary   P  weights of the block's matrices
    m  tokens in the pass       c  new tokens of one request                 s  context already cached
    w, a, k  bytes a weight, an activation, a key or value

Sources: the models' published configurations (Hugging Face `config.json`), held in tests against the
published parameter counts; the equations are those of LLM-Viewer and Vidur, checked by hand.
"""

from __future__ import annotations

from typing import NamedTuple

LORA_TARGETS = ("qv", "all")


class Architecture(NamedTuple):
    """The sizes of a decoder-only transformer."""

    name: str
    layers: int
    hidden_size: int
    heads: int
    kv_heads: int
    head_size: int
    mlp_size: int
    vocabulary: int
    tied_head: bool
    qkv_bias: bool
    rope_theta: float  # 0: positions are learned, not rotated
    norm_epsilon: float
    gated: bool = True  # the MLP has a gate beside its up projection
    biased: bool = False  # every product and norm has a bias, and norms subtract the mean (LayerNorm)
    learned_positions: int = 0  # rows of the table of positions, the longest text; 0: none

    @property
    def attention_width(self) -> int:
        """Width of the concatenated query heads."""
        return self.heads * self.head_size

    @property
    def kv_width(self) -> int:
        """Width of the concatenated key heads; values have the same."""
        return self.kv_heads * self.head_size

    @property
    def matrix_sizes(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of a block's matrices; gate only where there is one."""
        h, f = self.hidden_size, self.mlp_size
        attention = {"query": (h, self.attention_width), "key": (h, self.kv_width), "value": (h, self.kv_width)}
        gate = {"gate": (h, f)} if self.gated else {}
        return {**attention, "output": (self.attention_width, h), **gate, "up": (h, f), "down": (f, h)}

    @property
    def block_matrix_weights(self) -> int:
        """Weights of a block's matrices."""
        return sum(inputs * outputs for inputs, outputs in self.matrix_sizes.values())

    def adapted(self, targets: str) -> tuple[str, ...]:
        """Matrices of a block that LoRA of `targets` adapts: query and value (qv), or all."""
        if targets not in LORA_TARGETS:
            raise ValueError(f"no LoRA targets {targets!r}; there are {' and '.join(LORA_TARGETS)}")
        return ("query", "value") if targets == "qv" else tuple(self.matrix_sizes)

    @property
    def block_weights(self) -> int:
        """All weights of a block: matrices, two norms, biases where the model has them."""
        bias = self.attention_width + 2 * self.kv_width if self.qkv_bias else 0
        if self.biased:  # of output, up and down, and of the two norms
            bias += 4 * self.hidden_size + self.mlp_size
        return self.block_matrix_weights + 2 * self.hidden_size + bias

    @property
    def embedding_weights(self) -> int:
        """Weights of the token embedding."""
        return self.vocabulary * self.hidden_size

    @property
    def head_weights(self) -> int:
        """Weights that the head reads, whether or not they are the embedding's."""
        return self.vocabulary * self.hidden_size

    @property
    def weights(self) -> int:
        """Parameters of the whole model, a tied head counted once."""
        head = 0 if self.tied_head else self.head_weights
        norm = (2 if self.biased else 1) * self.hidden_size
        positions = self.learned_positions * self.hidden_size
        return self.embedding_weights + positions + self.layers * self.block_weights + norm + head

    def kv_bytes(self, bytes_per_value: float = 2.0) -> float:
        """Bytes of keys and values that one token leaves in one block."""
        return 2.0 * bytes_per_value * self.kv_width

    def activation_bytes(self, bits: float = 16.0) -> float:
        """Bytes of one token's hidden state at a cut; below 16 bits, with the scale and minimum of each 64 channels."""
        scales = 0.0 if bits >= 16 else 4.0 * self.hidden_size / 64.0
        return self.hidden_size * bits / 8.0 + scales

    def prefill_flops(self, tokens: float, context_tokens: float = 0.0) -> float:
        """FLOPs of one block over one prompt's new tokens, causal attention to the context before them."""
        attention = 4.0 * self.attention_width * (tokens * context_tokens + 0.5 * tokens * tokens)
        return 2.0 * tokens * self.block_matrix_weights + attention

    def prefill_bytes(
        self, tokens: float, context_tokens: float = 0.0, weight_bytes: float = 2.0, value_bytes: float = 2.0
    ) -> float:
        """Bytes moved by one block over one prompt's new tokens."""
        return (
            weight_bytes * self.block_matrix_weights
            + value_bytes * tokens * self.moved_values
            + 2.0 * value_bytes * self.kv_width * (context_tokens + tokens)
        )

    def decode_flops(self, batch: float, context_tokens: float) -> float:
        """FLOPs of one block for one token of each request."""
        attention = 4.0 * self.attention_width * (context_tokens + 1.0)
        return batch * (2.0 * self.block_matrix_weights + attention)

    def decode_bytes(
        self, batch: float, context_tokens: float, weight_bytes: float = 2.0, value_bytes: float = 2.0
    ) -> float:
        """Bytes moved by one block for one token of each request."""
        return (
            weight_bytes * self.block_matrix_weights
            + value_bytes * batch * self.moved_values
            + 2.0 * value_bytes * batch * self.kv_width * (context_tokens + 1.0)
        )

    @property
    def moved_values(self) -> int:
        """Activations read and written per token by a block's products, norms and residuals."""
        qkv = self.hidden_size + self.attention_width + 2 * self.kv_width
        output = self.attention_width + self.hidden_size
        # gate and up in and out, the product of both, down in and out; without a gate two widths less
        mlp = 2 * self.hidden_size + (5 if self.gated else 3) * self.mlp_size
        norms_and_residuals = 10 * self.hidden_size
        attention = 2 * self.attention_width + 2 * self.kv_width
        return qkv + output + mlp + norms_and_residuals + attention

    def head_flops(self, tokens: float) -> float:
        """FLOPs of the final norm and the head."""
        return 2.0 * tokens * self.head_weights

    def head_bytes(self, tokens: float, weight_bytes: float = 2.0, value_bytes: float = 2.0) -> float:
        """Bytes moved by the final norm and the head."""
        return weight_bytes * self.head_weights + value_bytes * tokens * (3 * self.hidden_size + self.vocabulary)

    def embedding_bytes(self, tokens: float, weight_bytes: float = 2.0, value_bytes: float = 2.0) -> float:
        """Bytes moved by the embedding: one row read and written for each token."""
        return tokens * self.hidden_size * (weight_bytes + value_bytes)


ARCHITECTURES: dict[str, Architecture] = {
    card.name: card
    for card in (
        #            name            L   h     H   G   d    f      V       tied   bias   theta     eps
        Architecture("SmolLM2-135M", 30, 576, 9, 3, 64, 1536, 49152, True, False, 1e5, 1e-5),
        Architecture("GPT-2", 12, 768, 12, 12, 64, 3072, 50257, True, True, 0.0, 1e-5, False, True, 1024),
        Architecture("Qwen2.5-0.5B", 24, 896, 14, 2, 64, 4864, 151936, True, True, 1e6, 1e-6),
        Architecture("TinyLlama-1.1B", 22, 2048, 32, 4, 64, 5632, 32000, False, False, 1e4, 1e-5),
        Architecture("Qwen2.5-1.5B", 28, 1536, 12, 2, 128, 8960, 151936, True, True, 1e6, 1e-6),
        Architecture("Qwen2.5-7B", 28, 3584, 28, 4, 128, 18944, 152064, False, True, 1e6, 1e-6),
        Architecture("Llama-2-7B", 32, 4096, 32, 32, 128, 11008, 32000, False, False, 1e4, 1e-5),
        Architecture("Mistral-7B", 32, 4096, 32, 8, 128, 14336, 32000, False, False, 1e4, 1e-5),
        Architecture("Llama-3-8B", 32, 4096, 32, 8, 128, 14336, 128256, False, False, 5e5, 1e-5),
        Architecture("Llama-2-13B", 40, 5120, 40, 40, 128, 13824, 32000, False, False, 1e4, 1e-5),
        Architecture("Llama-2-70B", 80, 8192, 64, 8, 128, 28672, 32000, False, False, 1e4, 1e-5),
        Architecture("Llama-3-70B", 80, 8192, 64, 8, 128, 28672, 128256, False, False, 5e5, 1e-5),
    )
}
