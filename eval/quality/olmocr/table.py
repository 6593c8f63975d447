"""Check of a table: some cell has the text, and its neighbours and headings have theirs."""

from __future__ import annotations

from rapidfuzz import fuzz

from eval.quality.olmocr.cases import TableCase
from eval.quality.olmocr.cells import DOWN, LEFT, RIGHT, UP, CellGraph, Place, read_graphs

LEAST_AGREEMENT = 0.5
"""However many differences a case allows."""

_NEIGHBOURS = {"up": UP, "down": DOWN, "left": LEFT, "right": RIGHT}
_HEADINGS = {"top_heading": UP, "left_heading": LEFT}


def check_table(case: TableCase, markdown: str) -> str:
    """Why no cell of any table fits; an empty string when one does."""
    graphs = list(read_graphs(markdown, pipes=not case.ignore_markdown_tables))
    if not graphs:
        return "no table on the page"
    reasons: dict[str, None] = {}
    for graph in graphs:
        for place, text in graph.texts.items():
            if not _agrees(case.cell, text, case.max_diffs):
                continue
            wrong = _wrong(case, graph, place)
            if not wrong:
                return ""
            reasons.update(dict.fromkeys(wrong))
    return "; ".join(reasons) if reasons else f"no cell {case.cell!r} in {len(graphs)} tables"


def _wrong(case: TableCase, graph: CellGraph, place: Place) -> list[str]:
    """What around a cell is not as the case says."""
    around = {name: graph.next_to(place, direction) for name, direction in _NEIGHBOURS.items() if getattr(case, name)}
    around |= {name: graph.heading_of(place, way) for name, way in _HEADINGS.items() if getattr(case, name)}
    wrong = []
    for name, places in around.items():
        wanted, there = getattr(case, name), [graph.texts[other] for other in sorted(places)]
        if not any(_agrees(wanted, text, case.max_diffs) for text in there):
            wrong.append(f"{name} of {case.cell!r} is {' or '.join(map(repr, there)) or 'nothing'}, not {wanted!r}")
    return wrong


def _agrees(wanted: str, text: str, max_diffs: int) -> bool:
    return fuzz.ratio(wanted, text) / 100 >= max(LEAST_AGREEMENT, 1.0 - max_diffs / max(1, len(wanted)))
