"""What is known to go wrong with a page that a model read: one small function a guard, each with a named verdict.

    blank         nothing is printed on the page (decided on the image, see `blank`; no fault)
    doubtful      the page's text layer says something else here and there (see `witness`)
    contradicted  less than half of the page agrees with its text layer
    wrong-script  letters that the text layer or the configuration says are not on the page
    truncated     cut by the token limit
    loop          the same again and again; kept up to the end of the first copy
    prompt-echo   the chat template or an assistant's phrases instead of the page
    empty         no text though the page has ink

A guard looks at the page and at what was read, and finds something or nothing. `judge` writes the findings and the
worst verdict into `PageMarkdown.checks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from rag_ingest.ocr.loops import repeated_line
from rag_ingest.ocr.scripts import foreign_script
from rag_ingest.ocr.witness import compare, page_words, usable
from rag_ingest.types import Page, PageMarkdown

BADNESS: Final[Mapping[str, int]] = {
    "ok": 0,
    "blank": 0,
    "doubtful": 1,
    "contradicted": 2,
    "wrong-script": 3,
    "truncated": 4,
    "loop": 5,
    "prompt-echo": 6,
    "empty": 7,
}
"""Verdicts from good to worst; an attempt with a smaller number is the better one."""

CONTRADICTED: Final = 0.5
"""Of a page's words; under it the layer and the Markdown are of two pages, whatever the limits of a doubt are."""

_ECHO = re.compile(
    r"\s*(?:(?:<\|[a-z_]+\|>\s*)+|(?:(?:system|user|assistant)\s*\n\s*){2}|assistant\s*\n"
    r"|(?:I(?:'|’)m sorry|I apologize|As an AI|I can(?:'|’)?t|I cannot|I am unable)\b[^\n]{0,80}"
    r"\b(?:image|document|assist|language model|transcri|page)"
    r"|(?:Sure|Certainly|Here is|Here(?:'|’)s)\b[^\n]{0,40}\b(?:transcri|markdown|OCR|text (?:from|of) the image))",
)
_MARKUP = re.compile(r"<[^<>]*>|[\s#*_`~|>:.+$\\-]")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a guard found.

    Attributes:
        verdict: a key of `BADNESS`; "ok" for facts that are worth keeping and no fault.
        facts: for `PageMarkdown.checks`, under their own names; JSON values.
    """

    verdict: str
    facts: Mapping[str, Any] = field(default_factory=dict)


Check: TypeAlias = Callable[[Page, PageMarkdown], Finding | None]
"""A guard; it never raises and never changes what it is given."""


def truncated(page: Page, read: PageMarkdown) -> Finding | None:
    """The answer was cut by the token limit, or by the model's positions."""
    return Finding("truncated") if read.finish_reason == "length" and "loop" not in read.checks else None


def loop(page: Page, read: PageMarkdown) -> Finding | None:
    """The engine stopped or cut a loop (`checks["loop"]`), or one line makes up much of the page."""
    if "loop" in read.checks:
        return Finding("loop")
    repeated = repeated_line(read.markdown)
    if repeated is None or _stands_in_text_layer(page, *repeated):
        return None
    return Finding("loop", {"repeated_line": repeated[1]})


def empty(page: Page, read: PageMarkdown) -> Finding | None:
    """Nothing but markup. A figure's placeholder counts as text: some pages are one figure."""
    return Finding("empty") if not _MARKUP.sub("", read.markdown) else None


def prompt_echo(page: Page, read: PageMarkdown) -> Finding | None:
    """The answer begins like a conversation, and the page's own text does not."""
    echo = _ECHO.match(read.markdown)
    if echo is None or " ".join(echo[0].split()) in _text(page):
        return None
    return Finding("prompt-echo", {"echo": echo[0].strip()[:80]})


def wrong_script(scripts: Sequence[str] = ()) -> Check:
    """The guard for letters of a script that is not on the page.

    Args:
        scripts: those that documents are written in, Unicode names; empty: what the text layer says, if anything.
    """

    def check(page: Page, read: PageMarkdown) -> Finding | None:
        found = foreign_script(read.markdown, _text(page), scripts)
        return None if found is None else Finding("wrong-script", {"script": found})

    return check


def witness(page: Page, read: PageMarkdown) -> Finding | None:
    """What the text layer says of the Markdown; the scores are kept for a good page too."""
    if page.text_layer is None:
        return None
    words = page_words(page)
    if unfit := usable(words):
        return Finding("ok", {"witness": unfit})
    seen = compare(read.markdown, words)
    verdict = "doubtful" if seen.below() else "ok"
    if min(seen.recall, seen.precision) < CONTRADICTED:
        verdict = "contradicted"
    return Finding(verdict, seen.to_checks())


def guards(scripts: Sequence[str] = (), *, text_layer: bool = True) -> tuple[Check, ...]:
    """All of them, as the ladder asks them.

    Args:
        scripts: see `wrong_script`.
        text_layer: whether it is asked as a witness.
    """
    return (empty, prompt_echo, loop, truncated, wrong_script(scripts), *([witness] if text_layer else []))


def judge(page: Page, read: PageMarkdown, checks: Sequence[Check]) -> PageMarkdown:
    """The same page with every finding's facts and the worst verdict in its checks."""
    findings = [finding for check in checks if (finding := check(page, read)) is not None]
    facts = {name: value for finding in findings for name, value in finding.facts.items()}
    verdict = max((finding.verdict for finding in findings), key=BADNESS.__getitem__, default="ok")
    return replace(read, checks={**read.checks, **facts, "verdict": verdict})


def badness(read: PageMarkdown) -> int:
    """Of a judged page."""
    return BADNESS[read.checks["verdict"]]


def agreement(read: PageMarkdown) -> float:
    """The lower of the text layer's two scores for a judged page, 0 to 1; 1 where it was not asked."""
    return min(float(read.checks.get(f"witness_{name}", 1.0)) for name in ("recall", "precision"))


def _text(page: Page) -> str:
    return " ".join(" ".join(line.text for line in page.text_layer or ()).split())


def _stands_in_text_layer(page: Page, line: str, count: int) -> bool:
    plain = re.sub(r"[#*_]", "", line).strip()
    return _text(page).count(" ".join(plain.split())) >= count
