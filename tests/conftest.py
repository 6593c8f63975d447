"""What every test may use: the real data where it is, and nothing from a hub."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread a process: the suite runs in several, and twice as many threads as cores is slower than none.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = Path(os.environ.get("RAG_INGEST_DATA", ROOT.parent / "shared" / "data"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `real` skip with a reason where the real papers are absent."""
    if (REAL_DATA / "papers").is_dir():
        return
    skip = pytest.mark.skip(reason=f"real papers not found at {REAL_DATA}; set RAG_INGEST_DATA")
    for item in items:
        if "real" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real papers; only for tests marked `real`."""
    return REAL_DATA


@pytest.fixture(scope="session")
def corpus(root: Path) -> Path:
    """Three short papers, a part of the built-in corpus."""
    return root / "eval" / "corpus" / "demo"
