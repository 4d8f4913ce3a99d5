"""No row may be faster than the device."""

from mei_gym.measurements.floor import Ceilings, violation

DEVICE = Ceilings(flops=1e12, bandwidth_bytes_per_s=1e11, last_level_cache_bytes=1e6, how="invented")


def test_a_row_at_the_ceilings_is_possible():
    assert violation(1.0, flops=1e12, least_bytes=1.05e11, working_set_bytes=1e9, ceilings=DEVICE) is None


def test_more_flops_than_the_best_product_are_refused():
    reason = violation(1.0, 1.001e12, 0.0, 1e9, DEVICE)
    assert reason is not None
    assert "FLOP/s is more than" in reason


def test_more_bytes_than_the_best_stream_are_refused():
    reason = violation(1.0, 0.0, 1.06e11, 1e9, DEVICE)
    assert reason is not None
    assert "bytes/s is more than 1.05 times" in reason


def test_what_fits_in_the_cache_may_be_faster_than_memory():
    assert violation(1.0, 0.0, 1e13, working_set_bytes=9e5, ceilings=DEVICE) is None


def test_no_time_at_all_is_refused():
    assert violation(0.0, 1.0, 1.0, 1.0, DEVICE) is not None
    assert violation(float("nan"), 1.0, 1.0, 1.0, DEVICE) is not None
