"""Checks of a page's text. Each says why a case fails; an empty string means that it passes."""

from __future__ import annotations

import re

from fuzzysearch import find_near_matches
from rapidfuzz import fuzz

from eval.quality.olmocr.cases import BaselineCase, OrderCase, TextCase
from eval.quality.olmocr.wording import wording

REPEAT_SIZES = range(1, 6)
"""Characters of the pieces whose repetition at the end of a page is looked for."""

_IMAGE = re.compile(r"!\[.*?\]\(.*?\)")
_DISALLOWED = re.compile(
    "[\u4e00-\u9fff\u3040-\u309f\u30a0-\u30ff\U0001f600-\U0001f64f\U0001f300-\U0001f5ff\U0001f680-\U0001f6ff"
    "\U0001f1e0-\U0001f1ff]"
)
"""Han, kana and emoji: the pages are in Latin script, so these come from a recogniser that lost its way."""


def check_text(case: TextCase, markdown: str) -> str:
    """The best stretch of the page must agree in all but `max_diffs` characters (or must not)."""
    wanted, page = case.text, wording(markdown)
    if not case.case_sensitive:
        wanted, page = wanted.lower(), page.lower()
    page = _part(page, case.first_n, case.last_n)
    present = case.type == "present"
    if len(page) < len(wanted) - case.max_diffs:
        return f"the page has only {len(page)} characters" if present else ""
    least = 1.0 - case.max_diffs / len(wanted)
    best = fuzz.partial_ratio(wanted, page) / 100
    if (best >= least) == present:
        return ""
    return f"{_quoted(wanted)} {'not found' if present else 'is there'}: agreement {best:.3f}, limit {least:.3f}"


def _part(page: str, first: int | None, last: int | None) -> str:
    if first and last:
        return page[:first] + page[-last:]
    if first:
        return page[:first]
    return page[-last:] if last else page


def check_order(case: OrderCase, markdown: str) -> str:
    """Some place of the one text lies before some place of the other."""
    page = wording(markdown)
    before = find_near_matches(case.before, page, max_l_dist=case.max_diffs)
    if not before:
        return f"{_quoted(case.before)} not found"
    after = find_near_matches(case.after, page, max_l_dist=case.max_diffs)
    if not after:
        return f"{_quoted(case.after)} not found"
    if min(match.start for match in before) < max(match.start for match in after):
        return ""
    return f"{_quoted(case.before)} is never before {_quoted(case.after)}"


def check_baseline(case: BaselineCase, markdown: str) -> str:
    """The page has text, doesn't end in a loop, and has no characters that it can't have."""
    if case.max_length is not None:
        text = _IMAGE.sub("", markdown) if case.max_length_skips_image_alt_tags else markdown
        written = _written(text)
        return f"{written} letters and digits on a blank page" if written > case.max_length else ""
    if not _written(markdown):
        return "no letter and no digit"
    for size in REPEAT_SIZES:
        repeats = _repeats(markdown, size)
        if repeats > case.max_repeats:
            return f"ends with {repeats} repeats of {size} characters"
    found = sorted(set(_DISALLOWED.findall(markdown))) if case.check_disallowed_characters else []
    return f"characters that the page can't have: {' '.join(found[:10])}" if found else ""


def _written(text: str) -> int:
    return sum(map(str.isalnum, text))


def _repeats(markdown: str, size: int) -> int:
    """How often the last `size` characters stand at the end, one after the other."""
    text = re.sub(r"\s+", " ", markdown)
    end, count = len(text), 0
    piece = text[-size:]
    while end >= size and text[end - size : end] == piece:
        count += 1
        end -= size
    return count


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
