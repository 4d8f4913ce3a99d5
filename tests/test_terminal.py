"""Tables and JSON on the terminal."""

import json

import numpy as np
import pytest

from mei_gym.terminal import GAP, WIDTH, cell, show, widths


def test_a_table_that_fits_is_as_wide_as_its_texts():
    assert widths([["a", "two words"], ["three", "x"]]) == [5, 9]


def test_a_table_that_does_not_fit_keeps_its_words_whole_and_short_columns_on_one_line():
    long = "word " * 40
    assert widths([["id", "text"], ["a b", long]]) == [3, WIDTH - GAP - 3]
    first, second = widths([["x" * 20, long], ["y", long]])
    assert first == 20
    assert first + second + GAP == WIDTH


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (104_555.4, "104,555"),
        (0.01234, "0.0123"),
        (31.72, "31.7"),
        (4096, "4,096"),
        (True, "yes"),
        (None, ""),
        (("a", "b"), "a, b"),
    ],
)
def test_a_value_is_shown_as_a_person_reads_it(value, shown):
    assert cell(value) == shown


def test_no_line_of_a_table_is_longer_than_the_terminal(capsys):
    show([{"name": "x" * 30, "text": "word " * 50, "number": 1.5, "more": 12345.6}] * 3, "Title")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert any("12,346" in line and "1.5" in line for line in lines)


def test_json_has_plain_numbers_and_null_for_what_was_not_measured(capsys):
    show([{"error": float("nan"), "count": np.int64(3), "mean": np.float32(0.5)}], "Title", as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"error": None, "count": 3, "mean": 0.5}]


def test_no_rows_are_said_to_be_none(capsys):
    show([], "Peers")
    assert capsys.readouterr().out == "Peers: none.\n"
