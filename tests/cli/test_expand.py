"""`search --expand section` on a knowledge base that `ingest` wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_ingest.embed.bundled import bundled_token_counter
from rag_ingest.errors import ConfigError
from tests.cli.conftest import Run, json_lines, rows

QUERY = "remaining error of the level at night"
ADDED = {"expanded", "expanded_span", "expanded_pages"}


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_rows_gain_the_section_within_the_budget(run: Run, kb: Path, mode: str) -> None:
    count = bundled_token_counter()
    plain = json_lines(run("search", QUERY, "--db", kb, "--mode", mode, "-k", "60", "--json"))
    order = [hit["chunk_id"] for hit in plain]
    for budget in (100, 400, 1024):
        found = json_lines(
            run("search", QUERY, "--db", kb, "--mode", mode, "--expand", "section", "--expand-tokens", budget, "--json")
        )
        assert len(found) == 5
        assert found[0]["chunk_id"] == order[0]
        assert [order.index(hit["chunk_id"]) for hit in found] == sorted(order.index(hit["chunk_id"]) for hit in found)
        for hit in found:
            assert set(hit) == set(plain[0]) | ADDED
            assert hit["text"] in hit["expanded"]
            assert count(hit["expanded"]) <= budget or hit["expanded"] == hit["text"]
            start, end = hit["expanded_span"]
            assert start <= hit["span"][0] <= hit["span"][1] <= end
            assert end - start == len(hit["expanded"])
            assert set(hit["pages"]) <= set(hit["expanded_pages"])
    assert any(len(hit["expanded"]) > len(hit["text"]) for hit in found)


def test_the_table_holds_every_document_again(run: Run, kb: Path) -> None:
    """By following the links from the first chunk on, and by what LlamaIndex reads of them."""
    chunks = {row["id"]: row for row in rows(kb, "chunks", ["vector"])}
    firsts = [row for row in chunks.values() if not row["previous_id"]]
    assert len(firsts) == len({row["doc_id"] for row in chunks.values()}) == 3
    seen = 0
    for row in firsts:
        text, start = "", row["span_start"]
        while row:
            text += row["gap"] + row["text"]
            seen += 1
            assert start + len(text) == row["span_end"]
            assert row["parent_id"] == row["sections"][0]["id"]
            row = chunks.get(row["next_id"])
    assert seen == len(chunks)


def test_a_person_sees_the_section_with_the_hit_marked(run: Run, kb: Path) -> None:
    hit = json_lines(run("search", QUERY, "--db", kb, "-k", "1", "--expand", "section", "--json"))[0]
    shown = run("search", QUERY, "--db", kb, "-k", "1", "--expand", "section").stdout.splitlines()
    marked = [line.removeprefix(" ┃ ") for line in shown if line.startswith(" ┃ ")]
    assert marked == [line.rstrip() for line in hit["text"].splitlines() if line.strip()]
    assert len([line for line in shown if line.startswith("   ")]) > 3


def test_wrong_options_say_so(run: Run, kb: Path) -> None:
    assert "allowed is section" in run("search", "x", "--db", kb, "--expand", "page", expect=2).stderr
    assert "--expand section" in run("search", "x", "--db", kb, "--expand-tokens", "9", expect=2).stderr
    run("search", "x", "--db", kb, "--expand", "section", "--expand-tokens", "0", expect=2)


def test_the_function_takes_the_same_options(kb: Path) -> None:
    from rag_ingest import search

    [hit] = search(QUERY, kb, mode="text", k=1, expand="section")
    assert hit.text in hit.expanded
    [plain] = search(QUERY, kb, mode="text", k=1)
    assert (plain.chunk_id, plain.expanded, plain.expanded_span) == (hit.chunk_id, "", None)
    with pytest.raises(ConfigError, match="expand = 'page'"):
        search(QUERY, kb, expand="page")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expand_tokens = 0"):
        search(QUERY, kb, expand="section", expand_tokens=0)
