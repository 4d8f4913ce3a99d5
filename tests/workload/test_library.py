"""The library: bytes by hand, who shares what, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mei_gym.profiles.load import architecture_of
from mei_gym.workload.library import (
    Family,
    bytes_of_set,
    library_of_blocks,
    library_of_families,
    library_params,
    storage_efficiency,
)

CARD = architecture_of("Llama-2-7B")  # 6.74e9 weights in 32 layers, an embedding and a head of 32,000 x 4096 each
WEIGHTS, LAYER, ENDS = 6_738_415_616, 202_383_360, 262_148_096
LORA = 8_388_608  # rank 16 on query and value: 32 layers x 2 matrices x 16 x (4096 + 4096)
BITS = {16: 16.0, 8: 8.5, 4: 4.89}  # llama.cpp: q8_0, q4_K_M


def llama(**family) -> Family:
    return Family(CARD, **{"adapter_weights": LORA, **family})


def sizes(library) -> list[float]:
    return [bytes_of_set(library, [variant]) for variant in range(len(library.uses))]


def test_the_card_has_the_published_weights():
    assert (CARD.weights, CARD.block_weights) == (WEIGHTS, LAYER)
    assert CARD.weights - 32 * CARD.block_weights == ENDS == 2 * 32_000 * 4096 + 4096


def test_a_base_takes_its_weights_at_the_bits_that_the_format_stores():
    library = library_of_families({"llama": llama()}, BITS)
    assert library.models == ("llama",)
    assert library.bits == (16.0, 8.0, 4.0)
    sixteen, eight, four = sizes(library)
    assert sixteen == 2 * WEIGHTS
    assert eight == WEIGHTS * 8.5 / 8
    assert four == pytest.approx(WEIGHTS * 4.89 / 8, abs=2.0)
    assert len(library.block_bytes) == 3  # ends and layers have the same users: one block a precision


def test_an_adapter_is_kept_once_in_sixteen_bits_for_all_precisions_of_its_model():
    library = library_of_families({"llama": llama(adapters=2)}, BITS)
    assert library.models == ("llama", "llama/lora0", "llama/lora1")
    base, first = library.variants_of(0), library.variants_of(1)
    for one, other in zip(base, first):
        assert bytes_of_set(library, [other]) - bytes_of_set(library, [one]) == 2 * LORA
        assert bytes_of_set(library, [one, other]) == bytes_of_set(library, [other])
    whole = sum(bytes_of_set(library, [variant]) for variant in base)
    assert bytes_of_set(library, first) == whole + 2 * LORA
    assert bytes_of_set(library, range(9)) == whole + 4 * LORA


def test_a_fine_tune_keeps_its_lowest_layers_and_the_ends_of_the_base():
    library = library_of_families({"llama": llama(frozen_layers=(16, 24))}, {16: 16.0})
    base, half, most = range(3)
    assert library.models == ("llama", "llama/tuned0", "llama/tuned1")
    assert sizes(library) == [2 * WEIGHTS] * 3
    assert bytes_of_set(library, [base, half]) == 2 * (WEIGHTS + 16 * LAYER)
    assert bytes_of_set(library, [base, most]) == 2 * (WEIGHTS + 8 * LAYER)
    assert bytes_of_set(library, [half, most]) == 2 * (WEIGHTS + 16 * LAYER)  # they share sixteen layers
    assert bytes_of_set(library, [base, half, most]) == 2 * (WEIGHTS + 24 * LAYER)


def test_a_fine_tune_that_freezes_nothing_shares_the_ends_alone():
    library = library_of_families({"llama": llama(frozen_layers=(0,))}, {16: 16.0})
    assert bytes_of_set(library, [0, 1]) == 2 * (2 * WEIGHTS - ENDS)


def test_without_the_plain_base_its_blocks_are_still_shared():
    library = library_of_families({"llama": llama(plain=False, adapters=3)}, {16: 16.0})
    assert len(library.models) == 3
    assert bytes_of_set(library, range(3)) == 2 * (WEIGHTS + 3 * LORA)


def test_many_adapters_are_stored_nearly_as_often_as_there_are_in_the_room_of_one():
    library = library_of_families({"llama": llama(adapters=9)}, {16: 16.0})
    efficiency = storage_efficiency(library, range(10))
    assert efficiency == (10 * WEIGHTS + 9 * LORA) / (WEIGHTS + 9 * LORA)
    assert efficiency == pytest.approx(9.9, abs=0.02)
    assert storage_efficiency(library, [4]) == 1.0


def test_without_sharing_each_variant_is_a_block_of_its_own_of_the_same_size():
    families = {"llama": llama(adapters=2, frozen_layers=(16,))}
    shared, alone = (library_of_families(families, BITS, deduplicated) for deduplicated in (True, False))
    assert alone.models == shared.models
    assert sizes(alone) == sizes(shared)
    assert [len(used) for used in alone.uses] == [1] * 12
    assert storage_efficiency(alone, range(12)) == 1.0
    assert bytes_of_set(alone, range(12)) == sum(sizes(shared))


def test_blocks_with_the_same_users_are_one_and_others_stay_apart():
    blocks = {"a": 1.0, "b": 2.0, "c": 4.0, "unused": 8.0}
    library = library_of_blocks(blocks, {"one": ["a", "b"], "two": ["a", "b", "c"]}, "base")
    assert library.block_bytes == {"a": 3.0, "c": 4.0}
    assert library.uses == (frozenset("a"), frozenset("ac"))
    assert library.bits == (16.0,)


def test_a_block_takes_whole_bytes():
    library = library_of_families({"llama": llama(adapters=1, frozen_layers=(11,))}, {4: 4.89})
    params = library_params(library)
    assert (params.block_bytes == np.floor(params.block_bytes)).all()
    assert params.variant_bytes.tolist() == sizes(library)


@settings(max_examples=80, deadline=None)
@given(
    blocks=st.lists(st.integers(1, 10**6), min_size=1, max_size=8),
    models=st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=6),
    chosen=st.sets(st.integers(0, 5)),
)
def test_a_set_takes_the_bytes_of_the_union_of_its_blocks_however_they_are_joined(blocks, models, chosen):
    named = {str(number): float(size) for number, size in enumerate(blocks)}
    made = {f"m{place}": sorted({str(each % len(blocks)) for each in used}) for place, used in enumerate(models)}
    library = library_of_blocks(named, made, "base")
    params = library_params(library)
    chosen = {each % len(models) for each in chosen}
    union = {block for each in chosen for block in made[f"m{each}"]}
    assert bytes_of_set(library, chosen) == sum(named[block] for block in union)
    held = {
        int(block)
        for each in chosen
        for block in params.variant_block[params.variant_first_block[each] : params.variant_first_block[each + 1]]
    }
    assert params.block_bytes[sorted(held)].sum() == sum(named[block] for block in union)
    assert params.variant_bytes.tolist() == [sum(named[block] for block in used) for used in made.values()]
    assert (params.models, params.precisions, params.variants) == (len(models), 1, len(models))


REFUSED = [
    (({"base": 1.0}, {"m": ["bsae"]}), r"^The model 'm' refers to the block 'bsae'; did you mean 'base'\?"),
    (({"a": 1.0}, {"m": []}), r"^The model 'm' has no blocks; at least 1 is needed\.$"),
    (({"a": 0.0}, {"m": ["a"]}), r"^The block 'a' has 0\.0 bytes; a finite number above 0 is accepted\.$"),
    (({"a": float("inf")}, {"m": ["a"]}), r"^The block 'a' has inf bytes; a finite number above 0 is accepted\.$"),
    (({"a": 1.0}, {}), r"^The library has 0 models; 1 to 10000 are accepted\.$"),
]


@pytest.mark.parametrize(("given", "said"), REFUSED)
def test_what_is_no_library_is_refused_in_a_sentence(given, said):
    with pytest.raises(ValueError, match=said):
        library_of_blocks(*given, "base")


@pytest.mark.parametrize("frozen", [-1, 32])
def test_a_fine_tune_keeps_at_least_one_layer_for_itself(frozen):
    with pytest.raises(ValueError, match=rf"^frozen_layers is {frozen} of llama; 0 to 31 is accepted\.$"):
        library_of_families({"llama": llama(frozen_layers=(frozen,))}, {16: 16.0})
