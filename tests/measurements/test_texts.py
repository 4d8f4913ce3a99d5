"""The texts are made the same way to the letter, and windows of them are spread evenly."""

import hashlib
import json
import struct
import sys
import zlib
from importlib.util import find_spec

import numpy as np
import pytest

from mei_gym.measurements import text_sources, texts
from mei_gym.measurements.record import RecordError

needs_gensim = pytest.mark.skipif(find_spec("gensim") is None, reason="the package gensim is not installed")


@pytest.fixture
def prepared(tmp_path):
    """A folder that holds one corpus of 2,048 tokens."""
    ids = np.arange(2048, dtype=np.uint16)
    np.save(tmp_path / "news.test.npy", ids)
    splits = {"test": {"tokens_sha256": hashlib.sha256(ids.tobytes()).hexdigest(), "tokens": 2048}}
    (tmp_path / "texts.json").write_text(json.dumps({"news": {"source": "made", "licence": "none", "splits": splits}}))
    return tmp_path


@needs_gensim
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_texts_are_those_of_the_reference_page():
    found = text_sources.source("wiki").splits | {"news": text_sources.source("news").splits["test"]}
    begin = {name: hashlib.sha256(text.encode()).hexdigest()[:8] for name, text in found.items()}
    assert begin == {"train": "25d0392c", "test": "3c8f4a72", "news": "5d78d6da"}  # llm.md, section 2


@pytest.mark.skipif(sys.version_info[:3] != (3, 11, 7), reason="the topics of another Python are another text")
def test_the_topics_of_python_are_those_of_the_reference_page():
    assert hashlib.sha256(text_sources.pydoc().encode()).hexdigest().startswith("a529eb01")


def test_lists_stubs_and_left_over_markup_are_no_prose():
    prose = "The '''quick''' fox [[jumps]] over ( , ) the&nbsp;lazy dog. " * 4
    text = f"== Fox ==\n* a list item {prose}\nToo short.\n{prose}\nsee http://example.org {prose}"
    assert text_sources.article(text) == ("The quick fox jumps over the lazy dog. " * 4).strip()


def test_novels_are_read_from_blocks_of_serialised_lines():
    def block(*lines: bytes) -> bytes:
        header = b"X\n" + struct.pack(">iiii", 3, 0, 0, 5) + b"UTF-8" + struct.pack(">ii", 16, len(lines))
        body = b"".join(struct.pack(">ii", 9, len(line)) + line for line in lines)
        return struct.pack(">i", len(header + body)) + zlib.compress(header + body)

    assert text_sources.novels(block(b"EMMA", b"", b"one") + block(b"two")) == "EMMA\n\none\n\ntwo"


def test_windows_are_spread_from_the_first_to_the_last(prepared):
    found = texts.windows(texts.tokens("news", folder=prepared), 3)
    assert found.shape == (3, 512)
    assert found[:, 0].tolist() == [0, 512, 1536]
    assert found.dtype == np.int64


def test_more_windows_than_the_text_has_are_cut_down_to_those(prepared):
    assert len(texts.windows(texts.tokens("news", folder=prepared), 99)) == 4


def test_no_window_can_be_cut_from_a_short_text():
    with pytest.raises(ValueError, match="3 windows of 512 tokens cannot be cut from 10 tokens"):
        texts.windows(np.arange(10), 3)


def test_a_corpus_that_is_not_there_is_named(prepared):
    assert texts.present(prepared) == ("news",)
    with pytest.raises(FileNotFoundError, match="holds no corpus 'austen'"):
        texts.tokens("austen", folder=prepared)
    with pytest.raises(ValueError, match="no corpus 'novels'; there are wiki, news, pydoc, austen"):
        texts.tokens("novels", folder=prepared)
    with pytest.raises(ValueError, match="'news' has no split 'train'; it has test"):
        texts.tokens("news", "train", prepared)


def test_tokens_that_were_changed_are_refused(prepared):
    np.save(prepared / "news.test.npy", np.arange(1, 2049, dtype=np.uint16))
    with pytest.raises(RecordError, match=r"is not what texts\.json says of it"):
        texts.tokens("news", folder=prepared)


def test_a_missing_source_leaves_its_corpus_out_and_says_so(prepared, monkeypatch, capsys):
    def nothing(name, austen):
        raise text_sources.MissingSource(f"{name} is nowhere")

    monkeypatch.setattr(texts, "source", nothing)
    assert list(texts.prepare(prepared)) == ["news"]
    assert "austen is left out: austen is nowhere" in capsys.readouterr().err
