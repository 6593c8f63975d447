"""What a paragraph is: heading and its level, caption, footnote, page furniture."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag_ingest.ocr.layout_text import Paragraph

_NAMES = re.compile(
    r"^(?:(?:structured |graphical )?abstract|(?:general )?introduction|background|related works?"
    r"|(?:materials? and )?methods?|methods and materials|experimental(?: section| setup)?|experiments?"
    r"|results?(?: and discussions?)?|discussions?"
    r"|conclusions?(?: and .{3,40})?|summary|acknowledge?ments?|references|bibliography"
    r"|literature cited|appendix(?: [A-Z])?"
    r"|supplementary (?:materials?|information|data)|supporting information|data availability(?: statement)?|funding"
    r"|(?:authors?['’]? )?contributions?|(?:competing|conflicts? of) interests?|key ?words|limitations"
    r"|ethics statement|abbreviations|notation|contents|highlights|pre-publication history)\s*:?$",
    re.IGNORECASE,
)
_DECIMAL = re.compile(r"^((?:\d{1,2}|[A-Z])(?:\.\d{1,2}){0,4})[.)]?\s+(?=[^\W\d_])")
_SUBSECTION = re.compile(r"^\d{1,2}\.[1-9]\d?(?:\.[1-9]\d?)*\.?\s+[A-Z][^;]{3,90}(?<![.,;:])$")
"""`6.3. Stellar rotation` is a heading in any type; a single number needs more."""
_ROMAN = re.compile(r"^(X{0,3}(?:IX|IV|V?I{0,3}))[.)]\s+(?=[^\W\d_])")
_APPENDIX = re.compile(r"^Appendix [A-Z](?:\.\d{1,2})*\b", re.IGNORECASE)
_CAPTION = re.compile(
    r"^(?:Extended Data |Supplementary |Online |Suppl?\. )?"
    r"(?:Table|Tab|Figure|Fig|Scheme|Chart|Graph|Box|Algorithm|Listing|Plate)"
    r"s?\.?[\s\-‐‑–]*(?:[A-Z]{1,2}[.-]?)?(?:\d{1,3}|[IVX]{1,5})(?:\.\d{1,2})*[a-z]?\b(?P<after>.*)",
    re.IGNORECASE | re.DOTALL,
)
_PAGE_NUMBER = re.compile(
    r"^(?:page\s+)?(?:[-–—|\s]*)(?:[A-Z]?-?\d{1,5}|[ivxl]{1,6})(?:\s*(?:of|/)\s*\d{1,5})?(?:[-–—|\s]*)$", re.IGNORECASE
)
_FOOTNOTE = re.compile(r"^(?:\d{1,2}|[*∗†‡§¶‖#]{1,3})\s?(?=[^\W\d_]|https?:)")


@dataclass(frozen=True, slots=True)
class PageStyle:
    """What is usual on a page.

    Attributes:
        body_pt: font size of most characters.
        bold_body: most of the page is bold, so bold says nothing.
        height_pt: of the page.
    """

    body_pt: float
    bold_body: bool
    height_pt: float


def heading_level(text: str, para: Paragraph, style: PageStyle, *, titled: bool) -> int:
    """2..6 for a section heading, 0 for running text; the document's title is found elsewhere.

    Args:
        text: the paragraph's, joined.
        para: its lines and their style.
        style: of the page.
        titled: the detector called the region a title.
    """
    if not _could_head(text, para):
        return 0
    larger = para.size_pt >= 1.08 * style.body_pt
    smaller = para.size_pt < 0.88 * style.body_pt
    marked = (para.bold and not style.bold_body) or larger or titled
    letters = [c for c in text if c.isalpha()]
    capitals = bool(letters) and sum(c.isupper() for c in letters) > 0.85 * len(letters) and len(letters) > 3
    if _NAMES.match(text) and (marked or capitals or _alone(para)):
        return 2
    level = _numbered_level(text)
    if level and not smaller and (marked or capitals or _SUBSECTION.match(text)):
        return level
    if _APPENDIX.match(text) and marked:
        return 2
    if smaller or not marked or not _title_like(text, len(para.lines)):
        return 0
    if text[-1] == ":" and not para.bold:
        return 0
    if not (larger or (para.bold and not style.bold_body) or capitals):
        return 3 if titled and _alone(para) and len(text.split()) <= 12 else 0
    return 2 if para.size_pt >= 1.15 * style.body_pt or capitals else 3


def is_section_name(text: str) -> bool:
    """A name that sections have (Abstract, Methods), or a number before it."""
    return bool(_NAMES.match(text)) or _numbered_level(text) > 0


def is_caption(text: str, *, labelled: bool) -> bool:
    """`Table 3: …`, `Fig. 2 Ratio of …`; a sentence that begins with `Figure 2 shows` is none."""
    found = _CAPTION.match(text)
    if not found:
        return False
    after = found.group("after").lstrip()
    return labelled or not after or after[0] in ".:|-–—(" or after[0].isupper()


def is_page_number(text: str) -> bool:
    """`7`, `Page 4 of 12`, `- iv -`."""
    return bool(_PAGE_NUMBER.match(text.strip()))


def begins_like_note(text: str) -> bool:
    """`1Rates are`, `† Work done`: a mark and a word."""
    return bool(_FOOTNOTE.match(text))


def is_footnote(text: str, para: Paragraph, style: PageStyle) -> bool:
    """Small type in the lower part of the page that begins with a mark."""
    low = para.bbox[1] > 0.45 * style.height_pt
    return low and para.size_pt <= 0.93 * style.body_pt and begins_like_note(text)


def _numbered_level(text: str) -> int:
    found = _DECIMAL.match(text)
    if found and (found.group(1) != "A" or not re.match(r"^A\s+[a-z]", text)):
        return min(6, 2 + found.group(1).count("."))
    return 2 if (roman := _ROMAN.match(text)) and roman.group(1) else 0


def _could_head(text: str, para: Paragraph) -> bool:
    letters = sum(c.isalpha() for c in text)
    if letters < 3 or letters < 0.5 * len(text.replace(" ", "")) or len(text) > 220 or len(para.lines) > 4:
        return False
    if is_caption(text, labelled=False) or "@" in text or "http" in text.lower():
        return False
    if text[-1] in ",;" or (text[-1] == "." and not _numbered_level(text) and len(text.split()) > 3):
        return False
    return text[0].isupper() or text[0].isdigit() or text[0] in "([“\"‘'αβγδ"


def _title_like(text: str, lines: int) -> bool:
    return len(text.split()) <= 25 and lines <= 3 and text[-1] not in ",;"


def _alone(para: Paragraph) -> bool:
    return len(para.lines) == 1
