"""A NamedTuple of arrays by its address: so that a rule takes hundreds of variables for the price of one.

numba hands a NamedTuple to a function field by field, and an array as nine words: with the parameters and the state of
an environment each call would carry over a thousand arguments. Packed, the words stand in one table in memory;
`view(address, layout)` gives compiled code an object with the NamedTuple's attributes that is only the address.
Attributes are read where they are used: numbers by value, arrays as views without reference counts, so whoever holds
the address keeps the NamedTuple alive. The rules' text does not change: plain Python and small tests pass the
NamedTuple itself.

A layout is text: `name:dtype:dimensions` for each field, 0 dimensions for a number. It is part of the compiled type.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.core.datamodel.registry import register_default
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype

WORD = ir.IntType(64)


def layout_of(fields: Any) -> str:
    """The layout of a NamedTuple of C-contiguous arrays, ints and floats."""
    parts = []
    for name, value in zip(fields._fields, fields):
        if isinstance(value, np.ndarray):
            if not value.flags.c_contiguous or value.ndim == 0 or not value.dtype.isnative:
                raise ValueError(
                    f"The array {name} cannot be packed; a native C-contiguous array of 1 or more axes can."
                )
            parts.append(f"{name}:{value.dtype.str[1:]}:{value.ndim}")
        else:
            parts.append(f"{name}:{'i8' if isinstance(value, int | np.integer) else 'f8'}:0")
    return " ".join(parts)


def table_of(fields: Any) -> np.ndarray:
    """int64[words]: numbers as their bits; arrays as address and shape."""
    words: list[int] = []
    for value in fields:
        if isinstance(value, np.ndarray):
            words += [value.ctypes.data, *value.shape]
        elif isinstance(value, int | np.integer):
            words.append(int(value))
        else:
            words.append(int(np.float64(value).view(np.int64)))
    return np.array(words, np.int64)


class Field(NamedTuple):
    """Where a field stands in the table, and its type."""

    place: int
    type: types.Type


class PackType(types.Type):
    """The compiled type of a packed NamedTuple."""

    def __init__(self, layout: str) -> None:
        self.layout = layout
        self.fields: dict[str, Field] = {}
        place = 0
        for part in layout.split():
            name, dtype, dimensions = part.split(":")
            element = from_dtype(np.dtype(dtype))
            shaped = int(dimensions)
            self.fields[name] = Field(place, types.Array(element, shaped, "C") if shaped else element)
            place += 1 + shaped
        # the name is part of every symbol that takes a pack, so it is kept short
        super().__init__(name=f"Pack{sha256(layout.encode()).hexdigest()[:12]}")


@register_default(PackType)
class PackModel(PrimitiveModel):
    """An address."""

    def __init__(self, dmm: Any, fe_type: PackType) -> None:
        super().__init__(dmm, fe_type, WORD)


@infer_getattr
class PackAttribute(AttributeTemplate):
    """Types the attributes of a pack."""

    key = PackType

    def generic_resolve(self, pack: PackType, name: str) -> types.Type | None:
        field = pack.fields.get(name)
        return field.type if field else None


@lower_getattr_generic(PackType)
def lower_attribute(context: Any, builder: Any, pack: PackType, address: Any, name: str) -> Any:
    """Reads an attribute from the table; the table never changes, which lets LLVM read it once."""
    field = pack.fields[name]
    table = builder.inttoptr(address, WORD.as_pointer())

    def word(offset: int) -> Any:
        value = builder.load(builder.gep(table, [ir.Constant(WORD, field.place + offset)]))
        value.set_metadata("invariant.load", builder.module.add_metadata([]))
        return value

    if not isinstance(field.type, types.Array):
        return builder.bitcast(word(0), ir.DoubleType()) if field.type == types.float64 else word(0)
    array = make_array(field.type)(context, builder)
    item_bytes = context.get_abi_sizeof(context.get_data_type(field.type.dtype))
    shape = [word(1 + axis) for axis in range(field.type.ndim)]
    strides = [ir.Constant(WORD, item_bytes)]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    data = builder.inttoptr(word(0), array.data.type)
    populate_array(
        array,
        data=data,
        shape=cgutils.pack_array(builder, shape),
        strides=cgutils.pack_array(builder, strides),
        itemsize=ir.Constant(WORD, item_bytes),
        meminfo=None,
    )
    return array._getvalue()


def pack_at(typing_context: Any, address: Any, layout: Any) -> Any:
    """The pack at an address; the layout is a constant."""
    pack = PackType(layout.literal_value)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return arguments[0]

    return pack(types.int64, layout), code


def the_fields_themselves(fields: Any, layout: str) -> Any:
    """Plain Python needs no pack."""
    return fields


PLAIN = bool(numba.config.DISABLE_JIT)  # pyright: ignore[reportAttributeAccessIssue]
view: Any = the_fields_themselves if PLAIN else intrinsic(prefer_literal=True)(pack_at)


class Pack:
    """Keeps a NamedTuple and its table alive; `handle` is what compiled entries take."""

    def __init__(self, fields: Any) -> None:
        self.fields = fields
        self.layout = layout_of(fields)
        self.table = table_of(fields)
        self.handle: Any = fields if PLAIN else int(self.table.ctypes.data)
