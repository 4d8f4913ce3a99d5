"""Pieces: blocks whatever their precision, with their bytes, and what a model loses by the bits they came in."""

import numpy as np
import pytest

from mei_gym.architectures import ARCHITECTURES
from mei_gym.workload.library import Family, library_of_blocks, library_of_families
from mei_gym.workload.pieces import piece_params

CARD = ARCHITECTURES["Qwen2.5-0.5B"]
BITS = {16.0: 16.0, 8.0: 8.5, 4.0: 4.89}
LOSSES = [[0.0, 0.001, 0.03]]


def family(**values):
    return library_of_families({"f": Family(CARD, **values)}, BITS)


def pieces_of(params, model):
    return params.model_piece[params.model_first_piece[model] : params.model_first_piece[model + 1]].tolist()


def test_a_base_and_its_adapters_are_one_piece_in_three_sizes_and_one_in_one_size_each():
    params = piece_params(family(adapters=2, adapter_weights=1_000_000), LOSSES)
    assert (params.models, params.pieces, params.most_pieces) == (3, 3, 2)
    base = pieces_of(params, 0)[0]
    assert params.piece_bytes[base] == pytest.approx([CARD.weights * bits / 8.0 for bits in BITS.values()])
    adapter = next(piece for piece in pieces_of(params, 1) if piece != base)
    assert params.piece_bytes[adapter].tolist() == [2e6, 2e6, 2e6]
    assert params.piece_choices[[base, adapter]].tolist() == [3, 1]
    assert params.piece_loss[base].tolist() == LOSSES[0]
    assert params.piece_loss[adapter].tolist() == [0.0, 0.0, 0.0]


def test_a_fine_tune_shares_the_layers_that_it_froze_and_no_others():
    params = piece_params(family(frozen_layers=(12,)), LOSSES)
    shared = set(pieces_of(params, 0)) & set(pieces_of(params, 1))
    upper = CARD.block_weights * (CARD.layers - 12) * 2.0
    assert params.piece_bytes[sorted(shared), 0].sum() == pytest.approx(CARD.weights * 2.0 - upper)
    assert params.model_bytes[:, 0] == pytest.approx([CARD.weights * 2.0] * 2)


def test_models_have_the_bytes_of_the_librarys_variants():
    library = family(adapters=3, adapter_weights=5_000_000, frozen_layers=(6, 12))
    params = piece_params(library, LOSSES)
    for model in range(params.models):
        for place, variant in enumerate(library.variants_of(model)):
            whole = sum(library.block_bytes[block] for block in library.uses[variant])
            assert params.model_bytes[model, place] == pytest.approx(whole)


def test_without_sharing_every_model_is_one_piece():
    library = library_of_families({"f": Family(CARD, adapters=2, adapter_weights=1_000)}, BITS, deduplicated=False)
    params = piece_params(library, LOSSES)
    assert params.pieces == params.models == 3
    assert params.most_pieces == 1


def test_a_library_that_is_written_out_has_its_blocks_as_pieces():
    library = library_of_blocks({"low": 10.0, "a": 3.0, "b": 4.0}, {"x": ["low", "a"], "y": ["low", "b"]}, "base")
    params = piece_params(library, [[0.0]])
    assert sorted(params.piece_bytes[:, 0].tolist()) == [3.0, 4.0, 10.0]
    assert params.model_bytes[:, 0].tolist() == [13.0, 14.0]
    assert (params.piece_choices == 1).all()
    assert np.array_equal(params.piece_loss, np.zeros((3, 1)))
