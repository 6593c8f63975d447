"""The caches change when something is computed, never what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eval.cache import CachedEngine, VectorCache, replace_file
from rag_ingest.types import Engine, Failure, Figure, Page, PageMarkdown, Span, TextBox

FIGURES = (Figure("image_1.png", (1.0, 2.0, 3.0, 4.0), b"\x89PNG\xff", "d/1.png"), Figure("image_2.png"))
BOXES = (TextBox(Span(0, 3), (5.0, 6.0, 7.0, 8.5)),)


@dataclass
class Recorder:
    """An engine that writes down which pages it was asked for; page 13 always fails."""

    fingerprint: str = "recorder-1"
    name: str = "recorder"
    needs_image: bool = False
    batch_size: int = 4
    seen: list[int] = field(default_factory=list)

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        self.seen += [page.number for page in pages]
        return [
            Failure("x", page.number, "ocr", "unlucky")
            if page.number == 13
            else PageMarkdown(
                page.doc_id, page.number, f"# \ud83d p{page.number}\r\n", self.name, self.fingerprint,
                checks={"route": "text"}, figures=FIGURES, seconds=0.5, boxes=BOXES,
            )
            for page in pages
        ]  # fmt: skip

    def close(self) -> None:
        """Nothing to free."""


def page(number: int, doc: str = "d") -> Page:
    return Page(doc, number, None, (), (595.0, 842.0))


def test_a_page_is_read_once_and_comes_back_the_same(tmp_path: Path) -> None:
    first, second = Recorder(), Recorder()
    pages = [page(n) for n in (1, 2, 3)]
    fresh = CachedEngine(first, tmp_path).recognize(pages)
    again = CachedEngine(second, tmp_path).recognize([pages[2], page(4), pages[0]])
    assert second.seen == [4]
    assert [again[0], again[2]] == [fresh[2], fresh[0]]
    assert isinstance(CachedEngine(first, tmp_path), Engine)


def test_failures_are_tried_again_and_keep_their_place(tmp_path: Path) -> None:
    engine = Recorder()
    cached = CachedEngine(engine, tmp_path)
    for _ in range(2):
        results = cached.recognize([page(12), page(13), page(14)])
        assert [type(r) for r in results] == [PageMarkdown, Failure, PageMarkdown]
    assert engine.seen == [12, 13, 14, 13]


def test_another_fingerprint_or_document_is_another_page(tmp_path: Path) -> None:
    CachedEngine(Recorder(), tmp_path).recognize([page(1)])
    for engine, asked in ((Recorder(fingerprint="recorder-2"), page(1)), (Recorder(), page(1, "other"))):
        CachedEngine(engine, tmp_path).recognize([asked])
        assert engine.seen == [1]


def test_what_else_decides_the_output_is_part_of_the_key(tmp_path: Path) -> None:
    engine = Recorder()
    for also in ("1540 px", "800 px", "1540 px"):
        CachedEngine(engine, tmp_path, also).recognize([page(1)])
    assert engine.seen == [1, 1]


@pytest.mark.parametrize("left", [b"", b"{}", b"[1]", b"\xff"])
def test_a_damaged_page_is_read_again(tmp_path: Path, left: bytes) -> None:
    engine = Recorder()
    first = CachedEngine(engine, tmp_path).recognize([page(1)])
    [file] = tmp_path.rglob("1.json")
    file.write_bytes(left)
    assert CachedEngine(engine, tmp_path).recognize([page(1)]) == first
    assert engine.seen == [1, 1]


@pytest.mark.parametrize("left", [b"", b"PK\x03\x04 cut off", b"junk"])
def test_damaged_vectors_are_computed_again(tmp_path: Path, left: bytes, hash_embedder: Callable[..., Any]) -> None:
    embedder = hash_embedder()
    VectorCache(embedder, tmp_path).embed_documents(["a"])
    [file] = tmp_path.rglob("*.npz")
    file.write_bytes(left)
    VectorCache(embedder, tmp_path).embed_documents(["a"])
    assert embedder.embedded == ["a", "a"]


def test_another_prompt_for_questions_is_another_vector(tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    embedder = hash_embedder()
    for prompt in ("query: ", "question: ", "query: "):
        embedder.options = SimpleNamespace(query_prompt=prompt)
        VectorCache(embedder, tmp_path).embed_queries(["a"])
    assert embedder.embedded == ["a", "a"]


def test_two_processes_may_write_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, rename = tmp_path / "page.json", Path.replace

    def late(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", rename)
        monkeypatch.setattr("os.getpid", lambda: -1)  # the other process comes in between
        replace_file(file, b"theirs")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", late)
    replace_file(file, b"ours")
    assert [(found, found.read_bytes()) for found in tmp_path.iterdir()] == [(file, b"ours")]


def test_vectors_are_computed_once_per_text(tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    direct = hash_embedder().embed_documents(["a", "b", "a", "c"])
    first, second = hash_embedder(), hash_embedder()
    np.testing.assert_array_equal(VectorCache(first, tmp_path).embed_documents(["a", "b", "a"]), direct[:3])
    np.testing.assert_array_equal(VectorCache(second, tmp_path).embed_documents(["a", "b", "a", "c"]), direct)
    assert (first.embedded, second.embedded) == (["a", "b"], ["c"])


def test_a_question_and_a_document_of_the_same_words_are_two(tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    embedder = hash_embedder()
    embedder.embed_queries = lambda texts: -embedder.embed_documents(texts)
    for _ in range(2):
        cache = VectorCache(embedder, tmp_path)
        np.testing.assert_array_equal(cache.embed_queries(["a"]), -cache.embed_documents(["a"]))
    assert embedder.embedded == ["a", "a"]


def test_vectors_of_another_embedder_are_not_mixed_in(tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    VectorCache(hash_embedder(), tmp_path).embed_documents(["a"])
    other = hash_embedder("hash@2")
    VectorCache(other, tmp_path).embed_documents(["a"])
    assert other.embedded == ["a"]


def test_no_texts_no_vectors(tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    assert VectorCache(hash_embedder(), tmp_path).embed_documents([]).shape == (0, 8)


def test_an_interrupted_run_keeps_its_batches_and_writes_none_twice(
    tmp_path: Path, hash_embedder: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.cache.EMBED_BATCH", 2)
    embedder = hash_embedder()
    embed = embedder.embed_documents
    embedder.embed_documents = lambda texts: stop() if "e" in texts else embed(texts)
    with pytest.raises(KeyboardInterrupt):
        VectorCache(embedder, tmp_path).embed_documents(list("abcde"))
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npz")}
    again = hash_embedder()
    VectorCache(again, tmp_path).embed_documents(list("abcde"))
    assert again.embedded == ["e"]
    assert before == {file: file.stat().st_mtime_ns for file in before}


def stop() -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("half_written", [b"", b"PK\x03\x04"])
def test_a_half_written_batch_is_not_read(
    tmp_path: Path, half_written: bytes, hash_embedder: Callable[..., Any]
) -> None:
    VectorCache(hash_embedder(), tmp_path).embed_documents(["a"])
    (folder,) = tmp_path.iterdir()
    (folder / "left.part").write_bytes(half_written)
    again = hash_embedder()
    assert VectorCache(again, tmp_path).embed_documents(["a"]).shape == (1, 8)
    assert again.embedded == []
