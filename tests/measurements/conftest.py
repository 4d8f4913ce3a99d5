"""Made-up texts for measurements that read texts."""

import hashlib
import json

import numpy as np
import pytest


@pytest.fixture
def prepared(tmp_path):
    """A folder of prepared texts: made-up tokens below 128, of three corpora."""
    folder, rng, held = tmp_path / "texts", np.random.default_rng(0), {}
    folder.mkdir()
    for name, splits in (("wiki", ("train", "test")), ("news", ("test",)), ("pydoc", ("test",))):
        held[name] = {"source": "made up", "licence": "none", "splits": {}}
        for split in splits:
            ids = rng.integers(128, size=1600).astype(np.uint16)
            np.save(folder / f"{name}.{split}.npy", ids)
            held[name]["splits"][split] = {"tokens_sha256": hashlib.sha256(ids.tobytes()).hexdigest()}
    (folder / "texts.json").write_text(json.dumps(held))
    return folder
