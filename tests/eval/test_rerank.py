"""A cross-encoder orders the first passages anew; the rest stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.metrics import Passage
from eval.rerank import reranked
from rag_ingest.errors import ModelError
from tests.cross_encoder import make_cross_encoder

PASSAGES = [Passage("a", text, 1) for text in ("red fox", "blue whale", "green tree", "red tree", "grey stone")]


def ranker(questions: Sequence[str]) -> Iterator[list[Passage]]:
    for _ in questions:
        yield list(PASSAGES)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = [word for passage in PASSAGES for word in passage.text.split()]
    return make_cross_encoder(tmp_path_factory.mktemp("cross-encoder"), words)


def test_the_first_few_are_in_the_models_order_and_the_rest_as_before(model: Path) -> None:
    from sentence_transformers import CrossEncoder

    first, rest = PASSAGES[:4], PASSAGES[4:]
    scores: Any = CrossEncoder(str(model)).predict([("red whale", passage.text) for passage in first])
    assert len(set(scores.tolist())) == 4
    expected = [first[i] for i in np.argsort(-scores)]
    for before in (first, first[::-1]):
        [ranked] = reranked(lambda _, before=before: iter([before + rest]), str(model), 4)(["red whale"])  # type: ignore[misc]
        assert ranked == expected + rest


def test_nothing_to_rank(model: Path) -> None:
    assert list(reranked(lambda questions: iter([[] for _ in questions]), str(model), 4)(["x"])) == [[]]


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be opened"):
        reranked(ranker, str(tmp_path / "none"), 4)
