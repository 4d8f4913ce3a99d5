"""A store of shared blocks: what is missing, and what comes and goes."""

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.costs.storage import hold, missing_bytes, release
from mei_gym.workload.library import library_of_blocks, library_params

BLOCKS = {"base": 10.0, "a": 1.0, "b": 2.0, "c": 4.0}
PARAMS = library_params(library_of_blocks(BLOCKS, {"A": ["base", "a"], "B": ["base", "b"], "C": ["c"]}, "Llama-2-7B"))
A, B, C = range(3)


@pytest.fixture
def store():
    """Verbs of an empty store, and the counts of holders."""
    holders = np.zeros((1, 1, PARAMS.blocks), np.int32)

    def verb(rule):
        return lambda variant: plain(rule)(PARAMS, holders, 0, 0, variant)

    return *map(verb, (hold, release, missing_bytes)), holders


def test_the_first_user_of_a_block_brings_its_bytes_and_the_last_takes_them_along(store):
    hold, release, missing, holders = store

    def freed(variant):
        """Taken out and put back."""
        size_bytes = release(variant)
        assert hold(variant) == size_bytes
        return size_bytes

    assert (missing(A), missing(B), missing(C)) == (11.0, 12.0, 4.0)
    assert (hold(A), hold(B), hold(C)) == (11.0, 2.0, 4.0)
    assert (missing(A), missing(B)) == (0.0, 0.0)
    assert (freed(A), freed(B), freed(C)) == (1.0, 2.0, 4.0)
    assert release(A) == 1.0
    assert (missing(A), freed(B)) == (1.0, 12.0)
    assert release(B) == 12.0
    assert release(C) == 4.0
    assert not holders.any()


def test_the_bytes_of_a_set_do_not_depend_on_the_order_in_which_it_came(store):
    hold, release, _, _ = store
    for order in ((A, B, C), (C, B, A), (B, A, C)):
        assert sum(hold(variant) for variant in order) == 17.0
        assert sum(release(variant) for variant in order[::-1]) == 17.0
