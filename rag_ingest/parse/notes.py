"""Notes at the foot of a page, which a recogniser writes as paragraphs behind the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from rag_ingest.parse.sheets import Sheet, Strand

_MARK = re.compile(
    r"(?:\\footnotetext\b|\\?[*∗⁎†‡§¶]{1,3}(?=[^\s*])(?![^*\n]{1,80}\*)|[∗⁎†‡§¶]{1,3}[ ]|[⁰¹²³⁴-⁹]{1,3}|"
    r"<sup>[^<]{1,8}</sup>|"
    r"\$\s*(?:\{\s*\}|\{\}|)\s*\^\s*\{?\s*(?:\d{1,2}|\\?[a-z*†‡]{1,8})\s*\}?\s*\$|\$\\(?:d?dagger|ast|star)\$|"
    r"\d{1,2}(?=[A-Z][a-z]|https?:|[Ww]ww\.))"
)
_NUMBERED = re.compile(r"\d{1,2}[ ](?=[A-Z\"“(]|https?:)")
_MIN_WORDS = 8
_SHORT = 160
_LOOKED_AT = 200


def mark_notes(sheets: Sequence[Sheet], strands: Sequence[Strand]) -> list[Strand]:
    """Makes footnotes of the last paragraphs of each page that begin with a footnote's mark.

    One short paragraph without a mark may stand among them; what stands above them stays text.
    """
    marked: list[Strand] = []
    for sheet, found in groupby(strands, key=lambda strand: strand.first_sheet):
        page = list(found)
        first = _first_note(sheets[sheet].text, page)
        marked += page[:first]
        for strand in page[first:]:
            note = strand.block.kind == "paragraph"
            marked.append(replace(strand, block=strand.block._replace(kind="footnote")) if note else strand)
    return marked


def _first_note(text: str, page: Sequence[Strand]) -> int:
    first, bare = len(page), 0
    for i in range(len(page) - 1, 0, -1):
        block = page[i].block
        if block.kind not in ("paragraph", "footnote"):
            break
        if block.kind == "footnote" or _is_note(text[block.start : min(block.end, block.start + _LOOKED_AT)]):
            first = i
        elif block.end - block.start <= _SHORT and not bare:
            bare += 1
        else:
            break
    return first if any(strand.block.kind != "footnote" for strand in page[:first]) else len(page)


def _is_note(text: str) -> bool:
    if _MARK.match(text):
        return True
    return bool(_NUMBERED.match(text)) and ("http" in text or len(text.split()) >= _MIN_WORDS)
