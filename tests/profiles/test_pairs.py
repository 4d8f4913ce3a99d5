"""Published pairs of one device, model and two precisions: what fewer bits bring, and what the rule says of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mei_gym.profiles.pairs import PrecisionPair, precision_pairs
from mei_gym.profiles.published import fit_rule, predicted_rate, published_rows


def test_the_pair_of_llama_3_8b_on_an_rtx_4090_is_of_its_two_published_rates() -> None:
    pair = next(p for p in precision_pairs() if (p.chip, p.model, p.same_runtime) == ("RTX 4090", "Llama-3-8B", True))
    assert pair.weights == "Q4_K_M"
    assert pair.time_ratio == pytest.approx(54.34 / 127.74)
    assert pair.bytes_ratio == pytest.approx(4.92 / 15.0)


def test_on_gpus_fewer_bits_never_bring_the_ratio_of_bytes() -> None:
    pairs = [p for p in precision_pairs() if p.transfer_class != "phone"]
    assert len(pairs) > 10
    assert all(p.time_ratio > 1.03 * p.bytes_ratio for p in pairs)


def test_the_rule_of_a_pair_has_not_seen_its_chip() -> None:
    pair = next(p for p in precision_pairs() if p.chip == "A40")
    rows = [r for r in published_rows() if r.transfer_class == "nvidia-gpu" and r.phase == "decode"]
    rule = fit_rule([r for r in rows if r.chip != "A40"])
    plain, packed = (next(r for r in rows if r.chip == "A40" and r.weights == w) for w in ("F16", "Q4_K_M"))
    assert pair.ruled_ratio == pytest.approx(predicted_rate(rule, plain) / predicted_rate(rule, packed))
    assert pair.ruled_ratio > pair.bytes_ratio


def test_the_rule_is_nearer_to_the_published_ratios_than_the_bytes_are() -> None:
    pairs = precision_pairs()
    assert error(pairs, lambda p: p.ruled_ratio) < error(pairs, lambda p: p.bytes_ratio)


def test_one_factor_on_the_bytes_does_not_carry_over_to_chips_left_out() -> None:
    pairs = precision_pairs()

    def carried(pair: PrecisionPair) -> float:
        others = [p for p in pairs if p.chip != pair.chip]
        by_chip = [
            np.median([p.time_ratio / p.bytes_ratio for p in others if p.chip == chip])
            for chip in {p.chip for p in others}
        ]
        return float(np.median(by_chip)) * pair.bytes_ratio

    assert error(pairs, carried) > error(pairs, lambda p: p.bytes_ratio)


def error(pairs: list[PrecisionPair], ratio: Callable[[PrecisionPair], float]) -> float:
    return float(np.median([abs(ratio(pair) / pair.time_ratio - 1.0) for pair in pairs]))
