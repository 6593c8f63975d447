"""Faults of recognisers, planted into a page's Markdown; the same seed plants the same faults."""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import Callable, Sequence

LINE_WIDTH = 60
"""Characters of a line in a two-column paper."""

LEAST_WORDS = 20
"""Shorter blocks are no paragraphs."""

_MARKUP = ("#", "<", "$$", "|", "!", "```", "- ", "* ")
_NUMBER = re.compile(r"(?<![\w.{^])\d[\d.]*\d(?!\w)")
_WORD = re.compile(r"(?<![\w\\])[^\W\d_]{3,}(?!\w)")
_FOREIGN = (
    "aber", "auch", "bereits", "dabei", "eine", "gleichzeitig", "hierbei", "innerhalb", "jedoch", "können",
    "lediglich", "mithilfe", "nachfolgend", "ohne", "schließlich", "trotzdem", "werden", "zwischen", "ergebnisse",
    "verfahren", "untersuchung", "beispiel", "anzahl", "daten", "gezeigt", "bestimmt", "möglich", "dargestellt",
    "verwendet", "einfluss", "abbildung",
)  # fmt: skip

Corruption = Callable[[str, Sequence[str], random.Random], str | None]
"""(page, other pages of the half, dice) -> the page with the fault, or None where it has nothing to harm."""


def drop_lines(count: int) -> Corruption:
    """Lines of one paragraph are left out, one after the other."""

    def corrupt(page: str, others: Sequence[str], dice: random.Random) -> str | None:
        del others
        fitting = [at for at in paragraphs(page) if len(_lines(blocks(page)[at])) > count]
        if not fitting:
            return None
        at = dice.choice(fitting)
        lines = _lines(blocks(page)[at])
        start = dice.randrange(len(lines) - count)
        return _with(page, at, " ".join(lines[:start] + lines[start + count :]))

    return corrupt


def drop_paragraph(page: str, others: Sequence[str], dice: random.Random) -> str | None:
    """A paragraph is left out."""
    del others
    found = paragraphs(page)
    return _with(page, dice.choice(found), "") if found else None


def cut_end(share: float) -> Corruption:
    """The page ends early, as at a token limit."""

    def corrupt(page: str, others: Sequence[str], dice: random.Random) -> str | None:
        del others, dice
        return page[: int(len(page) * (1 - share))] if paragraphs(page) else None

    return corrupt


def change_digits(count: int) -> Corruption:
    """In so many numbers, one digit becomes another."""

    def corrupt(page: str, others: Sequence[str], dice: random.Random) -> str | None:
        del others
        found = [match for match in _NUMBER.finditer(page) if not _in_markup(page, match.start())]
        if len(found) < count:
            return None
        out = list(page)
        for match in dice.sample(found, count):
            at = dice.choice([at for at in range(*match.span()) if page[at].isdigit()])
            out[at] = str((int(page[at]) + dice.randint(1, 9)) % 10)
        return "".join(out)

    return corrupt


def repeat_paragraph(times: int) -> Corruption:
    """A paragraph is written again and again."""

    def corrupt(page: str, others: Sequence[str], dice: random.Random) -> str | None:
        del others
        found = paragraphs(page)
        if not found:
            return None
        at = dice.choice(found)
        return _with(page, at, "\n\n".join([blocks(page)[at]] * (times + 1)))

    return corrupt


def invent_paragraph(page: str, others: Sequence[str], dice: random.Random) -> str | None:
    """A paragraph becomes one of another page."""
    found = paragraphs(page)
    other = dice.choice(others)
    strange = paragraphs(other)
    if not found or not strange or other == page:
        return None
    return _with(page, dice.choice(found), blocks(other)[dice.choice(strange)])


def change_words(share: float) -> Corruption:
    """So many of the words become others."""

    def corrupt(page: str, others: Sequence[str], dice: random.Random) -> str | None:
        del others
        found = [match for match in _WORD.finditer(page) if not _in_markup(page, match.start())]
        chosen = dice.sample(found, round(share * len(found)))
        return _replaced(page, [(m, dice.choice(_FOREIGN)) for m in chosen]) if chosen else None

    return corrupt


def translate_paragraph(page: str, others: Sequence[str], dice: random.Random) -> str | None:
    """A paragraph in another language."""
    del others
    found = paragraphs(page)
    if not found:
        return None
    at = dice.choice(found)
    return _with(page, at, _WORD.sub(lambda m: dice.choice(_FOREIGN), blocks(page)[at]))


def shuffle_paragraphs(page: str, others: Sequence[str], dice: random.Random) -> str | None:
    """The blocks in any order."""
    del others
    parts = blocks(page)
    if len(paragraphs(page)) < 3:
        return None
    dice.shuffle(parts)
    return "\n\n".join(parts)


def mix_columns(page: str, others: Sequence[str], dice: random.Random) -> str | None:
    """Read across two columns: lines of the first half and of the second in turn."""
    del others, dice
    found = paragraphs(page)
    if len(found) < 2:
        return None
    lines = [line for at in found for line in _lines(blocks(page)[at])]
    half = len(lines) // 2
    mixed = [line for pair in zip(lines[:half], lines[half:], strict=False) for line in pair]
    rest = [block for at, block in enumerate(blocks(page)) if at not in found]
    return "\n\n".join([" ".join(mixed), *rest])


CORRUPTIONS: dict[str, Corruption] = {
    "1 line dropped": drop_lines(1),
    "2 lines dropped": drop_lines(2),
    "4 lines dropped": drop_lines(4),
    "8 lines dropped": drop_lines(8),
    "paragraph dropped": drop_paragraph,
    "last 10 % cut off": cut_end(0.1),
    "last 30 % cut off": cut_end(0.3),
    "1 number wrong": change_digits(1),
    "2 numbers wrong": change_digits(2),
    "4 numbers wrong": change_digits(4),
    "8 numbers wrong": change_digits(8),
    "paragraph twice": repeat_paragraph(1),
    "paragraph 4 times": repeat_paragraph(3),
    "paragraph of another page": invent_paragraph,
    "2 % of words replaced": change_words(0.02),
    "5 % of words replaced": change_words(0.05),
    "10 % of words replaced": change_words(0.1),
    "paragraph translated": translate_paragraph,
    "blocks shuffled": shuffle_paragraphs,
    "columns mixed": mix_columns,
}


def blocks(page: str) -> list[str]:
    """Parts between blank lines."""
    return [block for block in re.split(r"\n\s*\n", page) if block.strip()]


def paragraphs(page: str) -> list[int]:
    """Which of the blocks are running text."""
    return [
        at
        for at, block in enumerate(blocks(page))
        if not block.startswith(_MARKUP) and "\\begin" not in block and len(_WORD.findall(block)) >= LEAST_WORDS
    ]


def _lines(block: str) -> list[str]:
    return textwrap.wrap(block, LINE_WIDTH, break_long_words=False, break_on_hyphens=False)


def _with(page: str, at: int, text: str) -> str:
    parts = blocks(page)
    return "\n\n".join(part for part in [*parts[:at], text, *parts[at + 1 :]] if part)


def _in_markup(page: str, at: int) -> bool:
    """Inside a tag, a target of a link, or a formula on a line of its own."""
    before = page[max(0, at - 200) : at]
    return (
        before.rfind("<") > before.rfind(">") or before.rfind("](") > before.rfind(")") or before.count("$$") % 2 == 1
    )


def _replaced(page: str, changes: Sequence[tuple[re.Match[str], str]]) -> str:
    out, end = [], 0
    for match, text in sorted(changes, key=lambda change: change[0].start()):
        out += [page[end : match.start()], text]
        end = match.end()
    return "".join([*out, page[end:]])
