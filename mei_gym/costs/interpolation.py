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
def anchored(knot_tokens, knot_s, knot_roofline_s, processor, count, tokens, roofline_s):
    """s; the measured time at a knot, along the roofline between two, the edge's utilisation outside."""
    if count == 0:
        return roofline_s
    last = count - 1
    if tokens <= knot_tokens[processor, 0]:
        return knot_s[processor, 0] * (roofline_s / knot_roofline_s[processor, 0])
    if tokens >= knot_tokens[processor, last]:
        return knot_s[processor, last] * (roofline_s / knot_roofline_s[processor, last])
    k = lower_knot(knot_tokens, processor, count, tokens)
    below_s, bound_s = knot_s[processor, k], knot_roofline_s[processor, k]
    share = (roofline_s - bound_s) / (knot_roofline_s[processor, k + 1] - bound_s)
    return below_s + share * (knot_s[processor, k + 1] - below_s)


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
