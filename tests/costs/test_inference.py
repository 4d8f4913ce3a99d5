"""Whole prompts and tokens from tables: against the cost model at the knots and between, bits, batches, joules."""

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.costs.compute import block_decode_time, block_prefill_time, compute_costs, head_time
from mei_gym.costs.energy import energy_costs
from mei_gym.costs.inference import (
    BATCH_KNOTS,
    MOST_AT_ONCE,
    PROMPT_KNOTS,
    InferenceParams,
    decode_energy,
    decode_time,
    inference_params,
    prefill_energy,
    prefill_time,
    prompt_position,
    ratio_model,
)
from mei_gym.profiles.load import ProfileError, architecture_of

BASES = ("Llama-3-8B", "Llama-2-7B", "Mistral-7B", "Qwen2.5-7B", "Qwen2.5-1.5B")
BITS, CONTEXT, DEVICE = (16, 8, 4), 800.0, "h100-sxm"
NUMBERS = [(base, bits) for base in range(len(BASES)) for bits in range(len(BITS))]


@pytest.fixture(scope="module")
def tables() -> InferenceParams:
    return inference_params(BASES, BITS, DEVICE, CONTEXT)


def prompt_s(tables: InferenceParams, base: int, precision: int, tokens: float) -> float:
    return plain(prefill_time)(tables, base, precision, plain(prompt_position)(tables, tokens))


def modelled_prompt_s(name: str, tokens: float) -> float:
    costs = compute_costs(name, DEVICE, ())
    block_s = plain(block_prefill_time)(costs, 0, tokens, 0.0)
    return architecture_of(name).layers * block_s + plain(head_time)(costs, 0, 1.0)


def modelled_token_s(name: str, batch: float) -> float:
    costs = compute_costs(name, DEVICE, ())
    block_s = plain(block_decode_time)(costs, 0, batch, CONTEXT)
    return architecture_of(name).layers * block_s + plain(head_time)(costs, 0, batch)


@pytest.mark.parametrize("base", range(len(BASES)))
def test_a_prompt_takes_what_the_cost_model_says_at_the_knots_and_nearly_that_between(tables, base):
    for tokens in PROMPT_KNOTS:
        assert prompt_s(tables, base, 0, tokens) == pytest.approx(modelled_prompt_s(BASES[base], tokens), rel=1e-12)
    between = np.arange(1.0, 8193.0, 61.0)
    errors = np.array([prompt_s(tables, base, 0, each) / modelled_prompt_s(BASES[base], each) for each in between]) - 1
    assert np.abs(errors).max() < 0.18
    assert 0.01 < np.abs(errors).mean() < 0.025


def test_just_after_a_step_of_the_device_a_prompts_line_lacks_most(tables):
    table_s, modelled_s = prompt_s(tables, 0, 0, 645.0), modelled_prompt_s("Llama-3-8B", 645.0)
    assert table_s / modelled_s == pytest.approx(1.0 - 0.177, abs=0.005)
    assert modelled_s - table_s == pytest.approx(3.2e-3, abs=0.3e-3)


@pytest.mark.parametrize("base", range(len(BASES)))
def test_a_token_takes_what_the_cost_model_says_in_every_batch(tables, base):
    for batch in range(1, MOST_AT_ONCE + 1):
        modelled_s = modelled_token_s(BASES[base], float(batch))
        assert plain(decode_time)(tables, base, 0, batch) == pytest.approx(modelled_s, rel=1e-3)
    assert plain(decode_time)(tables, base, 0, 0) == plain(decode_time)(tables, base, 0, 1)
    assert tables.whole_decode_s.shape == (5, 3, MOST_AT_ONCE + 1)


def test_a_position_is_the_knot_before_and_the_share_of_the_way_to_the_next(tables):
    expected = {1.0: 0.0, 8.5: 0.5, 16.0: 1.0, 24.0: 1.5, 4096.0: 9.0, 6144.0: 9.5, 8192.0: 10.0, 12288.0: 11.0}
    for tokens, position in expected.items():
        assert plain(prompt_position)(tables, tokens) == position
    last_s, before_s = tables.whole_prefill_s[0, 0, -1], tables.whole_prefill_s[0, 0, -2]
    assert prompt_s(tables, 0, 0, 12288.0) == pytest.approx(2 * last_s - before_s)  # beyond, on the last line


@pytest.mark.parametrize(("base", "precision"), NUMBERS)
def test_more_tokens_and_larger_batches_take_longer_and_a_token_of_a_batch_fewer_joules(tables, base, precision):
    assert (
        np.diff(tables.whole_prefill_s[base, precision]) > -0.01 * tables.whole_prefill_s[base, precision, 1:]
    ).all()
    assert (np.diff(tables.whole_decode_s[base, precision]) > -0.01 * tables.whole_decode_s[base, precision, 1:]).all()
    assert (np.diff(tables.whole_prefill_j[base, precision]) > 0.0).all()
    assert (np.diff(tables.whole_decode_j[base, precision, 1:]) < 0.0).all()


@pytest.mark.parametrize(("base", "precision"), NUMBERS)
def test_packed_weights_take_at_most_the_time_to_unpack_them_besides(tables, base, precision):
    card, costs = architecture_of(BASES[base]), compute_costs(BASES[base], DEVICE, ())
    unpacked_bytes = (BITS[precision] / 8 + 4.0) * card.layers * card.block_matrix_weights
    unpack_s = unpacked_bytes / costs.bandwidth_bytes_per_s[0] if precision else 0.0
    assert (tables.whole_prefill_s[base, precision] <= (tables.whole_prefill_s[base, 0] + unpack_s) * (1 + 1e-12)).all()
    assert (tables.whole_decode_s[base, precision] <= (tables.whole_decode_s[base, 0] + unpack_s) * (1 + 1e-12)).all()


@pytest.mark.parametrize("base", range(len(BASES)))
def test_one_answer_is_decoded_faster_in_fewer_bits_and_a_long_prompt_in_four_is_not(tables, base):
    assert (np.diff(tables.whole_decode_s[base, :, 1]) < 0.0).all()
    assert tables.whole_prefill_s[base, 2, -1] > tables.whole_prefill_s[base, 0, -1]


@pytest.mark.parametrize(("base", "precision"), NUMBERS)
def test_the_device_draws_between_its_idle_and_its_full_power(tables, base, precision):
    energy = energy_costs(BASES[base], DEVICE, ())
    batch = np.array(BATCH_KNOTS, np.int64)
    prefill_w = tables.whole_prefill_j[base, precision] / tables.whole_prefill_s[base, precision]
    decode_w = tables.whole_decode_j[base, precision, batch] * batch / tables.whole_decode_s[base, precision, batch]
    for power_w in (prefill_w, decode_w):
        assert (power_w > energy.idle_power_w[0]).all()
        assert (power_w < 700.0 + 1e-9).all()  # the H100's limit
    position = plain(prompt_position)(tables, 512.0)
    assert plain(prefill_energy)(tables, base, precision, position) == tables.whole_prefill_j[base, precision, 6]
    assert plain(decode_energy)(tables, base, precision, 8) == tables.whole_decode_j[base, precision, 8]


def test_a_precision_that_was_not_measured_takes_the_ratio_of_the_nearest_size():
    assert ratio_model(architecture_of("Llama-2-7B"), 16, DEVICE) == "Llama-2-7B"
    lent = ratio_model(architecture_of("Qwen2.5-1.5B"), 4, DEVICE)
    assert architecture_of(lent).weights < architecture_of("Llama-2-7B").weights
    with pytest.raises(ProfileError, match="12"):
        inference_params(("Llama-3-8B",), (16, 12), DEVICE, CONTEXT)
