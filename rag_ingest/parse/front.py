"""The front of a paper: its title, its authors, its abstract."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rag_ingest.parse.blocks import RawBlock
from rag_ingest.parse.headings import clean_title
from rag_ingest.parse.numbering import is_usual_name, sure_numbers

_ABSTRACT = re.compile(
    r"(?:structured )?(?:abstract|summary|zusammenfassung|résumé|resumen|摘要|要旨)\s*[:.]?", re.IGNORECASE
)
_ABSTRACT_RUN_IN = re.compile(
    r"[*_]{0,3}(?:abstract|ABSTRACT|Abstract|Summary|SUMMARY|摘要)\s*"
    r"(?:[*_]{1,3}\s*[.:：—–-]*\s*[*_]{0,3}|[.:：—–-]+\s*[*_]{0,3})\s*(?=\S)"
)
_KEYWORDS = re.compile(
    r"\W*(?:key ?-?words?|index terms|categories|ccs concepts|pacs|msc|jel|关键词|introduction$)", re.IGNORECASE
)
_STRUCTURED = re.compile(
    r"(?:background|objectives?|aims?|purpose|methods?|design|setting|participants|results?|findings|conclusions?|"
    r"interpretation|significance|context|materials and methods|"
    r"methodology/principal findings|trial registration)\s*[:.]?",
    re.IGNORECASE,
)
_MARKS = re.compile(
    r"<sup>.*?</sup>|\[\^[^\]]*\]|\$[^$]{0,80}\$|\^\{?[\w,*†‡]{1,8}\}?|\\(?:quad|qquad|\\|,|;|thanks\{[^}]*\})|"
    r"[*∗†‡§¶⁎#⋆✉⁰¹²³⁴-⁹]+|(?<=[^\W\d_])\d{1,2}(?:,\d{1,2})*"
)
_EMAIL = re.compile(r"\{?[\w.,\s-]{0,80}\}?\S*@\S+")
_PLACE = re.compile(
    r"\b(?:universit|institut|department|dept|school|college|laborator|centre|center|faculty|hospital|academy|research|"
    r"inc\b|ltd|gmbh|corp|google|microsoft|facebook|meta ai|openai|deepmind|street|road|usa|china|germany|france|india|"
    r"received|accepted|published|editor|correspond|copyright|licen[sc]e|journal|volume|doi|http|www|arxiv|abstract|"
    r"company|division|group|team|observatory|agency|school|clinic|foundation)",
    re.IGNORECASE,
)
_PARTICLES = "and und et de van von der den del della di da dos la le el al bin ibn ter y e mr dr prof with by"
_SMALL = frozenset(_PARTICLES.split())
_NAME = re.compile(r"[^\W\d_][^\W\d_]*(?:[.'’-]+[^\W\d_]*)*\.?$")
_MAX_AUTHORS, _MAX_ABSTRACT = 3000, 8000
_MAX_LABEL = 40
FRONT_BLOCKS = 40
"""Blocks from the title on that may hold the abstract."""
_AUTHOR_BLOCKS = 14
_TITLE_WORDS = range(3, 31)


def plain_title(markdown: str, blocks: Sequence[RawBlock]) -> str:
    """The title of a paper that marks no heading as such: its first paragraph, when an abstract or authors follow."""
    first = next((block for block in blocks if block.kind not in ("html", "figure")), None)
    if first is None or first.kind != "paragraph" or first.end - first.start > 300:
        return ""
    title = clean_title(markdown[first.start : first.end].split("\n\n")[0])
    words = title.split()
    fit = len(words) in _TITLE_WORDS and title[:1].isupper() and title[-1] not in ".,;:)" and "@" not in title
    weighty = [word for word in words if len(word) > 3]
    cased = len(weighty) > 2 and 3 * sum(word[0].isupper() for word in weighty) >= 2 * len(weighty)
    follows = cased or abstract_of(markdown, blocks) or authors_of(markdown, blocks[blocks.index(first) + 1 :])
    return title if fit and follows and not is_usual_name(title) and not _PLACE.search(title) else ""


def authors_of(markdown: str, blocks: Sequence[RawBlock]) -> str:
    """Names that stand before the abstract and the first section, without their footnote marks.

    Args:
        markdown: of the document.
        blocks: those behind the title.
    """
    found: list[str] = []
    for block in blocks[:_AUTHOR_BLOCKS]:
        text = markdown[block.start : min(block.end, block.start + _MAX_AUTHORS)]
        if block.kind == "heading" and (is_usual_name(block.title) or sure_numbers([block.title])[0]):
            break
        if block.kind not in ("paragraph", "heading") or _ABSTRACT_RUN_IN.match(text):
            break
        names = [name for line in re.split(r"\r\n?|\n|\\\\|<br ?/?>", text) if (name := _names(line))]
        if found and not names and len(text) > 400:
            break
        found += names
    return ", ".join(dict.fromkeys(found))


def _names(line: str) -> str:
    """A line's names, else nothing."""
    bare = _EMAIL.sub(" ", _MARKS.sub(", ", line.lstrip("# ")))
    if _PLACE.search(bare):
        return ""
    parts = [part.strip(" \t.;,&") for part in re.split(r",|;|\s{3,}|\s&\s|\band\b", bare)]
    parts = [" ".join(part.split()) for part in parts if part.strip(" .")]
    if not parts or not all(_is_name(part) for part in parts):
        return ""
    return ", ".join(parts)


def _is_name(part: str) -> bool:
    words = part.split()
    if not 2 <= len(words) <= 6 or not all(_NAME.match(word) for word in words):
        return False
    weighty = [word for word in words if word.casefold() not in _SMALL]
    return len(weighty) >= 2 and all(word[0].isupper() or not word[0].isascii() for word in weighty)


def abstract_of(markdown: str, blocks: Sequence[RawBlock]) -> str:
    """The abstract's text, paragraphs parted by a blank line; empty when the paper has none that says so."""
    return "\n\n".join(_abstract_parts(markdown, blocks))[:_MAX_ABSTRACT]


def _abstract_parts(markdown: str, blocks: Sequence[RawBlock]) -> Iterator[str]:
    inside = began = structured = False
    for block in blocks:
        text = markdown[block.start : min(block.end, block.start + _MAX_ABSTRACT)]
        if not inside:
            label = block.title or (clean_title(text) if len(text) < _MAX_LABEL else "")
            inside = bool(_ABSTRACT.fullmatch(label))
            run_in = None if inside or block.kind != "paragraph" else _ABSTRACT_RUN_IN.match(text)
            if run_in:
                yield text[run_in.end() :]
                return
        elif block.kind == "heading":
            if not _STRUCTURED.fullmatch(block.title) or (began and not structured):
                return
            structured = True
        elif block.kind == "footnote" and began:
            return
        elif block.kind in ("paragraph", "list"):
            if _KEYWORDS.match(text):
                return
            began = True
            yield text
