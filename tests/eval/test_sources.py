"""Documents of an arm: ready Markdown, folders and plain readers; what is missing is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eval import readers, sources
from eval.datasets import GROUND_TRUTH, Dataset
from eval.readers import READERS, Reader, read_pages
from eval.settings import VARIABLE, configured
from eval.sources import documents
from eval.splitters import cuts
from eval.suite import Arm
from rag_ingest import Config
from rag_ingest.errors import ConfigError, MissingExtraError
from rag_ingest.types import Document, Failure

PAPER = Path(__file__).resolve().parents[2] / "eval" / "corpus" / "demo" / "tide-gauges.pdf"
PAGES = ("Running head\n\nThe first page ends in the mid", "Running head\n\ndle of a word.", "Running head\n\nLast.")


def arm(engine: str, **options: Any) -> Arm:
    return Arm(**{"name": "x", "engine": engine, "splitter": "sentence"} | options)


def ready() -> Dataset:
    return Dataset("own", {}, {}, (), {GROUND_TRUTH: {"a": PAGES}, "Parser": {"a": ("Other.",)}}, ("all",))


def only(found: Any) -> Document:
    [item] = list(found)
    assert not isinstance(item, Failure)
    assert item[0] == "a"
    document: Document = item[1]
    return document


def test_a_peer_gets_the_pages_one_after_the_other(tmp_path: Path) -> None:
    document = only(documents(arm(GROUND_TRUTH), ready(), tmp_path))
    assert document.markdown == "\n\n".join(PAGES)
    parts = [document.markdown[page.span.start : page.span.end] for page in document.page_spans]
    assert tuple(parts) == PAGES
    assert only(documents(arm("Parser"), ready(), tmp_path)).markdown == "Other."


def test_this_projects_splitter_gets_them_assembled(tmp_path: Path) -> None:
    document = only(documents(arm(GROUND_TRUTH, splitter="structure"), ready(), tmp_path))
    assert "Running head" not in document.markdown
    assert len(document.page_spans) == 3


def test_a_page_at_a_time(tmp_path: Path, hash_embedder: Any) -> None:
    document = only(documents(arm(GROUND_TRUTH), ready(), tmp_path))
    pieces = list(cuts(arm(GROUND_TRUTH, by_page=True), document, hash_embedder()))
    assert [(piece.text, piece.pages) for piece in pieces] == [(text, (n,)) for n, text in enumerate(PAGES, 1)]


def test_a_folder_of_markdown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        list(documents(arm(f"folder:{tmp_path}/none"), ready(), tmp_path))
    with pytest.raises(ConfigError, match=r"no Markdown from 'folder:.*' for a"):
        list(documents(arm(f"folder:{tmp_path}"), ready(), tmp_path))
    (tmp_path / "a.md").write_text("# Mine", encoding="utf-8")
    assert only(documents(arm(f"folder:{tmp_path}"), ready(), tmp_path)).markdown == "# Mine"


@pytest.mark.parametrize("engine", ["textlayer", "pypdfium2"])
def test_an_engine_needs_pdfs(engine: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs PDFs, and a has none .*ground-truth, Parser"):
        list(documents(arm(engine), ready(), tmp_path))


def test_an_unknown_engine(tmp_path: Path) -> None:
    dataset = Dataset("own", {"a": PAPER}, {}, (), strata=("all",))
    with pytest.raises(ConfigError, match=r"'magic' .*engines: layout.*readers: pypdfium2.*Markdown .*: none"):
        list(documents(arm("magic"), dataset, tmp_path))
    with pytest.raises(ConfigError, match="did you mean 'layout'"):
        list(documents(arm("layot"), dataset, tmp_path))


def test_a_file_under_two_names_is_two_documents(tmp_path: Path) -> None:
    (tmp_path / "b.pdf").symlink_to(PAPER)
    dataset = Dataset("own", {"a": PAPER, "b": tmp_path / "b.pdf"}, {}, (), strata=("all",))
    found = dict(item for item in documents(arm("textlayer"), dataset, tmp_path) if not isinstance(item, Failure))
    assert list(found) == ["a", "b"]
    assert found["a"].markdown == found["b"].markdown


def test_markdown_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"a\.md is not UTF-8"):
        list(documents(arm(f"folder:{tmp_path}"), ready(), tmp_path))


def test_a_configuration_file_sets_an_engines_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    file.write_text('engine = "textlayer"\n[layout]\nmin_score = 0.9\n', encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(file))
    config = configured(engine="layout")
    assert (config.engine, config.layout.min_score) == ("layout", 0.9)
    monkeypatch.delenv(VARIABLE)
    assert configured(engine="layout") == Config(engine="layout")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="can't be read"):
        list(documents(arm("textlayer"), Dataset("own", {"a": PAPER}, {}, (), strata=("all",)), tmp_path))


def test_pages_are_read_again_when_code_or_rendering_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Dataset("own", {"a": PAPER}, {}, (), strata=("all",))
    for code in ("one", "one", "two"):
        monkeypatch.setattr(sources, "reading_code", lambda code=code: code)
        list(documents(arm("textlayer"), dataset, tmp_path))
    assert len(list((tmp_path / "pages").iterdir())) == 2


@pytest.mark.parametrize(("splitter", "said"), [("sentence", "overlap_tokens 100"), ("markdown+sentence", "too few")])
def test_a_piece_without_room(splitter: Any, said: str, hash_embedder: Any) -> None:
    page = "# " + " ".join(["heading"] * 200) + "\n\ntext\n\n## More\n\nwords"
    document = Document("", "a", "", page, (), ())
    own = Arm(name="x", engine="y", splitter=splitter, overlap_tokens=100 if splitter == "sentence" else 0)
    with pytest.raises(ConfigError, match=said):
        list(cuts(own, document, hash_embedder()))


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_plain_reader_gives_every_pages_text_once_and_keeps_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(READERS[name].package)
    dataset = Dataset("own", {"a": PAPER}, {}, (), strata=("all",))
    document = only(documents(arm(name), dataset, tmp_path))
    assert len(document.page_spans) == 3
    assert "tide gauge" in " ".join(document.markdown.lower().split())
    monkeypatch.setitem(readers.READERS, name, Reader(lambda _: pytest.fail("read again"), READERS[name].package, ""))
    assert only(documents(arm(name), dataset, tmp_path)).markdown == document.markdown


def test_text_that_was_kept_and_is_damaged_is_read_again(tmp_path: Path) -> None:
    first = read_pages("pypdfium2", PAPER, tmp_path)
    [kept] = tmp_path.rglob("*.json")
    kept.write_bytes(b"[")
    assert read_pages("pypdfium2", PAPER, tmp_path) == first


def test_spaces_between_columns_keep_the_rows_of_a_table(tmp_path: Path) -> None:
    lines = "\n".join(read_pages("pypdf-layout", PAPER, tmp_path)).splitlines()
    assert any(len(line.split("   ")) > 3 for line in lines)


def test_a_file_that_a_reader_cannot_read_costs_that_file(tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"no pdf")
    dataset = Dataset("own", {"bad": tmp_path / "bad.pdf", "a": PAPER}, {}, (), strata=("all",))
    bad, good = documents(arm("pypdfium2"), dataset, tmp_path)
    assert isinstance(bad, Failure)
    assert "bad.pdf" in bad.reason
    assert not isinstance(good, Failure)


def test_a_reader_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(readers.READERS, "pypdfium2", Reader(lambda _: [], "no-such-package", "peers"))
    with pytest.raises(MissingExtraError, match=r"rag-ingest\[peers\]"):
        read_pages("pypdfium2", PAPER, tmp_path)
