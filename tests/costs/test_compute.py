"""The times of blocks: hand-worked rooflines, knots returned as measured, and the laws of work."""

from __future__ import annotations

import hashlib
import json
from math import isclose
from pathlib import Path

import numpy as np
import pytest

from mei_gym.architectures import ARCHITECTURES
from mei_gym.compiled import plain
from mei_gym.costs import compute
from mei_gym.costs.compute import (
    ComputeCosts,
    block_decode_time,
    block_mixed_time,
    block_prefill_time,
    compute_costs,
    decode_roofline,
    embedding_time,
    head_time,
    layers_decode_time,
    layers_mixed_time,
    layers_prefill_time,
    prefill_roofline,
    roofline,
)
from mei_gym.profiles.load import ProfileError, load_profile, measured_devices, models
from mei_gym.profiles.schema import COLUMNS

CARD = ARCHITECTURES["Llama-2-7B"]
KNOTS = (1, 2, 4, 8, 16, 64, 128, 129, 256, 257, 512, 513, 1024)
BATCHES, CONTEXTS = (1, 4, 16, 64), (16, 256, 1024)


def prefill_s(tokens: float, context: float = 0.0) -> float:
    """A made-up device with steps of 128 tokens and 5 us of launching."""
    padded = -(-tokens // 128) * 128 if tokens > 64 else tokens
    flops_s = padded / tokens * CARD.prefill_flops(tokens, context) / 5e14
    return 5e-6 + max(flops_s, CARD.prefill_bytes(tokens, context) / 2.5e12)


def decode_s(batch: float, context: float) -> float:
    """The same device, decoding."""
    return 5e-6 + CARD.decode_flops(batch, context) / 5e14 + CARD.decode_bytes(batch, context) / 2.5e12


def write_profile(
    folder: Path, device: str = "bench", skip: tuple[tuple[int, int], ...] = (), slower: float = 1.0
) -> None:
    """A profile of the made-up device; `skip` leaves decode knots out, `slower` lifts the time at 128 tokens."""
    rows: list[list[object]] = []

    def row(
        phase: str, role: str, tokens: int, batch: int, context: int, time_s: float, flops: float, moved: float
    ) -> None:
        spread = (time_s, 0.99 * time_s, 1.01 * time_s)
        rows.append([phase, -1, role, tokens, batch, context, *spread, 20, "graph", flops, moved])

    for m in KNOTS:
        time_s = prefill_s(m) * (slower if m == 128 else 1.0)
        row("prefill", "knot", m, 1, 0, time_s, CARD.prefill_flops(m), CARD.prefill_bytes(m))
    for m in (3, 100, 200, 700):
        row("prefill", "heldout", m, 1, 0, prefill_s(m), CARD.prefill_flops(m), CARD.prefill_bytes(m))
    row("prefill", "repeat", 16, 1, 0, 1.02 * prefill_s(16), CARD.prefill_flops(16), CARD.prefill_bytes(16))
    for b in BATCHES:
        for s in CONTEXTS:
            if (b, s) not in skip:
                row("decode", "knot", 1, b, s, decode_s(b, s), CARD.decode_flops(b, s), CARD.decode_bytes(b, s))
    row("decode", "heldout", 1, 10, 500, decode_s(10, 500), CARD.decode_flops(10, 500), CARD.decode_bytes(10, 500))
    for m in (1, 8, 64):
        row("head", "knot", m, 1, 0, 1e-4 + 1e-7 * m, CARD.head_flops(m), CARD.head_bytes(m))
        row("embedding", "knot", m, 1, 0, 3e-6 + 1e-9 * m, 0.0, CARD.embedding_bytes(m))
    text = "\n".join(",".join(str(value) for value in line) for line in [list(COLUMNS), *rows]) + "\n"
    provenance = {
        "schema": 1,
        "origin": "measured",
        "device": {"slug": device, "name": "Made up", "kind": "gpu", "memory_bytes": 80e9},
        "model": CARD.name,
        "weights": "random",
        "dtype": "bfloat16",
        "weight_bytes_per_value": 2,
        "value_bytes": 2,
        "date": "2026-01-01",
        "machine": {},
        "ceilings": {"flops": 1e15, "bandwidth_bytes_per_s": 3e12},
        "power": {
            "idle_w": 100.0,
            "scope": "GPU",
            "points": [
                {"phase": "prefill", "tokens": 1024, "power_w": 650.0},
                {"phase": "prefill", "tokens": 128, "power_w": 520.0},
                {"phase": "decode", "batch": 1, "context_tokens": 256, "power_w": 380.0},
                {"phase": "decode", "batch": 64, "context_tokens": 1024, "power_w": 430.0},
            ],
        },
        "rows": len(rows),
        "csv_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    place = folder / device
    place.mkdir(parents=True, exist_ok=True)
    (place / "llama-2-7b.csv").write_text(text)
    (place / "llama-2-7b.json").write_text(json.dumps(provenance))


@pytest.fixture(autouse=True)
def _made_up_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_profile(tmp_path)
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))


@pytest.fixture
def costs() -> ComputeCosts:
    return compute_costs("Llama-2-7B", "bench", ["phone", "jetson-agx-orin"])


def test_a_roofline_worked_by_hand(costs: ComputeCosts) -> None:
    flat = costs._replace(
        peak_flops=np.array([4.0]),
        bandwidth_bytes_per_s=np.array([3.0]),
        launch_s=np.array([1.0]),
        roofline_order=np.array([2.0]),
    )
    assert isclose(roofline(flat, 0, 16.0, 9.0), 1.0 + 5.0)  # 3-4-5
    assert roofline(flat, 0, 0.0, 9.0) == 1.0 + 3.0
    assert roofline(flat, 0, 0.0, 0.0) == 1.0


def test_work_of_a_block_is_that_of_its_architecture(costs: ComputeCosts) -> None:
    for tokens, context in ((1.0, 0.0), (300.0, 0.0), (512.0, 1500.0)):
        assert isclose(compute.prefill_flops(costs, 0, tokens, context), CARD.prefill_flops(tokens, context))
        assert isclose(compute.prefill_bytes(costs, 0, tokens, context), CARD.prefill_bytes(tokens, context))
    assert isclose(compute.decode_flops(costs, 0, 7.0, 900.0), CARD.decode_flops(7.0, 900.0))
    assert isclose(compute.decode_bytes(costs, 0, 7.0, 900.0), CARD.decode_bytes(7.0, 900.0))


def test_a_phone_reads_its_weights_at_four_and_a_half_bits(costs: ComputeCosts) -> None:
    # 202.4 M weights x 0.5625 B / 51.5 GB/s = 2.21 ms; 0.405 GFLOP / 0.504 TFLOP/s = 0.80 ms; joined at order 2
    assert isclose(costs.block_read_bytes[1], 202_375_168 * 4.5 / 8)
    memory_s, compute_s = costs.block_read_bytes[1] / 51.456e9, 2 * 202_375_168 / 0.504e12
    assert isclose(block_decode_time(costs, 1, 1.0, 0.0), 20e-6 + np.hypot(memory_s, compute_s), rel_tol=1e-2)


@pytest.mark.parametrize("tokens", KNOTS)
def test_a_measured_prompt_is_returned_as_measured(costs: ComputeCosts, tokens: int) -> None:
    assert isclose(block_prefill_time(costs, 0, float(tokens), 0.0), prefill_s(tokens), rel_tol=1e-9)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("context", CONTEXTS)
def test_a_measured_batch_is_returned_as_measured(costs: ComputeCosts, batch: int, context: int) -> None:
    assert isclose(block_decode_time(costs, 0, float(batch), float(context)), decode_s(batch, context), rel_tol=1e-9)


def test_head_and_embedding_are_returned_as_measured(costs: ComputeCosts) -> None:
    assert isclose(head_time(costs, 0, 8.0), 1.008e-4, rel_tol=1e-9)
    assert isclose(embedding_time(costs, 0, 64.0), 3.064e-6, rel_tol=1e-9)


def test_between_two_knots_the_time_lies_between_theirs(costs: ComputeCosts) -> None:
    for tokens in (130.0, 200.0, 255.0):
        assert prefill_s(129) <= block_prefill_time(costs, 0, tokens, 0.0) <= prefill_s(256) * (1 + 1e-12)


def test_utilisation_is_held_beyond_the_longest_prompt(costs: ComputeCosts) -> None:
    edge = prefill_s(1024) / prefill_roofline(costs, 0, 1024.0, 0.0)
    for tokens in (1025.0, 4096.0, 1e5):
        held = block_prefill_time(costs, 0, tokens, 0.0) / prefill_roofline(costs, 0, tokens, 0.0)
        assert isclose(held, edge, rel_tol=1e-9)


def test_utilisation_is_held_outside_the_decode_grid(costs: ComputeCosts) -> None:
    for batch, context, inside in (
        (200.0, 1024.0, (64, 1024)),
        (64.0, 9000.0, (64, 1024)),
        (500.0, 16.0, (64, 16)),
    ):
        held = block_decode_time(costs, 0, batch, context) / decode_roofline(costs, 0, batch, context)
        edge = decode_s(*inside) / decode_roofline(costs, 0, float(inside[0]), float(inside[1]))
        assert isclose(held, edge, rel_tol=1e-9)


def test_a_context_below_the_shortest_measured_takes_its_time(costs: ComputeCosts) -> None:
    assert block_decode_time(costs, 0, 4.0, 0.0) == block_decode_time(costs, 0, 4.0, 16.0)


@pytest.mark.parametrize("processor", [0, 1, 2])
def test_more_tokens_requests_or_context_never_take_less_time(costs: ComputeCosts, processor: int) -> None:
    tokens = np.concatenate([np.linspace(0.0, 3.0, 31), np.geomspace(3.0, 9000.0, 600)])
    for context in (0.0, 300.0, 3000.0):
        times = [block_prefill_time(costs, processor, m, context) for m in tokens]
        assert np.all(np.diff(times) >= -1e-15)
    for m in (1.0, 100.0, 512.0):
        assert np.all(np.diff([block_prefill_time(costs, processor, m, s) for s in np.linspace(0, 9000, 300)]) >= 0.0)
    for context in (0.0, 100.0, 800.0, 5000.0):
        times = [
            block_decode_time(costs, processor, b, context)
            for b in np.concatenate([[0.0, 0.3, 0.9], np.linspace(1, 300, 500)])
        ]
        assert np.all(np.diff(times) >= -1e-15)
    for batch in (0.5, 1.0, 7.7, 100.0):
        times = [block_decode_time(costs, processor, batch, s) for s in np.linspace(0.0, 5000.0, 500)]
        assert np.all(np.diff(times) >= -1e-15)
    times = [head_time(costs, processor, m) for m in np.linspace(0.0, 300.0, 500)]
    assert np.all(np.diff(times) >= -1e-15)


def test_no_work_takes_no_time_and_half_a_request_half_of_one(costs: ComputeCosts) -> None:
    for processor in range(3):
        assert block_prefill_time(costs, processor, 0.0, 100.0) == 0.0
        assert block_decode_time(costs, processor, 0.0, 100.0) == 0.0
        assert block_mixed_time(costs, processor, 0.0, 0.0, 0.0, 0.0) == 0.0
        assert head_time(costs, processor, 0.0) == embedding_time(costs, processor, 0.0) == 0.0
        one = block_decode_time(costs, processor, 1.0, 100.0)
        assert isclose(block_decode_time(costs, processor, 0.5, 100.0), 0.5 * one)


def test_a_mixed_pass_is_each_part_alone_when_the_other_is_nothing(costs: ComputeCosts) -> None:
    for processor in range(3):
        assert block_mixed_time(costs, processor, 256.0, 128.0, 0.0, 900.0) == block_prefill_time(
            costs, processor, 256.0, 128.0
        )
        assert block_mixed_time(costs, processor, 0.0, 0.0, 8.0, 900.0) == block_decode_time(
            costs, processor, 8.0, 900.0
        )


def test_a_mixed_pass_reads_the_weights_once(costs: ComputeCosts) -> None:
    for processor in range(3):
        weights_s = costs.block_read_bytes[processor] / costs.bandwidth_bytes_per_s[processor]
        for chunk, batch in ((2.0, 4.0), (64.0, 4.0), (512.0, 32.0)):
            chunk_s = block_prefill_time(costs, processor, chunk, 0.0)
            decode_s = block_decode_time(costs, processor, batch, 500.0)
            together = block_mixed_time(costs, processor, chunk, 0.0, batch, 500.0)
            assert max(chunk_s, decode_s) <= together <= 1.002 * (chunk_s + decode_s)
            if processor == 0 and chunk == 2.0:  # both read weights and little else
                assert isclose(chunk_s + decode_s - together, weights_s, rel_tol=0.25)


def test_a_mixed_pass_worked_by_hand(costs: ComputeCosts) -> None:
    expected = prefill_s(512) + decode_s(4, 256) - prefill_s(4)
    assert isclose(block_mixed_time(costs, 0, 508.0, 0.0, 4.0, 256.0), expected, rel_tol=1e-9)


def test_layers_a_to_b_and_b_to_c_are_layers_a_to_c(costs: ComputeCosts) -> None:
    def of(rule, *work: float) -> tuple[float, float]:
        parts = rule(costs, 0, 0, 11, *work) + rule(costs, 0, 11, 32, *work)
        return parts, rule(costs, 0, 0, 32, *work)

    for rule, work in (
        (layers_prefill_time, (300.0, 0.0)),
        (layers_decode_time, (8.0, 700.0)),
        (layers_mixed_time, (256.0, 0.0, 8.0, 700.0)),
    ):
        parts, whole = of(rule, *work)
        assert isclose(parts, whole)
        assert rule(costs, 0, 5, 5, *work) == 0.0


def test_compiled_times_equal_plain_python(costs: ComputeCosts) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = int(rng.integers(3))
        m, s, b, c = np.exp(rng.uniform(-1.0, 8.0, 4))
        assert isclose(block_prefill_time(costs, p, m, s), plain(block_prefill_time)(costs, p, m, s), rel_tol=1e-12)
        assert isclose(block_decode_time(costs, p, b, c), plain(block_decode_time)(costs, p, b, c), rel_tol=1e-12)
        assert isclose(
            block_mixed_time(costs, p, m, s, b, c), plain(block_mixed_time)(costs, p, m, s, b, c), rel_tol=1e-12
        )
        assert isclose(head_time(costs, p, b), plain(head_time)(costs, p, b), rel_tol=1e-12)
        assert isclose(embedding_time(costs, p, b), plain(embedding_time)(costs, p, b), rel_tol=1e-12)


def test_a_decode_cell_that_was_not_measured_holds_its_neighbours_utilisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_profile(tmp_path / "corner", "corner", skip=((64, 1024),))
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path / "corner"))
    costs = compute_costs("Llama-2-7B", "corner", [])
    assert isclose(block_decode_time(costs, 0, 64.0, 1024.0), decode_s(64, 1024), rel_tol=0.1)
    assert isclose(block_decode_time(costs, 0, 16.0, 1024.0), decode_s(16, 1024), rel_tol=1e-9)


def test_a_model_that_was_not_measured_is_lent_the_times_of_one_that_was() -> None:
    lent, own = (compute_costs(model, "bench", []) for model in ("Llama-3-8B", "Llama-2-7B"))
    ratio = block_decode_time(lent, 0, 1.0, 1024.0) / block_decode_time(own, 0, 1.0, 1024.0)
    weights = ARCHITECTURES["Llama-3-8B"].block_matrix_weights / ARCHITECTURES["Llama-2-7B"].block_matrix_weights
    assert isclose(ratio, weights, rel_tol=0.1)  # reading weights is nearly all there is to do


def test_a_device_with_neither_a_profile_nor_a_roofline_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mei_gym.profiles.processor.models", lambda device: [])
    with pytest.raises(ProfileError, match="nothing anchors Llama-3-8B on h100-sxm"):
        compute_costs("Llama-3-8B", "h100-sxm", [])


def test_an_unknown_device_or_model_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ProfileError, match="did you mean 'phone'"):
        compute_costs("Llama-2-7B", "bench", ["phoen"])
    with pytest.raises(ProfileError, match="did you mean 'Llama-2-7B'"):
        compute_costs("Llama-2-7", "bench", [])


SHIPPED = [(device, model) for device in measured_devices() for model in models(device)]


@pytest.mark.parametrize(("device", "model"), SHIPPED)
def test_every_shipped_knot_is_returned_as_measured_or_named_as_repaired(device: str, model: str) -> None:
    from mei_gym.profiles.fit import fit

    profile, repaired = load_profile(device, model), fit(device, model).repaired
    costs, moved = compute_costs(model, device, []), 0
    prefill, decode = profile.rows("prefill", "knot"), profile.rows("decode", "knot")
    shares = [
        block_prefill_time(costs, 0, m, 0.0) / t
        for m, s, t in zip(prefill["tokens"], prefill["context_tokens"], prefill["time_s"])
        if s == 0.0
    ]
    shares += [
        block_decode_time(costs, 0, b, s) / t
        for b, s, t in zip(decode["batch"], decode["context_tokens"], decode["time_s"])
    ]
    moved = sum(abs(share - 1.0) > 1e-9 for share in shares)
    assert moved <= repaired.moved
    assert max(abs(share - 1.0) for share in shares) <= repaired.largest + 1e-9


@pytest.mark.parametrize(("device", "model"), SHIPPED)
def test_on_shipped_profiles_more_work_never_takes_less_time(device: str, model: str) -> None:
    costs = compute_costs(model, device, [])
    for context in (0.0, 512.0, 2048.0):
        times = np.array([block_prefill_time(costs, 0, float(m), context) for m in range(1, 4200)])
        assert np.all(np.diff(times) >= -1e-12 * times[1:])
    for context in (0.0, 300.0, 6000.0):
        times = np.array([block_decode_time(costs, 0, b, context) for b in np.linspace(0.1, 400.0, 2000)])
        assert np.all(np.diff(times) >= -1e-12 * times[1:])
    for batch in (1.0, 5.5, 100.0):
        times = np.array([block_decode_time(costs, 0, batch, s) for s in np.linspace(0.0, 6000.0, 2000)])
        assert np.all(np.diff(times) >= -1e-12 * times[1:])
