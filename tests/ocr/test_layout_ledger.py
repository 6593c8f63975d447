"""Statements of accounts are found by their rules; frames of plots, prose and other tables are not taken for one."""

from __future__ import annotations

import pytest

from rag_ingest.ocr.layout_ledger import find_ledgers
from rag_ingest.ocr.layout_lines import Line, Run, union
from rag_ingest.ocr.layout_regions import Region
from rag_ingest.ocr.layout_rules import Ink, Rule
from rag_ingest.ocr.layout_tablefind import find_tables
from rag_ingest.types import BBox

ROWS = [("Cost of revenue", "178", "141"), ("Sales and administration", "1,136", "876"), ("Total", "1,314", "1,017")]
TOPS = (123.0, 135.0, 149.0)
LEVELS = (120.0, 147.0, 158.0)


def piece(text: str, left: float, top: float) -> Line:
    runs = []
    for word in text.split():
        runs.append(Run(word, (left, top, left + 4.0 * len(word), top + 8), 8.0, False))
        left += 4.0 * len(word) + 2
    return Line(tuple(runs))


def columns(y: float) -> list[Rule]:
    return [Rule(350, 410, y), Rule(415, 475, y)]


def statement(names: list[str]) -> list[Line]:
    rows = zip(names, ROWS, TOPS, strict=True)
    cells = [piece(text, x, top) for name, row, top in rows for text, x in ((name, 80), (row[1], 380), (row[2], 440))]
    heads = [piece("Year Ended", 390, 102), piece("Jan 2025", 360, 112), piece("Jan 2024", 425, 112)]
    return [piece("Expenses were as follows:", 80, 90), *heads, *cells, piece("Nothing else was spent.", 80, 170)]


RULES = [rule for y in LEVELS for rule in columns(y)]
NAMES = [row[0] for row in ROWS]


def box(parts: list[Line]) -> BBox:
    return union(part.bbox for part in parts)


def test_names_numbers_and_heads_are_the_table_and_prose_around_it_is_not() -> None:
    parts = statement(NAMES)
    [found] = find_ledgers(RULES, parts)
    inside = [p.text for p in parts if found[1] <= p.bbox[1] and p.bbox[3] <= found[3]]
    assert inside == [p.text for p in parts[1:-1]]


@pytest.mark.parametrize(
    ("rules", "parts"),
    [
        pytest.param(RULES, statement(["10", "0", "-10"]), id="ticks of plots"),
        pytest.param(RULES[:2], statement(NAMES), id="rules once"),
        pytest.param([*RULES[:2], Rule(300, 380, 158), Rule(400, 475, 158)], statement(NAMES), id="other rules below"),
        pytest.param([*RULES[::2]], statement(NAMES), id="one rule a height"),
        pytest.param(RULES, [p for p in statement(NAMES) if p.bbox[0] < 430], id="a column without numbers"),
        pytest.param(RULES, [*statement(NAMES), piece("text of the next column", 500, 130)], id="text to the right"),
        pytest.param(RULES, [*statement(NAMES), piece("so " * 30, 80, 141)], id="prose on the left"),
        pytest.param(RULES, [], id="no text"),
    ],
)
def test_what_only_looks_like_one(rules: list[Rule], parts: list[Line]) -> None:
    assert list(find_ledgers(rules, parts)) == []


@pytest.mark.parametrize("label", ["table", "figure"])
def test_where_the_detector_is_sure_it_is_believed(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ink, "rules", lambda *_, **__: RULES)
    parts = statement(NAMES)
    size_pt = (612.0, 792.0)
    known = Region(label, box(parts[1:-1]), 0.9)
    assert [region.label for region in find_tables(parts, [known], Ink(None, size_pt), size_pt)] == [label]
    assert [region.label for region in find_tables(parts, [], Ink(None, size_pt), size_pt)] == ["table"]
