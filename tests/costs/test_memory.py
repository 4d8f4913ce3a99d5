"""Bytes of weights and caches, and what fits where."""

from __future__ import annotations

from math import isclose

import pytest

from mei_gym.architectures import ARCHITECTURES
from mei_gym.compiled import plain
from mei_gym.costs.memory import MemoryCosts, blocks_that_fit, cached_bytes, memory_costs, resident_bytes, stored_bytes

CARD = ARCHITECTURES["Llama-2-7B"]
PHONE, ORIN, SMALL_LAPTOP = 0, 1, 2


@pytest.fixture(scope="module")
def costs() -> MemoryCosts:
    return memory_costs("Llama-2-7B", "phone", ["jetson-orin-nano-super", "laptop-basic"])


def test_16_bits_are_two_bytes_a_weight_and_4_bits_carry_half_a_bit_of_scales() -> None:
    assert stored_bytes(1000, 16) == 2000
    assert stored_bytes(1000, 8) == 1000 * 8.5 / 8
    assert stored_bytes(1000, 4) == 1000 * 4.5 / 8


def test_a_token_of_llama_2_leaves_16_kibibytes_in_each_block(costs: MemoryCosts) -> None:
    assert costs.cached_bytes_per_token[PHONE] == 16 * 1024
    assert cached_bytes(costs, PHONE, 3, 5, 100) == 2 * 100 * 16 * 1024


def test_caches_of_layers_a_to_b_and_b_to_c_are_those_of_a_to_c(costs: MemoryCosts) -> None:
    parts = cached_bytes(costs, PHONE, 0, 9, 70) + cached_bytes(costs, PHONE, 9, 32, 70)
    assert parts == cached_bytes(costs, PHONE, 0, 32, 70)


def test_a_block_on_a_phone_takes_114_megabytes(costs: MemoryCosts) -> None:
    assert isclose(costs.block_stored_bytes[PHONE], CARD.block_weights * 4.5 / 8)
    assert isclose(costs.block_stored_bytes[PHONE], 113.8e6, rel_tol=1e-3)


def test_a_phone_with_nine_gigabytes_free_holds_all_of_llama_2(costs: MemoryCosts) -> None:
    free = costs.memory_bytes[PHONE] - costs.system_bytes[PHONE]
    assert blocks_that_fit(costs, PHONE, free, 32, 1024) == 32


def test_what_fits_fits_and_one_block_more_does_not(costs: MemoryCosts) -> None:
    for free in (0.0, 1e8, 1e9, 2.5e9, 4e9):
        blocks = blocks_that_fit(costs, ORIN, free, 32, 512)
        assert resident_bytes(costs, ORIN, blocks, 512) <= free
        if blocks < 32:
            assert resident_bytes(costs, ORIN, blocks + 1, 512) > free


def test_more_memory_never_holds_fewer_blocks(costs: MemoryCosts) -> None:
    held = [blocks_that_fit(costs, SMALL_LAPTOP, free, 32, 256) for free in range(0, 10**10, 10**8)]
    assert held == sorted(held)


def test_compiled_equals_plain_python(costs: MemoryCosts) -> None:
    assert blocks_that_fit(costs, ORIN, 2.2e9, 32, 300) == plain(blocks_that_fit)(costs, ORIN, 2.2e9, 32, 300)
