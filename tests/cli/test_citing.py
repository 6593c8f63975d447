"""Citing a hit: the link opens the right file at the right page, and people can read where it is from."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rag_ingest import hits as shown_hits
from rag_ingest.citing import cite, file_link
from rag_ingest.hits import hit_json, print_hits
from rag_ingest.store.schema import source_key
from rag_ingest.types import PlacedFigure, SearchHit, Span
from tests.cli.conftest import Run, json_lines

HIT = SearchHit("c", "d", "/papers/a.pdf", "A Title", "text", "", ("Method",), (3, 4), 0.5, Span(0, 4))
PAPER: dict[str, Any] = {
    "arxiv_id": "2301.00001",
    "version": 2,
    "year": 2023,
    "authors": "Ada B. Lu; C. van der Li; D. E",
}


@pytest.mark.parametrize(
    ("source", "known", "link"),
    [
        ("/papers/a.pdf", {}, "file:///papers/a.pdf#page=3"),
        ("/papers/a b#1?.pdf", {}, "file:///papers/a%20b%231%3F.pdf#page=3"),
        ("/papers/a.pdf", PAPER, "file:///papers/a.pdf#page=3"),
        ("/scans/a.TIFF", {}, "file:///scans/a.TIFF"),
        ("https://x.org/a.pdf?v=1#top", {}, "https://x.org/a.pdf?v=1#page=3"),
        ("https://x.org/pdf/1706.03762", {}, "https://x.org/pdf/1706.03762#page=3"),
        ("https://x.org/a b%20c.pdf", {}, "https://x.org/a%20b%20c.pdf#page=3"),
        ("https://[x/a.pdf", {}, "https://[x/a.pdf#page=3"),
        ("/dumps/arXiv_pdf_2301_001.tar!/2301/2301.00001v2.pdf", PAPER, "https://arxiv.org/pdf/2301.00001v2#page=3"),
        ("/dumps/a.tar!/b.pdf", {"arxiv_id": "astro-ph/0001001"}, "https://arxiv.org/pdf/astro-ph/0001001#page=3"),
        ("/dumps/arXiv_pdf_2301_001.tar!/2301/2301.00001v2.pdf", {}, ""),
        ("s3://bucket/a.pdf", {}, ""),
        ("s3://bucket/a.pdf", PAPER, "https://arxiv.org/pdf/2301.00001v2#page=3"),
        ("a.pdf", {}, ""),
    ],
)
def test_the_link_opens_the_document_at_the_page(source: str, known: dict[str, Any], link: str) -> None:
    assert cite(replace(HIT, source=source, metadata=known)).link == link


def test_without_a_page_it_opens_the_document() -> None:
    citation = cite(replace(HIT, pages=()))
    assert (citation.page, citation.link) == (None, "file:///papers/a.pdf")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1))
def test_a_file_is_found_again_whatever_it_is_called(name: str) -> None:
    path = f"/papers/{name.strip('/')}.pdf"
    link = cite(replace(HIT, source=path)).link
    if "!/" not in path:
        assert unquote(urlsplit(link).path) == str(Path(path))
        assert urlsplit(link).fragment == "page=3"
        assert link.isascii()
        assert link.isprintable()


def test_the_box_is_the_first_on_that_page() -> None:
    boxes = ((2, (0.0, 0.0, 1.0, 1.0)), (3, (5.0, 6.0, 7.0, 8.0)), (3, (50.0, 6.0, 70.0, 8.0)))
    assert cite(replace(HIT, bboxes=boxes)).bbox == (5.0, 6.0, 7.0, 8.0)
    assert cite(replace(HIT, bboxes=boxes[:1])).bbox is None


@pytest.mark.parametrize(
    ("authors", "label"),
    [
        ("", "A Title, 2023, pp. 3–4"),
        ("Ada B. Lu", "Lu, A Title, 2023, pp. 3–4"),
        ("Ada B. Lu; Laurens van der Maaten", "Lu and van der Maaten, A Title, 2023, pp. 3–4"),
        ("Ada B. Lu, C. Li and D. E", "Lu et al., A Title, 2023, pp. 3–4"),
        ("Lu, Ada; Li, C.", "Lu and Li, A Title, 2023, pp. 3–4"),
        ("The ATLAS Collaboration", "The ATLAS Collaboration, A Title, 2023, pp. 3–4"),
        ("J. Roe Jr.; Ann van Roe III", "Roe and van Roe, A Title, 2023, pp. 3–4"),
        ("Plato", "Plato, A Title, 2023, pp. 3–4"),
    ],
)
def test_the_label_names_authors_title_year_and_page(authors: str, label: str) -> None:
    assert cite(replace(HIT, metadata={"authors": authors, "year": 2023})).label == label


@pytest.mark.parametrize(
    ("pages", "label"), [((), ""), ((7,), ", p. 7"), ((9, 7), ", pp. 7, 9"), ((5, 4), ", pp. 4–5")]
)
def test_the_label_names_all_pages(pages: tuple[int, ...], label: str) -> None:
    assert cite(replace(HIT, pages=pages)).label == f"A Title{label}"


def test_a_file_name_that_is_no_utf8_is_found_again() -> None:
    link = cite(replace(HIT, source=source_key(os.fsdecode(b"/papers/caf\xe9.pdf")))).link
    assert link == "file:///papers/caf%E9.pdf#page=3"


def test_without_a_title_the_file_names_it() -> None:
    assert cite(replace(HIT, title="")).label == "a.pdf, pp. 3–4"


def test_a_terminal_gets_links_and_a_pipe_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = PlacedFigure(3, 1, Span(0, 1), "image_1.png", path="/kb/figures/x y.png")
    hit = replace(HIT, figures=(figure,))
    for is_terminal in (True, False):
        monkeypatch.setattr(
            shown_hits, "out", Console(force_terminal=is_terminal, highlight=False, soft_wrap=True, markup=False)
        )
        print_hits([hit])
        shown = capsys.readouterr().out
        links = re.findall(r"\x1b]8;[^;]*;([^\x1b]+)\x1b", shown)
        assert links == (["file:///papers/a.pdf#page=3", "file:///kb/figures/x%20y.png"] if is_terminal else [])
        assert "/papers/a.pdf, page 3" in shown
    assert "\x1b" not in shown
    assert file_link("figures/x.png") == ""


def test_rows_have_the_link(run: Run, kb: Path, corpus: Path) -> None:
    for row in json_lines(run("search", "tide gauge", "--db", kb, "-k", "3", "--json")):
        assert row["link"] == f"{Path(row['source']).as_uri()}#page={min(row['pages'])}"
        first, last = min(row["pages"]), max(row["pages"])
        assert row["label"].endswith(f"p. {first}" if first == last else f"pp. {first}–{last}")
    assert set(hit_json(HIT)) == set(row)
