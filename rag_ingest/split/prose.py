"""Where prose may be cut: between paragraphs, sentences, words; never inside inline mathematics while that fits."""

from __future__ import annotations

import re
from collections.abc import Sequence

import regex  # type: ignore[import-untyped]

_PARAGRAPH = re.compile(r"(?:\r\n?|\n)[ \t>]*(?=\r|\n)[\s>]*")
# Every alternative of these begins with a plain character or a set of them, since only then does `re` skip ahead to
# the next place where one can match: three times as fast.
_END = re.compile(
    r"[.!?…。！？｡．](?:"
    r"(?<=[.!?…])(?<![.!?…]{2})[.!?…]*+[\"'”’»)\]*_]{0,4}(?:\[\^?[\w,–-]{1,20}\]|\^\{?[\w,]{1,9}\}?)?"
    r"(\s++)(?=[^a-zß-öø-ÿа-я\s,;:.)])"
    r"|(?<=[。！？｡．])[。！？｡．]*[”’」』）】\"']{0,4}())"
)
_CODE = "|".join(rf"{ticks}(?!`).{{1,400}}?(?<!`){ticks}(?!`)" for ticks in ("`", "``", "```"))
_INLINE = re.compile(
    r"\$\$?\\documentclass|\\begin\{document\}\$\$[^$]{1,2000}\$\$\\end\{document\}\$\$?"  # in publishers' XML
    r"|\$\$.{1,2000}?\$\$|\$(?<![\\$]\$)(?![\s$])(?:[^$\\]|\\.){1,600}?(?<!\s)\$(?!\d)|\\\(.{1,600}?\\\)"
    rf"|{_CODE}|!\[[^\[\]\n]{{0,200}}\]\([^()\s]{{0,400}}\)|\[[^\[\]\n]{{0,200}}\]\([^()\s]{{0,400}}\)"
    r"|https?://[^\s<>]+",
    re.DOTALL,
)
_INLINE_MARKS = ("$", "`", "\\(", "](", "://")
_BEFORE_DOT = re.compile(r"([\w.]+)\.$")
_ABBREVIATION = re.compile(
    r"al|e\.g|i\.e|cf|vs|viz|resp|approx|ca|figs?|eqs?|eqns?|refs?|secs?|sects?|tabs?|thm|lem|prop|def|cor|ch|chap|nos?|"
    r"vols?|pp?|eds?|app|suppl|dr|mrs?|ms|prof|st|jr|sr|inc|ltd|co|corp|dept|univ|et|ph\.d|u\.s|u\.k|a\.m|p\.m|jan|feb|"
    r"mar|apr|jun|jul|aug|sept?|oct|nov|dec|abb|bzw|z\.b|d\.h|vgl|nr|bd",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[\s，、；：,;](?:(?<=\s)\s*|(?=[\u3001-\u9fff\uac00-\ud7af]))")
_SPACE = re.compile(r"\s\s*")
_LINE_HEAD = 8
_GRAPHEME = regex.compile(r"\X")


def paragraph_cuts(text: str) -> list[int]:
    """Offsets behind blank lines."""
    return [m.end() for m in _PARAGRAPH.finditer(text)]


def sentence_cuts(text: str) -> list[int]:
    """Offsets at which sentences begin, the first left out. Latin and CJK punctuation."""
    inline = inline_spans(text)
    cuts: list[int] = []
    at = 0
    for end in _END.finditer(text):
        stop = end.start(1) if end[1] is not None else end.start(2)
        while at < len(inline) and inline[at][1] <= end.start():
            at += 1
        if at < len(inline) and inline[at][0] < stop:
            continue
        if end[1] is not None and _is_abbreviation(text, end.start()):
            continue
        cuts.append(end.end())
    return cuts


def inline_spans(text: str) -> list[tuple[int, int]]:
    """Inline mathematics, code, links and addresses, in order."""
    if not any(mark in text for mark in _INLINE_MARKS):
        return []
    return [m.span() for m in _INLINE.finditer(text)]


def word_cuts(text: str) -> list[int]:
    """Offsets behind white space and CJK commas, none inside what `inline_spans` finds."""
    inline = inline_spans(text)
    cuts: list[int] = []
    at = 0
    for gap in _CLAUSE.finditer(text):
        while at < len(inline) and inline[at][1] <= gap.start():
            at += 1
        if gap.end() and not (at < len(inline) and inline[at][0] < gap.start()):
            cuts.append(gap.end())
    return cuts


def space_cuts(text: str) -> list[int]:
    """Offsets behind white space, wherever it stands."""
    return [m.end() for m in _SPACE.finditer(text)]


def grapheme_cuts(text: str) -> Sequence[int]:
    """Offsets at which characters as a reader counts them begin, the first left out."""
    if text.isascii() and "\r" not in text:
        return range(1, len(text))
    return [m.start() for m in _GRAPHEME.finditer(text)][1:]


def _is_abbreviation(text: str, dot: int) -> bool:
    if text[dot] != ".":
        return False
    found = _BEFORE_DOT.search(text, max(0, dot - 24), dot + 1)
    if not found:
        return False
    word = found[1]
    initial = len(word) == 1 and word.isalpha() and word.isupper()
    before = text[max(0, dot - len(word) - _LINE_HEAD) : dot - len(word)]
    at_line_start = word.isdigit() and not before.rpartition("\n")[2].strip() and len(before.strip()) < _LINE_HEAD
    return initial or at_line_start or bool(_ABBREVIATION.fullmatch(word))
