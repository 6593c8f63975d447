"""Paragraphs that a page or a column broke are one again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from rag_ingest.parse.hyphens import Vocabulary, drops_hyphen, is_broken_word
from rag_ingest.parse.sheets import Cut, Part, Sheet, Strand

_FLOATS = ("figure", "caption", "table", "footnote", "html")
_HEAD, _TAIL = 120, 400
_CLOSERS = " \t*_\"'”’»)]}"
_TERMINAL = ".!?:…。！？：．"
_NOTE_MARK = re.compile(
    r"(?:\[\^[^\]\s]{1,20}\]|\$\s*(?:\{\s*\})?\^\{?[^$]{1,12}\}?\s*\$|<sup>[^<]{1,12}</sup>|[⁰¹²³⁴-⁹†‡]+)+$"
)
_ADDRESS = re.compile(r"(?:\S@\S|https?://|www\.)\S*$")
_TEX_END = re.compile(r"(?:\\end\{\w+\*?\}|\\\\|\$\$)\s*$")
_ENUMERATED = re.compile(r"\(?(?:[a-z]|[ivx]{1,5})[.)]\s")
_NO_PROSE = re.compile(r"\S*(?:@|://|www\.)|(?:keywords?|key words|e-?mail|doi|where)\b\s*[:：—–]", re.IGNORECASE)
_AFFILIATION = re.compile(r"[a-z]\s+[A-Z]")
_MID_CLAUSE = re.compile(
    r"(?:\$[^$\n]{1,100}\$|\\?\[[\d,–-]{1,20}\\?\]|\d[\d.,]*(?:[ ]?%)?)(?:-|[,)]?\s+)\(?[^\W\d_A-Z]"
)
_ASIDE = re.compile(r"\((?!(?:\d{1,2}|[A-Za-z]|[ivx]+)\))[^()\n]{2,100}\)|\\?\[\d[\d,\s–-]{0,30}\\?\]\s*[.,;)]")
_OPENERS = re.compile(r"[*_(\"'“‘\[]*")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f]")
_HANGING = re.compile(
    r"(?:^|[\s(])(?:the|a|an|of|and|or|in|on|for|with|to|by|from|at|as|that|which|is|are|was|were|be|been|we|our|its|"
    r"their|this|these|those|than|into|between|et|de|la|le|und|der|die|das|von)$"
)
_WORDS_WITHIN, _WORDS_ACROSS = 5, 3


class ParagraphJoiner:
    """Joins the paragraphs of one document."""

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        self._sheets = sheets
        self.cuts: list[Cut] = []

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(sheet.text for sheet in self._sheets)

    def join(self, strands: Sequence[Strand]) -> list[Strand]:
        """Strands in order, each broken paragraph as one; `cuts` then holds the hyphens that were undone.

        Figures, tables and notes between two halves go before the paragraph when they are on its earlier page, behind
        it when they are on its later one: what a page holds stays together.
        """
        done: list[Strand] = []
        anchor = -1
        for strand in strands:
            kind = strand.block.kind
            if kind == "paragraph" and anchor >= 0 and self._continues(done, anchor, strand):
                anchor = self._joined(done, anchor, strand)
                continue
            done.append(strand)
            if kind == "paragraph":
                anchor = len(done) - 1
            elif kind not in _FLOATS:
                anchor = -1
        return done

    def _continues(self, done: Sequence[Strand], anchor: int, strand: Strand) -> bool:
        first, floats = done[anchor], done[anchor + 1 :]
        across = strand.first_sheet != first.last_sheet
        if not across and any(f.block.kind == "html" for f in floats):
            return False
        if across:
            apart = self._sheets[strand.first_sheet].number - self._sheets[first.last_sheet].number
            if strand.first_sheet != first.last_sheet + 1 or apart != 1:
                return False
            if any(f.first_sheet != f.last_sheet for f in floats):
                return False
            if first.first_sheet != first.last_sheet and any(f.first_sheet == first.last_sheet for f in floats):
                return False
        return continues(self._end(first), self._start(strand), across)

    def _end(self, strand: Strand) -> str:
        part = strand.parts[-1]
        return self._sheets[part.sheet].text[max(part.start, part.end - _TAIL) : part.end]

    def _start(self, strand: Strand) -> str:
        part = strand.parts[0]
        return self._sheets[part.sheet].text[part.start : min(part.end, part.start + _HEAD)]

    def _joined(self, done: list[Strand], anchor: int, strand: Strand) -> int:
        first, floats = done[anchor], done[anchor + 1 :]
        parts = list(first.parts)
        glue = self._glue(parts, self._start(strand))
        whole = Strand(
            first.block._replace(repaired=first.block.repaired or strand.block.repaired),
            (*parts, *strand.parts),
            (*first.glue, glue, *strand.glue),
        )
        earlier = [f for f in floats if f.last_sheet < strand.first_sheet]
        later = [f for f in floats if f.last_sheet >= strand.first_sheet]
        done[anchor:] = [*earlier, whole, *later]
        return anchor + len(earlier)

    def _glue(self, parts: list[Part], after: str) -> str:
        """What goes between; a hyphen that is undone is cut off the last part."""
        last = parts[-1]
        before = self._sheets[last.sheet].text[max(last.start, last.end - _TAIL) : last.end]
        if is_broken_word(before, after):
            if last.end - last.start > 1 and drops_hyphen(before, after, self._vocabulary):
                parts[-1] = replace(last, end=last.end - 1)
                self.cuts.append(Cut(Part(last.sheet, last.end - 1, last.end), "hyphen"))
            return ""
        return "" if _CJK.match(after) and before[-1] not in " ,." and not before[-1].isascii() else " "


def continues(before: str, after: str, across: bool) -> bool:
    """Whether a paragraph that begins with `after` goes on with the sentence that `before` breaks off in.

    Args:
        before: the end of a paragraph.
        after: the start of the next one.
        across: a page lies between them; within a page more is asked for.
    """
    bare = _NOTE_MARK.sub("", before.rstrip(_CLOSERS)).rstrip(_CLOSERS)
    if (
        not bare
        or bare[-1] in _TERMINAL
        or _NO_PROSE.match(after)
        or _ADDRESS.search(before[-_HEAD:])
        or _TEX_END.search(before[-_HEAD:])
        or _ENUMERATED.match(after)
    ):
        return False
    if not across and (bare[-1] == ";" or _AFFILIATION.match(after)):
        return False
    if len(before.split()) < (_WORDS_ACROSS if across else _WORDS_WITHIN) and not _CJK.search(before):
        return False
    if _CJK.match(after):
        return _goes_on_in_cjk(bare, across)
    if is_broken_word(before, after):
        return after[0].islower() or before.split()[-1][0].isupper()
    begins = after[len(_OPENERS.match(after)[0]) :][:1]  # type: ignore[index]
    if begins.islower() or (across and (_MID_CLAUSE.match(after) or _ASIDE.match(after))):
        return True
    hangs = bool(_HANGING.search(bare)) or before.rfind("(") > before.rfind(")")
    return across and hangs and (begins.isalnum() or begins == "$") and len(after.split()) >= _WORDS_ACROSS


def _goes_on_in_cjk(bare: str, across: bool) -> bool:
    """There is no lower case to go by: a comma, or a character of text at a page's end."""
    if bare[-1] in "，、,":
        return True
    return across and len(bare) >= 15 and bool(_CJK.match(bare[-1]))
