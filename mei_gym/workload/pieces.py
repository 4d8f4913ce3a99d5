"""The pieces in which models are sent over the air: blocks, whatever the precision that they are sent in.

    bytes of a model on the air  = sum over its pieces of D_jp           D_jp  piece_bytes[j, p]
    loss of a received model     = sum_j w_j q_jp / sum_j w_j            q_jp  piece_loss[j, p]

    p   the precision at which piece j was received     w_j  its weights, by its bytes at the most bits

A piece is what a library's variants share that differ in nothing but the precision: the blocks of one set of models at
16, 8 and 4 bits are one piece in three sizes. An adapter stays in 16 bits whatever the rest is sent in, so it has one
size, and it loses nothing. That the rise of perplexity is linear in the share of the weights that are coarse is chosen:
published are whole models at one precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mei_gym.workload.library import Library


class PieceParams(NamedTuple):
    """What a scenario fixes about the pieces; `piece_params` lays it."""

    models: int
    precisions: int
    pieces: int
    most_pieces: int  # of a model
    library_bits: np.ndarray  # f8[precisions], falling
    piece_bytes: np.ndarray  # f8[pieces, precisions]
    piece_choices: np.ndarray  # i8[pieces]: precisions that it can be sent in, the most bits first; 1: all are alike
    piece_loss: np.ndarray  # f8[pieces, precisions]: relative rise of perplexity
    model_first_piece: np.ndarray  # i8[models + 1]: where a model's pieces begin in `model_piece`
    model_piece: np.ndarray  # i8[uses]: pieces, rising within a model
    model_bytes: np.ndarray  # f8[models, precisions]: of its pieces


def piece_params(library: Library, losses: Sequence[Sequence[float]]) -> PieceParams:
    """The pieces of a library; `losses` has a row for each base and a column for each of the library's precisions."""
    precisions, models = len(library.bits), len(library.models)
    users: dict[str, list[int]] = {}
    for variant, used in enumerate(library.uses):
        for block in used:
            users.setdefault(block, []).append(variant)
    sizes: dict[tuple[tuple[int, ...], bool], np.ndarray] = {}
    for block in library.block_bytes:
        of_models = tuple(sorted({variant // precisions for variant in users[block]}))
        of_precisions = sorted({variant % precisions for variant in users[block]})
        alike = len(of_precisions) == precisions
        size = sizes.setdefault((of_models, alike), np.zeros(precisions))
        size[of_precisions] += library.block_bytes[block]
    keys = list(sizes)
    pieces_of = [[number for number, (used_by, _) in enumerate(keys) if model in used_by] for model in range(models)]
    table = np.array([sizes[key] for key in keys])
    alike = np.array([key[1] for key in keys])
    base_loss = np.array(losses, np.float64)
    loss = np.array([base_loss[library.base_of[key[0][0]]] for key in keys])
    return PieceParams(
        models=models,
        precisions=precisions,
        pieces=len(keys),
        most_pieces=max(map(len, pieces_of)),
        library_bits=np.array(library.bits),
        piece_bytes=table,
        piece_choices=np.where(alike, 1, precisions).astype(np.int64),
        piece_loss=np.where(alike[:, None] & (precisions > 1), 0.0, loss),
        model_first_piece=np.concatenate(([0], np.cumsum([len(each) for each in pieces_of]))).astype(np.int64),
        model_piece=np.array([piece for each in pieces_of for piece in each], np.int64),
        model_bytes=np.array([table[each].sum(axis=0) for each in pieces_of]),
    )
