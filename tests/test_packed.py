"""Packs: an address with the attributes of a NamedTuple."""

from typing import NamedTuple

import numba
import numpy as np
import pytest

from mei_gym.packed import Pack, layout_of, table_of, view


class Things(NamedTuple):
    """One of each kind."""

    count: int
    share: float
    small: np.ndarray
    whole: np.ndarray
    key: np.ndarray
    flags: np.ndarray
    single: np.ndarray
    cube: np.ndarray


def things() -> Things:
    rng = np.random.default_rng(0)
    return Things(
        -7, 0.1, rng.random(5), rng.integers(0, 9, (3, 4)), np.array([2**64 - 1, 1], np.uint64),
        np.array([True, False, True]), rng.random((2, 3)).astype(np.float32),
        rng.integers(0, 99, (2, 3, 4)).astype(np.int32),
    )  # fmt: skip


LAYOUT = layout_of(things())


@numba.njit
def read(handle):
    """Every element of every attribute, as floats, and the shapes."""
    pack = view(handle, LAYOUT)
    numbers = [float(pack.count), pack.share]
    for place in range(pack.small.shape[0]):
        numbers.append(pack.small[place])
    for row in range(pack.whole.shape[0]):
        for column in range(pack.whole.shape[1]):
            numbers.append(float(pack.whole[row, column]))
    numbers.append(float(pack.key[0] >> np.uint64(60)))
    for place in range(pack.flags.shape[0]):
        numbers.append(1.0 if pack.flags[place] else 0.0)
    for row in range(pack.single.shape[0]):
        for column in range(pack.single.shape[1]):
            numbers.append(float(pack.single[row, column]))
    for plane in range(pack.cube.shape[0]):
        for row in range(pack.cube.shape[1]):
            for column in range(pack.cube.shape[2]):
                numbers.append(float(pack.cube[plane, row, column]))
    return numbers


@numba.njit
def write(handle, place, value):
    """Change an element."""
    pack = view(handle, LAYOUT)
    pack.small[place] = value
    pack.cube[1, 2, 3] += 1


def test_compiled_code_reads_what_the_namedtuple_holds():
    fields = things()
    arrays = [fields.small, fields.whole, [15.0], fields.flags, fields.single, fields.cube]
    expected = [fields.count, fields.share, *(float(x) for array in arrays for x in np.asarray(array).ravel())]
    assert read(Pack(fields).handle) == expected


def test_compiled_code_changes_the_arrays_themselves():
    fields = things()
    pack, before = Pack(fields), fields.cube[1, 2, 3]
    write(pack.handle, 3, 42.0)
    assert fields.small[3] == 42.0
    assert fields.cube[1, 2, 3] == before + 1


def test_a_layout_names_each_field_its_type_and_its_axes():
    assert LAYOUT == "count:i8:0 share:f8:0 small:f8:1 whole:i8:2 key:u8:1 flags:b1:1 single:f4:2 cube:i4:3"


def test_a_table_has_a_word_a_number_and_one_and_its_shape_an_array():
    fields = things()
    table = table_of(fields)
    assert table.dtype == np.int64
    assert len(table) == 1 + 1 + 2 + 3 + 2 + 2 + 3 + 4
    assert table[0] == -7
    assert table[1:2].view(np.float64)[0] == 0.1
    assert tuple(table[-3:]) == fields.cube.shape


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4))[:, ::2],
        np.asfortranarray(np.zeros((3, 4))),
        np.arange(6)[::2],
        np.array(3.0),
        np.zeros(3, ">f8"),
    ],
)
def test_an_array_that_is_not_contiguous_native_or_of_any_axis_is_refused_by_name(array):
    fields = things()._replace(whole=array)
    with pytest.raises(ValueError, match="The array whole "):
        Pack(fields)


def test_the_pack_keeps_what_it_shows_alive():
    pack = Pack(things())
    junk = [np.full(1000, np.nan) for _ in range(100)]
    assert read(pack.handle)[:2] == [-7.0, 0.1]
    assert len(junk) == 100


def test_an_attribute_that_is_not_there_does_not_compile():
    @numba.njit
    def wrong(handle):
        return view(handle, LAYOUT).nothing

    with pytest.raises(numba.TypingError, match="nothing"):
        wrong(Pack(things()).handle)
