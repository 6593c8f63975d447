"""One paper in several versions, dumps and copies: which of them is found, in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag_ingest.load.arxiv import ArxivLoader
from rag_ingest.types import Source, SourceDocument
from tests.cli.conftest import Run, json_lines, rows
from tests.load.conftest import build_pdf, text_at
from tests.load.dumps import record, regular, tar_of, write_metadata

PAPER = "1501/1501.00001"

Ingest = Callable[..., dict[str, int]]


def pdf(word: str, pages: int = 1) -> bytes:
    return build_pdf([text_at(20, 300, f"A page about {word}, number {n}, and little else.") for n in range(pages)])


def dump(folder: Path, number: int, **members: bytes) -> Path:
    """`arXiv_pdf_1501_00N.tar`; a member's name is `PAPER` and what stands before `=`, such as `v1`; `_` is nothing."""
    file = folder / f"arXiv_pdf_1501_{number:03}.tar"
    contents = [regular(f"{PAPER}{name.strip('_')}.pdf", content) for name, content in members.items()]
    file.write_bytes(tar_of(contents))
    return file


@pytest.fixture
def ingest(run: Run, tmp_path: Path) -> Ingest:
    """Returns what is said of documents; into `tmp_path / "db"` where nothing else is said."""

    def into(*paths: Path, db: str = "db", more: Sequence[object] = (), expect: int = 0) -> dict[str, int]:
        cache = f"arxiv.cache={tmp_path / 'cache'}"
        options = ("--db", tmp_path / db, "--engine", "textlayer", "--set", cache, "--set", "load.workers=1", *more)
        report = json_lines(run("ingest", *paths, *options, "--json", expect=expect))[0]
        return dict(report["documents"])

    return into


def states(db: Path) -> dict[str, str]:
    """By the number of the dump and the member: "1/v2"."""
    found = {tuple(row["source"].split(".tar!/")): row["state"] for row in rows(db, "documents")}
    return {
        f"{int(at[-3:])}/{Path(name).stem.removeprefix('1501.00001')}": state for (at, name), state in found.items()
    }


def found(db: Path) -> set[str]:
    return {Path(row["source"]).stem.removeprefix("1501.00001") for row in rows(db, "chunks")}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_one_without_version_gives_way_in_whatever_order(ingest: Ingest, tmp_path: Path, order: Sequence[int]) -> None:
    dumps = {1: dump(tmp_path, 1, v2=pdf("beta")), 2: dump(tmp_path, 2, _=pdf("alpha"))}
    for number in order:
        ingest(dumps[number])
    assert states(tmp_path / "db") == {"1/v2": "done", "2/": "superseded"}
    assert found(tmp_path / "db") == {"v2"}
    before = {table: rows(tmp_path / "db", table) for table in ("documents", "chunks", "pages")}
    assert ingest(*dumps.values()) == {"unchanged": 2}
    assert {table: rows(tmp_path / "db", table) for table in before} == before


def test_two_versions_by_the_metadata_alone(ingest: Ingest, tmp_path: Path) -> None:
    metadata = ("--set", f"arxiv.metadata={write_metadata(tmp_path / 'm.json', record('1501.00001'))}")
    dumps = [dump(tmp_path, n, _=pdf(word)) for n, word in enumerate(("alpha", "beta"), 1)]
    for one in dumps:
        ingest(one, more=metadata)
    assert states(tmp_path / "db") == {"1/": "superseded", "2/": "done"}
    assert {row["version"] for row in rows(tmp_path / "db", "documents")} == {2}
    assert ingest(*dumps, more=metadata) == {"unchanged": 2}


def test_older_versions_in_a_dump_are_on_record_and_their_pages_are_not_read(ingest: Ingest, tmp_path: Path) -> None:
    one = dump(tmp_path, 1, v1=pdf("alpha"), v3=pdf("gamma"), v2=pdf("beta"))
    assert ingest(one) == {"added": 1, "superseded": 2}
    assert states(tmp_path / "db") == {"1/v1": "superseded", "1/v2": "superseded", "1/v3": "done"}
    assert {row["doc_id"] for row in rows(tmp_path / "db", "pages")} == {
        row["doc_id"] for row in rows(tmp_path / "db", "chunks")
    }
    assert ingest(one) == {"unchanged": 3}


def test_the_second_run_opens_none_of_the_older_versions(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, opened, first = dump(tmp_path, 1, v1=pdf("alpha"), v2=pdf("beta")), [], ArxivLoader.open
    ingest(one)

    def told(self: ArxivLoader, source: Source) -> SourceDocument:
        opened.append(source.uri)
        return first(self, source)

    monkeypatch.setattr(ArxivLoader, "open", told)
    assert ingest(one) == {"unchanged": 2}
    assert opened == []


@pytest.mark.parametrize("broken", [b"%PDF-1.4 cut", "pages"])
def test_a_broken_version_leaves_the_paper_to_the_one_before(ingest: Ingest, tmp_path: Path, broken: Any) -> None:
    """Be it that it can't be opened, or that none of its pages can be read."""
    content = broken if isinstance(broken, bytes) else unreadable_page()
    one = dump(tmp_path, 1, v1=pdf("alpha"), v2=pdf("beta"), v3=content)
    assert ingest(one, expect=3) == {"added": 1, "failed": 1, "superseded": 1}
    assert states(tmp_path / "db") == {"1/v1": "superseded", "1/v2": "done", "1/v3": "failed"}
    assert found(tmp_path / "db") == {"v2"}
    assert ingest(one, expect=3) == {"failed": 1, "unchanged": 2}
    dump(tmp_path, 1, v1=pdf("alpha"), v2=pdf("beta"), v3=pdf("gamma"))
    assert ingest(one) == {"added": 1, "unchanged": 2}
    assert (states(tmp_path / "db")["1/v2"], found(tmp_path / "db")) == ("superseded", {"v3"})


def unreadable_page() -> bytes:
    """It opens, and its only page is none."""
    return build_pdf([b""]).replace(b"/Type/Page/", b"/Type/Pag_/")


def test_a_copy_under_another_version_says_its_own(run: Run, ingest: Ingest, tmp_path: Path) -> None:
    for order in ((1, 2), (2, 1)):
        db = tmp_path / f"db{order[0]}"
        for version in order:
            ingest(dump(tmp_path, version, **{f"v{version}": pdf("alpha")}), db=db.name)
        assert {(row["version"], row["state"]) for row in rows(db, "documents")} == {(1, "done"), (2, "done")}
        assert found(db) == {"v2"}
        (hit,) = json_lines(run("search", "alpha", "--db", db, "--json", "--where", "version = 2"))
        assert hit["title"] == "1501.00001v2"
        run("remove", "1501.00001v2", "--db", db)
        assert [(row["source"][-6:], row["title"], row["version"]) for row in rows(db, "chunks")] == [
            ("v1.pdf", "1501.00001v1", 1)
        ]


def test_a_copy_without_version_takes_none_of_another_name(ingest: Ingest, tmp_path: Path) -> None:
    """Else it would outrank the other content of that version, if it came after."""
    dumps = [
        dump(tmp_path, n, **{name: pdf(word)}) for n, name, word in ((1, "v1", "a"), (2, "v1", "b"), (3, "_", "a"))
    ]
    for order in ((0, 2, 1), (1, 2, 0)):
        db = f"db{order[0]}"
        for n in order:
            ingest(dumps[n], db=db)
        assert states(tmp_path / db) == {"1/v1": "superseded", "2/v1": "done", "3/": "superseded"}


def test_a_paper_without_version_has_a_name(run: Run, ingest: Ingest, tmp_path: Path) -> None:
    ingest(dump(tmp_path, 1, _=pdf("alpha")))
    names = ("1501.00001", "arXiv:1501.00001", "https://arxiv.org/abs/1501.00001", "arxiv.org/pdf/1501.00001.pdf")
    for name in names:
        assert "would remove" in run("remove", name, "--db", tmp_path / "db", "--dry-run").stderr
    run("remove", names[0], "--db", tmp_path / "db")
    assert rows(tmp_path / "db", "documents") == []
