"""Between measured knots: exact at each of them, never falling where the knots do not.

The first index of every table is the processor; a row uses its first `count` values, which ascend.
"""

from __future__ import annotations

from mei_gym.compiled import scalar


@scalar
def lower_knot(knots, processor, count, value):
    """The index of the last knot that is not above a value, and at most the last but one."""
    low, high = 0, count - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if knots[processor, middle] <= value:
            low = middle
        else:
            high = middle
    return low


@scalar
def linear(knot_tokens, knot_s, processor, count, tokens):
    """s; a value inside the range of the knots, exact at each, linear between two."""
    k = lower_knot(knot_tokens, processor, count, tokens)
    after = min(k + 1, count - 1)
    low, low_s = knot_tokens[processor, k], knot_s[processor, k]
    share = (tokens - low) / (knot_tokens[processor, after] - low) if after > k else 0.0
    return low_s + share * (knot_s[processor, after] - low_s)


@scalar
def bilinear(knot_rows, knot_columns, knot_s, processor, rows, columns, row, column):
    """s; a value inside a grid, exact at its knots, linear in each direction between them."""
    i, j = lower_knot(knot_rows, processor, rows, row), lower_knot(knot_columns, processor, columns, column)
    next_i, next_j = min(i + 1, rows - 1), min(j + 1, columns - 1)
    low, left = knot_rows[processor, i], knot_columns[processor, j]
    up = (row - low) / (knot_rows[processor, next_i] - low) if next_i > i else 0.0
    right = (column - left) / (knot_columns[processor, next_j] - left) if next_j > j else 0.0
    lower_s, upper_s = knot_s[processor, i, j], knot_s[processor, next_i, j]
    lower_s += right * (knot_s[processor, i, next_j] - lower_s)
    upper_s += right * (knot_s[processor, next_i, next_j] - upper_s)
    return lower_s + up * (upper_s - lower_s)
