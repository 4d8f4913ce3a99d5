"""Weights of 8 and 4 bits that a kernel of the runtime multiplies as they are.

    int8   w = q s            q in [-127, 127], one scale s an output; torch's _int_mm, activations rounded likewise,
                              with one scale a token found on the way (w8a8)
    int4   w = (q - 8) s + z  q in [0, 15], scale s and zero z for each 64 inputs of an output; tinygemm, bf16
                              activations (w4a16)

Only kernels that the runtime has are measured: nothing here dequantises first. Embedding and head stay 16-bit, and so
do norms and biases. A block's products are replaced, everything else is `blocks`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mei_gym.measurements.blocks import BlockWeights

if TYPE_CHECKING:
    from torch import Tensor

GROUP = 64  # weights that share a scale and a zero at 4 bits
FEWEST_ROWS = 32  # of torch._int_mm, which wants more than 16
MATRICES = ("qkv", "output", "gate_up", "down")
WEIGHT_BYTES = {"bfloat16": 2.0, "float32": 4.0, "int8": 1.0, "int4": 0.5 + 4.0 / GROUP}  # int8: scales are few
KERNELS = {
    "int8": "torch._int_mm (w8a8, rounding fused where Triton is)",
    "int4": "aten._weight_int4pack_mm (w4a16, tinygemm, groups of 64)",
}
QUANTISED = tuple(KERNELS)
LARGEST_ERROR = 0.02  # of a product against the same product with the dequantised weight, both in bf16


class PackedWeight:
    """A weight [outputs, inputs] as the kernel wants it, and what it stands for."""

    def __init__(self, weight: Tensor, precision: str) -> None:
        self.precision, self.shape, self.device, self.dtype = precision, weight.shape, weight.device, weight.dtype
        if precision == "int8":
            self.packed, self.scales = int8_packed(weight)
        else:
            self.packed, self.scales, self.tiles = int4_packed(weight)

    def product(self, x: Tensor) -> Tensor:
        """x [m, inputs] times the weight's transpose."""
        import torch

        if self.precision == "int8":
            return int8_product(x, self.packed, self.scales)
        return torch.ops.aten._weight_int4pack_mm(x, self.packed, GROUP, self.scales)

    @property
    def nbytes(self) -> int:
        """Bytes that the kernel reads."""
        return self.packed.nbytes + self.scales.nbytes

    def numel(self) -> int:
        """Weights."""
        return self.shape[0] * self.shape[1]

    def float(self) -> Tensor:
        """The weight that the packed one stands for, found by multiplying with the identity."""
        import torch

        eye = torch.eye(self.shape[1], dtype=self.dtype, device=self.device)
        return self.product(eye).t().float().contiguous()


def int8_packed(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Integers [outputs, inputs] and scales [outputs]."""
    import torch

    scales = (weight.float().abs().amax(1) / 127.0).clamp_min(1e-12)
    quantised = (weight.float() / scales[:, None]).round().clamp(-127, 127).to(torch.int8)
    return quantised.contiguous(), scales.to(weight.dtype)


def int8_product(x: Tensor, quantised: Tensor, scales: Tensor) -> Tensor:
    """x [m, inputs] rounded to 8 bits a token, times the integers [outputs, inputs] transposed, back in x's dtype."""
    import torch

    rounded_rows, scaled_rows = rounding(x.is_cuda)
    padded = max(FEWEST_ROWS, -(-x.shape[0] // 8) * 8)  # what the kernel takes
    rounded, step = rounded_rows(x.contiguous(), padded)
    return scaled_rows(torch._int_mm(rounded, quantised.t()), step, scales, x)


@lru_cache(maxsize=2)
def rounding(cuda: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The small operations around an 8-bit product: fused on a GPU that has Triton, else in plain PyTorch."""
    if cuda:
        try:
            from mei_gym.measurements import fused_rounding
        except ImportError:
            pass
        else:
            return fused_rounding.rounded_rows, fused_rounding.scaled_rows
    return rounded_rows, scaled_rows


def rounded_rows(x: Tensor, padded: int) -> tuple[Tensor, Tensor]:
    """Integers [padded, inputs], zero beyond x's rows, and each row's step [padded]."""
    import torch
    from torch.nn.functional import pad

    x = pad(x, (0, 0, 0, padded - x.shape[0]))
    step = (x.abs().amax(1).float() / 127.0).clamp_min(1e-12)
    return (x / step[:, None]).round().to(torch.int8), step


def scaled_rows(whole: Tensor, step: Tensor, scales: Tensor, x: Tensor) -> Tensor:
    """`whole` [padded, outputs] times steps and scales, of x's rows and type."""
    rows = x.shape[0]
    return (whole[:rows] * (step[:rows, None] * scales.float())).to(x.dtype)


def int4_packed(weight: Tensor) -> tuple[Tensor, Tensor, int]:
    """tinygemm's layout of the nibbles, scales and zeros [inputs / 64, outputs, 2], and its inner tiles."""
    import torch

    outputs, inputs = weight.shape
    if inputs % GROUP or outputs % 8:
        raise ValueError(
            f"a weight of {outputs} x {inputs} cannot be packed: inputs in {GROUP}s and outputs in 8s are needed"
        )
    groups = weight.float().view(outputs, inputs // GROUP, GROUP)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    scale = ((high - low) / 15.0).clamp_min(1e-12)
    quantised = ((groups - low) / scale).round().clamp(0, 15).to(torch.int32).view(outputs, inputs)
    nibbles = (quantised[:, ::2] << 4 | quantised[:, 1::2]).to(torch.uint8)
    tiles = next(tiles for tiles in (8, 4, 2) if inputs % (tiles * 16) == 0)
    packed = torch.ops.aten._convert_weight_to_int4pack(nibbles.contiguous(), tiles)
    zero = low + 8.0 * scale
    pairs = torch.cat((scale, zero), dim=-1).to(weight.dtype)  # [outputs, groups, 2]
    return packed, pairs.transpose(0, 1).contiguous(), tiles


def packed_block(weights: BlockWeights, precision: str) -> BlockWeights:
    """The block with its four matrices packed."""
    packed: dict[str, Any] = {name: PackedWeight(getattr(weights, name), precision) for name in MATRICES}
    return weights._replace(**packed)


def product_error(precision: str, device: Any) -> float:
    """Relative error of the kernel on a random product, against the weight rounded by hand in float32."""
    import torch

    generator = torch.Generator(device=device).manual_seed(2)
    weight = torch.randn(256, 512, generator=generator, device=device).to(torch.bfloat16)
    x = torch.randn(24, 512, generator=generator, device=device).to(torch.bfloat16)
    expected = x.float() @ rounded_by_hand(weight, precision).t()
    found = PackedWeight(weight, precision).product(x).float()
    return float((found - expected).norm() / expected.norm())


def rounded_by_hand(weight: Tensor, precision: str) -> Tensor:
    """What the packed weight should stand for, in float32."""
    w = weight.float()
    if precision == "int8":
        scales = w.abs().amax(1, keepdim=True) / 127.0
        return (w / scales).round() * scales
    groups = w.view(w.shape[0], -1, GROUP)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    scale = (high - low) / 15.0
    return (((groups - low) / scale).round() * scale + low).view(w.shape)


def refuse_without_kernel(precision: str, device: Any) -> float:
    """The kernel's error; refuses a precision that this runtime has no kernel for, or a wrong one."""
    try:
        error = product_error(precision, device)
    except RuntimeError as reason:
        first = str(reason).splitlines()[0].split(". ")[0]
        raise ValueError(f"precision {precision!r} has no kernel in this runtime on {device}: {first}") from None
    if not error < LARGEST_ERROR:
        raise RuntimeError(
            f"the kernel of {precision} is wrong here: a relative error of {error:.2g}, expected < {LARGEST_ERROR}"
        )
    return error
