"""Payloads and links, by hand."""

from __future__ import annotations

from math import inf, isclose

from mei_gym.architectures import ARCHITECTURES
from mei_gym.compiled import plain
from mei_gym.costs.transfer import (
    activation_bytes,
    flash_read_time,
    layer_fetch_time,
    prompt_bytes,
    token_bytes,
    transfer_time,
)


def test_a_megabyte_over_eight_megabits_takes_a_second() -> None:
    assert transfer_time(1e6, 8e6) == 1.0


def test_a_dead_link_never_finishes_and_nothing_takes_no_time() -> None:
    assert transfer_time(1.0, 0.0) == inf
    assert transfer_time(0.0, 0.0) == 0.0
    assert flash_read_time(1.0, 0.0) == inf
    assert layer_fetch_time(3, 1e6, 0.0, 0.01) == inf


def test_twice_the_rate_never_takes_longer() -> None:
    for rate in (1.0, 1e3, 1e9):
        assert transfer_time(5e5, 2 * rate) <= transfer_time(5e5, rate)


def test_a_hidden_state_of_llama_2_is_eight_kibibytes_at_16_bits() -> None:
    assert activation_bytes(4096, 1, 16) == 8192
    assert activation_bytes(4096, 512, 16) == 4 * 1024**2


def test_below_16_bits_each_64_channels_carry_a_scale_and_a_minimum() -> None:
    assert activation_bytes(4096, 1, 8) == 4096 + 64 * 4
    assert activation_bytes(4096, 1, 4) == 2048 + 64 * 4


def test_payloads_are_those_of_the_architecture_cards() -> None:
    for card in ARCHITECTURES.values():
        for bits in (16, 8, 4):
            assert isclose(activation_bytes(card.hidden_size, 3, bits), 3 * card.activation_bytes(bits))


def test_a_prompt_as_text_is_four_bytes_a_token() -> None:
    assert prompt_bytes(100) == token_bytes(100) == 400


def test_layers_are_fetched_after_one_round_trip() -> None:
    assert isclose(layer_fetch_time(4, 1e6, 8e6, 0.02), 0.02 + 4.0)
    assert layer_fetch_time(0, 1e6, 8e6, 0.02) == 0.0


def test_flash_reads_at_its_rate() -> None:
    assert flash_read_time(4.2e9, 4.2e9) == 1.0


def test_compiled_equals_plain_python() -> None:
    assert activation_bytes(4096, 7, 4) == plain(activation_bytes)(4096, 7, 4)
    assert transfer_time(123.0, 7.0) == plain(transfer_time)(123.0, 7.0)
