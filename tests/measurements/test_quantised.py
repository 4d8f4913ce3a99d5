"""Packed weights stand for what they say, and are refused where the runtime has no kernel for them."""

import os
import subprocess
import sys
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mei_gym.architectures import Architecture  # noqa: E402
from mei_gym.measurements import quantised  # noqa: E402
from mei_gym.measurements.blocks import (  # noqa: E402
    Work,
    block_pass,
    empty_cache,
    plain_kernels,
    random_block,
    rotary_tables,
)
from mei_gym.measurements.checks import block_errors, refuse_wrong  # noqa: E402

TINY = Architecture("Tiny-Test", 3, 64, 4, 2, 16, 96, 128, True, False, 1e4, 1e-5)


def block():
    return random_block(TINY, torch.Generator().manual_seed(0), torch.bfloat16, "cpu")


@pytest.mark.parametrize(("precision", "most"), [("int8", 0.01), ("int4", 0.1)])
def test_rounding_moves_a_weight_by_no_more_than_its_bits_allow(precision, most):
    weight = torch.randn(64, 128, generator=torch.Generator().manual_seed(0))
    rounded = quantised.rounded_by_hand(weight, precision)
    assert 0.0 < (rounded - weight).norm() / weight.norm() < most


def test_eight_bits_multiply_as_the_rounded_weight_does():
    assert quantised.refuse_without_kernel("int8", "cpu") < quantised.LARGEST_ERROR


def test_four_bits_without_a_kernel_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="precision 'int4' has no kernel in this runtime on cpu") as refused:
        quantised.refuse_without_kernel("int4", "cpu")
    assert len(str(refused.value)) < 260
    assert "\n" not in str(refused.value)


def test_a_wrong_kernel_is_refused(monkeypatch):
    monkeypatch.setattr(quantised, "product_error", lambda precision, device: 0.5)
    with pytest.raises(RuntimeError, match=r"relative error of 0\.5"):
        quantised.refuse_without_kernel("int8", "cpu")


def test_a_block_of_eight_bits_is_the_block_it_stands_for():
    packed = quantised.packed_block(block(), "int8")
    errors = block_errors(TINY, packed, plain_kernels())
    refuse_wrong(errors)
    assert errors.pop("control") > 0.5  # what a wrong block would show
    assert max(errors.values()) < 0.05


def test_a_block_of_eight_bits_is_near_the_block_it_was_packed_from_and_not_it():
    plain, x = block(), 0.1 * torch.randn(8, 64, generator=torch.Generator().manual_seed(1)).bfloat16()
    out = [
        block_pass(
            TINY, weights, x.clone(), Work(8), empty_cache(TINY, 1, 8, torch.bfloat16, "cpu"), None,
            rotary_tables(TINY, 8, "cpu"), plain_kernels(),
        )
        for weights in (plain, quantised.packed_block(plain, "int8"))
    ]  # fmt: skip
    error = float((out[0] - out[1]).norm() / (out[0] - x).norm())
    assert 0.0 < error < 0.05


def test_packed_bytes_are_counted_with_their_scales():
    packed: Any = quantised.packed_block(block(), "int8").gate_up
    assert packed.nbytes == packed.numel() + 2 * packed.shape[0]
    assert quantised.WEIGHT_BYTES["int4"] == 0.5625


@pytest.mark.parametrize("rows", [1, 17, 32, 33])
def test_rows_that_fill_the_kernel_change_no_product(rows):
    x = torch.randn(40, 64, generator=torch.Generator().manual_seed(3)).bfloat16()
    packed: Any = quantised.packed_block(block(), "int8").qkv
    assert packed.product(x[:rows]).shape == (rows, packed.shape[0])
    assert torch.equal(packed.product(x[:rows]), packed.product(x)[:rows])


def test_fused_rounding_is_the_plain_one_in_the_kernels_interpreter():
    pytest.importorskip("triton")
    program = """
import torch
from mei_gym.measurements import fused_rounding as fused, quantised as plain
x = torch.randn(5, 100, generator=torch.Generator().manual_seed(0)).bfloat16()
(one, step), (other, same) = fused.rounded_rows(x, 32), plain.rounded_rows(x, 32)
assert torch.allclose(step, same) and (one.int() - other.int()).abs().max() <= 1 and (one != other).float().mean() < .01
whole, scales = torch.randint(-99, 99, (32, 40), dtype=torch.int32), torch.rand(40).bfloat16()
out = [rounding.scaled_rows(whole, step, scales, x).float() for rounding in (fused, plain)]
assert torch.allclose(*out, rtol=1e-2)
"""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
