"""How fast measured machines load weights."""

import pytest

from mei_gym.profiles.load import ProfileError
from mei_gym.profiles.loading import PATHS, loading_bytes_per_s


def test_pinned_memory_feeds_the_h100_at_54_gigabytes_a_second():
    assert loading_bytes_per_s("h100-sxm", "ram_to_gpu_pinned") == pytest.approx(54e9, rel=0.02)  # PCIe 5 x16: 64e9


def test_pinned_memory_is_faster_than_pageable_and_the_disk_is_slowest():
    rates = [loading_bytes_per_s("h100-sxm", path) for path in ("disk_to_ram", "ram_to_gpu_pageable")]
    assert 1e8 < rates[0] < rates[1] < loading_bytes_per_s("h100-sxm", "ram_to_gpu_pinned")


def test_an_unknown_path_and_a_machine_that_was_not_timed_are_refused_in_a_sentence():
    with pytest.raises(ProfileError, match=r"no path 'ram_to_gpu'; there are disk_to_ram, ram_to_gpu_pageable"):
        loading_bytes_per_s("h100-sxm", "ram_to_gpu")
    with pytest.raises(ProfileError, match=r"disk_to_ram was not timed on 'abacus'; measured devices are .*h100-sxm"):
        loading_bytes_per_s("abacus", PATHS[0])
