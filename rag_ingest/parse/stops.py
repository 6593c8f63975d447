"""Where a construct that was never closed ends at the latest.

A recogniser that loses a closing `$$`, fence or `</table>` must not cost the rest of the paper. Going down from the
opener, the first line that can hardly be inside ends it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rag_ingest.parse.lines import Lines

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(\S.*)$")
_SECTION_NAMES = (
    "Abstract|Introduction|Background|Related Work|Methods?|Methodology|Materials|Experiments?|Results?|Discussion|"
    "Conclusions?|Acknowledge?ments?|References|Bibliography|Appendix|Appendices|Supplementary"
)
_NUMBER = r"(?:\d{1,2}|[A-Z])(?:\.\d{1,2}){0,4}\.?[ \t]+[^\W\d_]{2}"
_NUMBERED = re.compile(rf" {{0,3}}#{{1,6}}[ \t]+\**(?:{_NUMBER}|(?:{_SECTION_NAMES})\b)")
_INLINE_MATH = re.compile(r"\$[^$\n]+\$|\\\([^\n]{0,600}?\\\)")
_TEX_TEXT = re.compile(r"\\(?:text\w*|mbox|intertext|operatorname\*?|mathrm|begin|end|label)\s*\{[^{}]*\}")
_TEX = re.compile(r"\\[A-Za-z,;:!{}|]")
_WORD = re.compile(r"(?<![\\\w])[^\W\d_]{2,}")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_TEX_LIKE = re.compile(r"\\[A-Za-z]|[=^_&{}]")
_CODE_LIKE = re.compile(r"^[ \t]|[(){}\[\];=<>$|\\]|::|->|:$|^[#@%/]")
_OTHER_BLOCK = re.compile(r"[ \t]*(?:!\[|`{3}|~{3}|<table\b|<!--|<figure\b|\[\^[^\]\s]+\]:|>[ \t])", re.IGNORECASE)
_PROSE_WORDS = 5
_PROSE_CJK = 10


class Ending(NamedTuple):
    """Where a construct ends.

    Attributes:
        line: the line after its last; the line of its opener when nothing opens there.
        repaired: nothing closes it; it was ended at the earliest safe stop.
    """

    line: int
    repaired: bool = False


def is_heading(line: str) -> bool:
    """A heading by its looks: some words after the hashes, and no TeX outside inline math."""
    found = _HEADING.match(line)
    if not found:
        return False
    title = _INLINE_MATH.sub(" ", found[1])
    return not _TEX.search(title) and bool(re.search(r"[^\W\d_]{2}", title))


def is_prose(line: str) -> bool:
    """A line of at least five words (ten CJK characters) in which TeX commands are few."""
    bare = _TEX_TEXT.sub(" ", _INLINE_MATH.sub(" ", line))
    commands = len(_TEX.findall(bare))
    if len(_CJK.findall(bare)) >= _PROSE_CJK:
        return commands == 0
    words = len(_WORD.findall(bare))
    return words >= _PROSE_WORDS and 4 * commands <= words


def is_sure_heading(lines: Lines, line: int) -> bool:
    """A numbered heading or a section's usual name, between blank lines."""
    return bool(_NUMBERED.match(lines.lines[line])) and lines.blank(line - 1) and lines.blank(line + 1)


def sure_stop(lines: Lines, first: int, limit: int) -> int:
    """The first line in [first, limit) that no formula holds even when its dollars pair up, else `limit`."""
    for i in range(first, limit):
        if "#" in lines.lines[i][:4] and is_sure_heading(lines, i):
            return i
    return limit


def math_stop(lines: Lines, first: int, limit: int) -> int:
    """The first line in [first, limit) that is hardly mathematics, else `limit`."""
    for i in range(first, limit):
        if lines.blank(i - 1) and not lines.blank(i) and _ends_math(lines.lines[i]):
            return i
    return limit


def _ends_math(line: str) -> bool:
    return is_heading(line) or bool(_OTHER_BLOCK.match(line)) or is_prose(line)


def unclosed_math_end(lines: Lines, first: int, limit: int) -> int:
    """Where an unclosed formula ends: after a blank line, at whatever does not look like TeX."""
    for i in range(first, limit):
        line = lines.lines[i]
        if lines.blank(i - 1) and line.strip() and (_ends_math(line) or not _TEX_LIKE.search(line)):
            return i
    return limit


def unclosed_code_end(lines: Lines, first: int, limit: int) -> int:
    """Where an unclosed fence ends: after a blank line, at a heading set apart or at prose that is no comment."""
    for i in range(first, limit):
        line = lines.lines[i]
        if not lines.blank(i - 1) or not line.strip():
            continue
        if is_heading(line) and lines.blank(i + 1):
            return i
        if _OTHER_BLOCK.match(line) or (is_prose(line) and not _CODE_LIKE.search(_INLINE_MATH.sub(" ", line))):
            return i
    return limit


def unclosed_html_end(lines: Lines, first: int, limit: int) -> int:
    """Where an unclosed tag ends: after a blank line, at whatever does not begin with a tag or a pipe."""
    for i in range(first, limit):
        if lines.blank(i - 1) and lines.lines[i].strip() and lines.lines[i].lstrip()[0] not in "<|":
            return i
    return limit
