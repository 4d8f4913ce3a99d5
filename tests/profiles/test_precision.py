"""What packed weights change in time: read from measured rows, never from a ratio of bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mei_gym.architectures import ARCHITECTURES
from mei_gym.profiles import load
from mei_gym.profiles.fit import fit
from mei_gym.profiles.load import ProfileError, load_profile, measured_devices, models, precisions
from mei_gym.profiles.precision import decode_ratio, prefill_ratio, ratio_rows
from mei_gym.profiles.schema import COLUMNS

CARD = ARCHITECTURES["SmolLM2-135M"]
TOKENS, BATCHES, CONTEXTS = (1, 16, 256), (1, 16), (256, 1024)
PREFILL = {1: 0.5, 16: 0.6, 256: 1.2}


def write(folder: Path, precision: str, prefill: dict[int, float], decode: float, said: str | None = None) -> None:
    """A profile whose times are a plain model's times `prefill` by tokens, and times `decode`."""
    rows = [("prefill", n, 1, 0, 1e-3 * n**0.5 * prefill[n]) for n in TOKENS]
    rows += [("decode", 1, b, c, (1e-3 + 1e-6 * b * c**0.5) * decode) for b in BATCHES for c in CONTEXTS]
    lines = [",".join(COLUMNS)]
    for phase, tokens, batch, context, time_s in rows:
        flops = CARD.prefill_flops(tokens) if phase == "prefill" else CARD.decode_flops(batch, context)
        spread = (time_s, 0.9 * time_s, 1.1 * time_s)
        lines.append(
            ",".join(str(x) for x in (phase, -1, "knot", tokens, batch, context, *spread, 9, "graph", flops, 1e7))
        )
    text = "\n".join(lines) + "\n"
    card = {
        "schema": 1, "origin": "measured", "device": {"slug": "bench", "name": "Bench", "kind": "gpu"},
        "model": CARD.name, "weights": "random", "dtype": "bfloat16", "weight_bytes_per_value": 2.0, "value_bytes": 2.0,
        "date": "2026-01-01", "machine": {}, "rows": len(rows), "csv_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "precision": precision or "bfloat16" if said is None else said,
    }  # fmt: skip
    (folder / "bench").mkdir(exist_ok=True)
    stem = "smollm2-135m" + (f".{precision}" if precision else "")
    (folder / "bench" / f"{stem}.csv").write_text(text)
    (folder / "bench" / f"{stem}.json").write_text(json.dumps(card))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(load, "folders", lambda: [tmp_path])
    write(tmp_path, "", dict.fromkeys(TOKENS, 1.0), 1.0)
    write(tmp_path, "int8", PREFILL, 0.7)
    return tmp_path


def test_a_precision_is_not_a_model_of_its_own(folder: Path) -> None:
    assert models("bench") == ["smollm2-135m"]
    assert precisions("bench", "SmolLM2-135M") == ("int8",)
    assert precisions("bench", "Llama-2-7B") == ()
    assert measured_devices() == ["bench"]


def test_each_precision_has_its_own_rows_and_fit(folder: Path) -> None:
    plain, packed = load_profile("bench", CARD.name), load_profile("bench", CARD.name, "int8")
    assert (packed.path.name, packed.card.precision) == ("smollm2-135m.int8.csv", "int8")
    assert plain.card.precision == "bfloat16"
    assert fit("bench", CARD.name, "int8") != fit("bench", CARD.name)


@pytest.mark.parametrize(
    ("precision", "sentence"),
    [("int4", "there is int8"), ("int3", "there are int8, int4"), ("../int8", "there are int8, int4")],
)
def test_a_precision_that_was_not_measured_is_refused(folder: Path, precision: str, sentence: str) -> None:
    with pytest.raises(ProfileError, match=sentence):
        load_profile("bench", CARD.name, precision)


def test_a_file_whose_name_and_precision_differ_is_refused(folder: Path) -> None:
    write(folder, "int4", PREFILL, 0.5, said="int8")
    with pytest.raises(ProfileError, match="says precision 'int8', its name says 'int4'"):
        load_profile("bench", CARD.name, "int4")


def test_the_ratio_is_the_measured_one_at_every_knot(folder: Path) -> None:
    assert [prefill_ratio("bench", CARD.name, 8, n) for n in TOKENS] == pytest.approx(list(PREFILL.values()))
    for batch in BATCHES:
        for context in CONTEXTS:
            assert decode_ratio("bench", CARD.name, 8, batch, context) == pytest.approx(0.7)


def test_the_ratio_runs_over_log_tokens_and_is_held_beyond_the_knots(folder: Path) -> None:
    assert prefill_ratio("bench", CARD.name, 8, 64) == pytest.approx(0.9)
    assert prefill_ratio("bench", CARD.name, 8, 4096) == pytest.approx(1.2)
    assert decode_ratio("bench", CARD.name, 8, 500, 1e5) == pytest.approx(0.7)


def test_sixteen_bits_change_nothing_and_other_bits_are_refused(folder: Path) -> None:
    assert prefill_ratio("bench", CARD.name, 16, 7) == decode_ratio("bench", CARD.name, 16, 7, 7) == 1.0
    with pytest.raises(ProfileError, match="no precision of 2 bits; there are 16, 8, 4"):
        prefill_ratio("bench", CARD.name, 2, 7)


def test_the_table_has_a_row_for_every_knot(folder: Path) -> None:
    rows = ratio_rows()
    assert len(rows) == len(TOKENS) + len(BATCHES) * len(CONTEXTS)
    assert {row.precision for row in rows} == {"int8"}
    assert rows[0].ratio == pytest.approx(0.5)
