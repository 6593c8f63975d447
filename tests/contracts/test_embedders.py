"""What every `Embedder` promises. Another one joins by a factory in `EMBEDDERS`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_ingest.embed.bundled import bundled_model_folder
from rag_ingest.embed.http import HttpEmbedder, HttpEmbedOptions
from rag_ingest.embed.sentence_transformers import EmbedOptions, SentenceTransformersEmbedder
from rag_ingest.types import Embedder


def bundled(stack: ExitStack) -> Embedder:
    return SentenceTransformersEmbedder(EmbedOptions(device="cpu"))


def http(stack: ExitStack) -> Embedder:
    url = stack.enter_context(embeddings_server())
    return HttpEmbedder(
        HttpEmbedOptions(url=url, model="minilm", tokenizer=str(bundled_model_folder()), max_tokens=256)
    )


@contextmanager
def embeddings_server() -> Iterator[str]:
    """A real server on the loopback with the bundled model behind `/v1/embeddings`."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({"data": [{"id": "minilm"}]})

        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
            with lock:
                vectors = model.embed_documents(texts)
            self.reply({"data": [{"index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]})

        def reply(self, body: object) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with closing(SentenceTransformersEmbedder(EmbedOptions(device="cpu"))) as model:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


EMBEDDERS: dict[str, Callable[[ExitStack], Embedder]] = {"http": http, "sentence-transformers": bundled}

TEXTS = [
    "The spectral gap of the transfer matrix closes at the critical point.",
    "",
    "x",
    "Recipes for sourdough bread need flour, water and salt.",
    "∑ über Schrödinger's \u202e \x00 \ud800 😀",
    "word " * 120,
]
relaxed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=sorted(EMBEDDERS))
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    with ExitStack() as stack:
        made = EMBEDDERS[request.param](stack)
        yield made
        made.close()


@pytest.mark.parametrize("embed", ["embed_documents", "embed_queries"])
def test_vectors_are_unit_float32_in_order(embedder: Embedder, embed: str) -> None:
    together = getattr(embedder, embed)(TEXTS)
    assert together.shape == (len(TEXTS), embedder.dimension)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.vstack([getattr(embedder, embed)([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("embed", ["embed_documents", "embed_queries"])
def test_nothing_in_nothing_out(embedder: Embedder, embed: str) -> None:
    vectors = getattr(embedder, embed)([])
    assert vectors.shape == (0, embedder.dimension)
    assert vectors.dtype == np.float32


def test_meaning_is_near(embedder: Embedder) -> None:
    documents = embedder.embed_documents([TEXTS[0], TEXTS[3]])
    query = embedder.embed_queries(["How do I bake bread?"])[0]
    assert documents[1] @ query > documents[0] @ query


def test_it_says_who_it_is(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)
    assert embedder.name
    assert embedder.name == embedder.name.strip()
    assert embedder.dimension > 0
    assert embedder.max_tokens > 0


@relaxed
@given(text=st.text(st.characters()))
def test_any_text_can_be_counted(embedder: Embedder, text: str) -> None:
    assert 0 <= embedder.count_tokens(text) <= 4 * len(text) + 1


def test_counts_neither_truncate_nor_add_special_tokens(embedder: Embedder) -> None:
    assert embedder.count_tokens("") == 0
    one = embedder.count_tokens("word")
    assert embedder.count_tokens("word " * 5000) >= 5000 * one
    assert embedder.count_tokens("word") == one  # a long text before it changes nothing


def test_a_text_within_the_limit_is_embedded_whole(embedder: Embedder) -> None:
    """The last word that fits still moves the vector; one beyond the limit does not have to."""
    words = ["word"] * (embedder.max_tokens // embedder.count_tokens("word") - 1)
    whole = embedder.embed_documents([" ".join([*words, "word"]), " ".join([*words, "sun"])])
    assert embedder.count_tokens(" ".join([*words, "sun"])) <= embedder.max_tokens
    assert np.abs(whole[0] - whole[1]).max() > 1e-4


def test_closing_twice_is_fine(embedder: Embedder) -> None:
    embedder.close()
    embedder.close()
    assert embedder.embed_queries(["again"]).shape == (1, embedder.dimension)
