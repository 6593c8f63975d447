"""Tables that go on behind a page's end are one table again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag_ingest.parse.alike import alike
from rag_ingest.parse.edges import plain
from rag_ingest.parse.sheets import Cut, Part, Sheet, Strand
from rag_ingest.parse.tables import TableShape, closing, read_table

_NAME = r"(?:(?:Supplementary|Supplemental|Suppl\.|Extended Data)\s+)?(?:Table|Tab\.?|Tabelle|Tableau|Tabla|表)"
_NUMBER = r"(?:[A-Z]?\d[\d.]*|[IVXLC]+\b)"
_CONTINUED = re.compile(
    rf"\(?\s*(?:(?P<label>{_NAME}\s*{_NUMBER})\W.{{0,300}}?)?\(?\s*\b(?:cont(?:inued|['’]?d|inuation)?\.?|fortsetzung|suite)"
    r"(?: from (?:the )?previous page| on (?:the )?next page)?\s*\.?\)?[.:\s]*",
    re.IGNORECASE | re.DOTALL,
)
_LABEL = re.compile(rf"\W*{_NAME}\s*({_NUMBER})", re.IGNORECASE)
_MAX_CAPTION = 600
_KINDS = ("caption", "paragraph", "heading")


class TableJoiner:
    """Joins the tables of one document."""

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        self._sheets = sheets
        self.cuts: list[Cut] = []

    def join(self, strands: Sequence[Strand]) -> list[Strand]:
        """Strands in order, each table that pages broke as one; `cuts` then holds the markup between its parts."""
        done: list[Strand] = []
        for i, strand in enumerate(strands):
            follows = strands[i + 1] if i + 1 < len(strands) else None
            anchor = self._anchor(done, strand)
            whole = self._whole(done, anchor, strand, follows) if anchor >= 0 else None
            if whole:
                self.cuts += [Cut(part, "seam") for notice in done[anchor + 1 :] for part in notice.parts]
                done[anchor:] = [whole]
            else:
                done.append(strand)
        return done

    def _anchor(self, done: Sequence[Strand], strand: Strand) -> int:
        """The table at the end of the page before, with nothing but a notice or two in between; else -1."""
        if strand.block.kind not in ("table", "paragraph") or not done or strand.first_sheet == 0:
            return -1
        for at in range(len(done) - 1, max(-1, len(done) - 4), -1):
            candidate = done[at]
            if candidate.block.kind == "table":
                ends = self._sheets[candidate.last_sheet].number
                adjacent = candidate.last_sheet == strand.first_sheet - 1
                return at if adjacent and self._sheets[strand.first_sheet].number == ends + 1 else -1
            if candidate.block.kind not in _KINDS or not self._text(candidate):
                return -1
        return -1

    def _whole(self, done: Sequence[Strand], at: int, strand: Strand, follows: Strand | None) -> Strand | None:
        table, between = done[at], done[at + 1 :]
        caption = done[at - 1] if at and done[at - 1].block.kind == "caption" else None
        label = _label(self._text(caption)) if caption else ""
        noticed = [self._is_notice(notice, caption, label) for notice in between]
        if not all(noticed):
            return None
        first, second = read_table(self._text(table)), read_table(self._text(strand))
        if not first or not second or not self._goes_on(first, second, strand, bool(between)):
            return None
        if not between and not caption and follows and self._other_caption(follows, done[:at]):
            return None
        return self._spliced(table, strand, first, second)

    def _is_notice(self, strand: Strand, caption: Strand | None, label: str) -> bool:
        """Whether it says "Table 2 (continued)", "Continued on next page", or the table's own caption again."""
        text = plain(self._text(strand))
        if len(text) > _MAX_CAPTION:
            return False
        found = _CONTINUED.fullmatch(text)
        if found:
            return not found["label"] or not label or _label(found["label"]) == label
        if caption is None:
            return False
        bare = _LABEL.fullmatch(text.rstrip(".: "))
        return bool(bare and label and _label(text) == label) or alike(plain(self._text(caption)), text)

    def _goes_on(self, first: TableShape, second: TableShape, strand: Strand, noticed: bool) -> bool:
        if first.html != second.html or first.columns != second.columns or first.columns < 2:
            return False
        if strand.block.kind == "paragraph":
            return not second.html and not second.drops
        if second.caption and not _CONTINUED.fullmatch(second.caption) and second.caption != first.caption:
            return False
        if _repeats(first, second):
            return second.rows
        return noticed or second.data_first or (second.html and not second.header)

    def _other_caption(self, follows: Strand, before: Sequence[Strand]) -> bool:
        """A caption below a table without one above names that table alone."""
        return follows.block.kind == "caption" and bool(_label(self._text(follows))) and bool(before)

    def _spliced(self, table: Strand, strand: Strand, first: TableShape, second: TableShape) -> Strand:
        tail, head = table.parts[-1], strand.parts[0]
        end = closing(self._sheets[tail.sheet].text[tail.start : tail.end]) if first.html else None
        if end:
            self.cuts.append(Cut(Part(tail.sheet, tail.start + end[0], tail.end), "seam"))
            tail = replace(tail, end=tail.start + end[0])
        drops = second.drops if _repeats(first, second) else second.opening
        kept, at = [], head.start
        for start, stop in drops:
            kept.append(Part(head.sheet, at, head.start + start))
            self.cuts.append(Cut(Part(head.sheet, head.start + start, head.start + stop), "seam"))
            at = head.start + stop
        trimmed = (self._trimmed(part) for part in [*kept, Part(head.sheet, at, head.end)])
        parts = [part for part in trimmed if part.start < part.end]
        block = table.block._replace(repaired=table.block.repaired or strand.block.repaired)
        ended = self._trimmed(tail)
        return Strand(block, (*table.parts[:-1], ended, *parts), (*table.glue, *["\n"] * len(parts)))

    def _trimmed(self, part: Part) -> Part:
        text = self._sheets[part.sheet].text[part.start : part.end]
        start = part.start + len(text) - len(text.lstrip())
        return Part(part.sheet, min(start, part.start + len(text.rstrip())), part.start + len(text.rstrip()))

    def _text(self, strand: Strand) -> str:
        part = strand.parts[0]
        return self._sheets[part.sheet].text[part.start : part.end]


def _repeats(first: TableShape, second: TableShape) -> bool:
    """The second begins with the header of the first."""
    if first.header and second.header:
        return alike(first.header, second.header)
    return bool(second.drops) and not second.data_first and first.first == second.first and bool(second.header)


def _label(text: str) -> str:
    found = _LABEL.match(text)
    return found[1].rstrip(".").casefold() if found else ""
