"""The texts that a real model is measured on, made from packages that anybody can install; none of them is shipped.

    corpus   source                                          licence            what it is
    wiki     gensim's excerpt of the English Wikipedia       CC BY-SA           88 articles, split 60/40 by article
    news     gensim's Lee corpus of ABC news                 gensim test data   300 items
    pydoc    Python's own pydoc_data.topics                  PSF                the language's reference
    austen   Debian's r-cran-janeaustenr, if it is there     public domain      six novels

The same package gives the same text to the letter, which `texts` records by SHA-256; pydoc differs between versions
of Python. Method: reference/llm.md of the project, section 2.
"""

from __future__ import annotations

import bz2
import importlib.util
import random
import re
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

WIKI_FILE = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
NEWS_FILE = "lee_background.cor"
AUSTEN_FILE = Path("/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb")  # where Debian's package puts it
SHORTEST_PARAGRAPH, SHORTEST_ARTICLE = 120, 2000  # characters, chosen: what is shorter is a list or a stub
TRAIN_SHARE = 0.6  # of the articles, chosen

LEFT_OVERS = (  # of wiki markup, after gensim's own filter
    (re.compile(r"'{2,}"), ""),  # bold and italic
    (re.compile(r"^[=\*#:;|!{}].*$", re.M), ""),  # headings, list items, tables
    (re.compile(r"\[\[|\]\]|\{\{.*?\}\}"), ""),  # links, templates
    (re.compile(r"\(\s*[,;]?\s*\)"), ""),  # brackets that a template left empty
    (re.compile(r"&nbsp;"), " "),
    (re.compile(r"[ \t]+"), " "),
)


class Source(NamedTuple):
    """A corpus: its texts by split, where they come from and what may be done with them."""

    splits: dict[str, str]
    source: str
    licence: str


class MissingSource(RuntimeError):
    """The package or file behind a corpus is not here; the message is one sentence."""


def source(name: str, austen: Path | None = None) -> Source:
    """The texts of a corpus; raises MissingSource where its package is not here."""
    if name == "wiki":
        return Source(wiki(), f"gensim {gensim_version()}: {WIKI_FILE}", "CC BY-SA 3.0")
    if name == "news":
        text = gensim_file(NEWS_FILE).read_bytes().decode("utf-8")
        return Source({"test": text}, f"gensim {gensim_version()}: {NEWS_FILE}", "gensim test data (Lee et al. 2005)")
    if name == "pydoc":
        return Source({"test": pydoc()}, f"Python {_python_version()}: pydoc_data.topics", "PSF-2.0")
    path = AUSTEN_FILE if austen is None else austen
    if not path.is_file():
        raise MissingSource(f"there is no {path}, which Debian's package r-cran-janeaustenr holds")
    return Source({"test": novels(path.read_bytes())}, "Debian r-cran-janeaustenr: Rdata.rdb", "public domain")


def wiki() -> dict[str, str]:
    """Whole articles of prose, shuffled once, as train and test."""
    path = gensim_file(WIKI_FILE)
    from gensim.corpora.wikicorpus import extract_pages, filter_wiki

    with bz2.open(path) as file:
        kept: Any = ("0",)  # articles; gensim itself types it by its default, False
        pages = [text for _, text, _ in extract_pages(file, filter_namespaces=kept)]
    prose = (article(filter_wiki(text)) for text in pages if not text[:20].upper().startswith("#REDIRECT"))
    articles = [text for text in prose if len(text) > SHORTEST_ARTICLE]
    random.Random(0).shuffle(articles)
    first = int(TRAIN_SHARE * len(articles))
    return {"train": "\n\n".join(articles[:first]), "test": "\n\n".join(articles[first:])}


def article(text: str) -> str:
    """The paragraphs of an article that are prose, one a line."""
    for pattern, replacement in LEFT_OVERS:
        text = pattern.sub(replacement, text)
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(
        line for line in lines if len(line) > SHORTEST_PARAGRAPH and line.count("|") < 3 and "http" not in line
    )


def pydoc() -> str:
    """The topics of Python's help, in the order of their names."""
    from pydoc_data.topics import topics

    return "\n\n".join(re.sub(r"[ \t]+", " ", text) for _, text in sorted(topics.items()))


def novels(database: bytes) -> str:
    """The novels in R's lazy-load database: blocks of a length and a zlib stream, each a vector of lines."""
    books = []
    while database:
        stream = zlib.decompressobj()
        lines = r_lines(stream.decompress(database[4:]))
        books.append("\n".join(lines))
        database = stream.unused_data
    return "\n\n".join(books)


def r_lines(block: bytes) -> list[str]:
    """Strings of one serialised R vector: header, then for each a flag word, a length and its bytes (XDR)."""
    name_bytes = struct.unpack_from(">i", block, 14)[0]  # "X\n", three versions, then the native encoding's name
    kind, count = struct.unpack_from(">ii", block, 18 + name_bytes)
    if block[:2] != b"X\n" or kind & 255 != 16:
        raise MissingSource("the file of r-cran-janeaustenr does not hold vectors of strings as version 1.0.0's does")
    place, lines = 26 + name_bytes, []
    for _ in range(count):
        length = struct.unpack_from(">i", block, place + 4)[0]
        lines.append(block[place + 8 : place + 8 + max(length, 0)].decode("utf-8"))  # -1: R's missing string
        place += 8 + max(length, 0)
    return lines


def gensim_file(name: str) -> Path:
    """A file of gensim's test data, found without importing gensim."""
    found = importlib.util.find_spec("gensim")
    path = Path(found.origin).parent / "test" / "test_data" / name if found and found.origin else None
    if path is None or not path.is_file():
        raise MissingSource(f"{name} comes with gensim 4: pip install 'mei-gym[measure]'")
    return path


def gensim_version() -> str:
    """The installed version, without importing gensim."""
    from importlib import metadata

    return metadata.version("gensim")


def _python_version() -> str:
    import platform

    return platform.python_version()
