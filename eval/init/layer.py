"""The text layer of a PDF: pages that evidence is found on, and prose where there is no source."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eval.init.prose import sentences
from eval.init.source import Source
from eval.relevance import Judge

GROUP = 8
"""Sentences that stand for a paragraph, of which one is asked for: a text layer shows no paragraphs."""

_END_MATTER = re.compile(
    r"^\W*(?:\d+\.?\s*)?(?:references|bibliography|literature cited|acknowledg\w+)\W*$", re.I | re.M
)
_HEADING = re.compile(
    r"^[ \t]*(?:\d+(?:\.\d+)*\.?\s+[A-Z].{0,70}(?<![.,;])|(?:Key ?words|Abstract)\b.*|[A-Z].{0,40}(?<![.,;:]))$", re.M
)
"""A line that looks like one: numbered, or short and without a stop. A line of prose that is cut off by this costs a
question; a heading glued to a sentence spoils one."""

_FOOTNOTE = re.compile(r"(?<=[a-z]\.)\d{1,2}(?=\s+[A-Z])")
_BROKEN = re.compile("(?:\u00ad|\ufffe|(?<=[a-z])-)\\s*\n\\s*(?=[a-z])")


def layer_source(pages: Sequence[str]) -> Source:
    """Prose of the pages before the references; a table or a formula can't be told from a text layer."""
    kept: list[str] = []
    for page in pages:
        ending = _END_MATTER.search(page)
        kept.append(page[: ending.start()] if ending else page)
        if ending and len(kept) > len(pages) / 2:
            break
    marked = [_HEADING.sub(" \uffff ", _BROKEN.sub("", page)) for page in kept]
    joined = [" ".join(_FOOTNOTE.sub("", page).replace("\ufffe", "").split()) for page in marked]
    found = [sentences(page) for page in joined]
    groups = [" ".join(page[i : i + GROUP]) for page in found for i in range(0, len(page), GROUP)]
    return Source("text layer", tuple(groups))


def page_of(evidence: dict[str, object], pages: Sequence[str]) -> int | None:
    """1-based page whose text layer holds the evidence best; None when it holds less than half of it anywhere."""
    judge = Judge(evidence)
    shares = [judge.coverage(page) for page in pages]
    best = max(shares, default=0.0)
    return shares.index(best) + 1 if best >= 0.5 else None
