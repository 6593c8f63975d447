"""Captions: paragraphs that name the table or figure beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_ingest.parse.blocks import RawBlock

_LABEL = re.compile(
    r"(?:\*{1,3}|_{1,3})?(?:(?:Supplementary|Supplemental|Extended Data|Appendix|Web)[ ]+)?"
    r"(?:Tables?|TABLE|Tab\.|Figures?|FIGURE|Figs?\.?|FIG\.?|Listing|Algorithm|ALGORITHM|Scheme|Plate|Chart|Exhibit|"
    r"Abbildung|Abb\.|Tabelle|Tableau|Tabla|Figura|Рис\.|Рисунок|Таблица|表格?|图表?|図|圖)"
    r"[ \u00a0]*(?:[A-Z]{1,2}\.?-?)?(?:\d+(?:[.–-]\d+)*[a-z]?|[IVXLC]+\b)"
    r"(?P<mark>(?:\*{1,3}|_{1,3})?[ ]*(?:[.:：|︰—–]|\*{1,3}(?=\s|$)|$|\n))?[ \u00a0]*(?P<next>\S)?"
)
_BESIDE = ("table", "figure", "code")
_HEAD = 160


def mark_captions(source: str, blocks: Sequence[RawBlock]) -> list[RawBlock]:
    """Turns paragraphs into captions: "Table 3: …" anywhere, "Table 3 Scores …" beside a table or figure."""
    marked = list(blocks)
    for i, block in enumerate(marked):
        if block.kind != "paragraph":
            continue
        found = _LABEL.match(source[block.start : min(block.end, block.start + _HEAD)])
        if not found:
            continue
        around = [b.kind for b in (*marked[max(0, i - 1) : i], *marked[i + 1 : i + 2])]
        titled = found["next"] is not None and not found["next"].islower()
        if found["mark"] is not None or (titled and any(kind in _BESIDE for kind in around)):
            marked[i] = block._replace(kind="caption")
    return marked
