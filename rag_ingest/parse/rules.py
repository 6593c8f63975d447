"""The block rules that markdown-it-py runs, its own and ours.

Only the block stage runs: what stands inside a paragraph is of no concern here. A region, a pipe table, a figure and
a footnote are one token each. markdown-it's rules for fences, HTML, link definitions and setext headings give way to
stricter ones; lists and quotes nest to a depth of sixteen, since beyond its own limit markdown-it drops the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.common.html_blocks import block_names
from markdown_it.common.html_re import HTML_OPEN_CLOSE_TAG_STR
from markdown_it.rules_block import StateBlock, blockquote, heading, list_block
from markdown_it.token import Token

from rag_ingest.parse.lines import Lines
from rag_ingest.parse.regions import find_regions

Rule = Callable[[StateBlock, int, int, bool], bool]

_MAX_DEPTH = 32  # a list takes two of markdown-it's levels, a quote one
_INTERRUPTS = ["paragraph", "reference", "blockquote", "list"]
_DELIMITER = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_IMAGE_LINE = re.compile(
    r"(?:!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])[ \t]*+(?:[(\[]?\d{1,4}(?:[ \t]*,[ \t]*\d{1,4}){3}[)\]]?)?[ \t]*+)++$"
)
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,60}\]:")
_UNDERLINE = re.compile(r"(?:={2,}|-{3,})[ \t]*$")
_HTML_BLOCK = re.compile(rf"</?(?:{'|'.join(block_names)})(?=\s|/?>|$)", re.IGNORECASE)
_HTML_LONE = re.compile(HTML_OPEN_CLOSE_TAG_STR.removeprefix("^") + r"\s*$")
_INDENTS = frozenset(" \t")
_MAX_TITLE = 200


def parse_tokens(lines: Lines) -> list[Token]:
    """Runs the block stage. Tokens carry line numbers of `lines`; ours have the block's kind as `info`."""
    tokens: list[Token] = []
    parser = _parser()
    state = _state(lines, parser, tokens)
    parser.block.tokenize(state, 0, state.lineMax)
    return tokens


def _state(lines: Lines, parser: MarkdownIt, tokens: list[Token]) -> StateBlock:
    """The state that `StateBlock` would find by itself, from the lines that are known already."""
    state = StateBlock("", parser, {"regions": find_regions(lines)}, tokens)
    text, count = lines.text, len(lines.lines)
    if not lines.lines[-1].strip(" \t"):
        count -= 1  # a last line without a line end has no mark when it is blank
    shifts = [len(line) - len(line.lstrip(" \t")) if line[:1] in _INDENTS else 0 for line in lines.lines[:count]]
    state.src, state.lineMax = text, count
    state.bMarks = [*lines.offsets[:count], len(text)]
    state.eMarks = [*(end - 1 for end in lines.offsets[1:count]), *_last_end(lines, count), len(text)]
    state.tShift = [*shifts, 0]
    state.sCount = [_columns(lines.lines[i], n) if n else 0 for i, n in enumerate(shifts)] + [0]
    state.bsCount = [0] * (count + 1)
    return state


def _last_end(lines: Lines, count: int) -> list[int]:
    return [lines.offsets[count - 1] + len(lines.lines[count - 1])] if count else []


def _columns(line: str, indent: int) -> int:
    return len(line[:indent].expandtabs(4))


@cache
def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"maxNesting": 10 * _MAX_DEPTH})
    md.disable(["fence", "html_block", "reference", "lheading"])
    ruler = md.block.ruler
    ruler.at("list", _bounded(list_block), {"alt": ["paragraph", "reference", "blockquote"]})
    ruler.at("blockquote", _bounded(blockquote), {"alt": _INTERRUPTS})
    ruler.before("code", "region_span", region_span, {"alt": _INTERRUPTS})
    ruler.before("code", "table_span", table_span, {"alt": _INTERRUPTS})
    ruler.after("list", "figure_span", figure_span, {"alt": _INTERRUPTS})
    ruler.after("figure_span", "footnote_span", footnote_span, {"alt": _INTERRUPTS})
    ruler.after("footnote_span", "html_span", html_span, {"alt": ["paragraph", "reference", "blockquote"]})
    ruler.before("paragraph", "setext_heading", setext_heading, {"alt": []})
    ruler.at("paragraph", paragraph_span, {"alt": []})
    ruler.before("region_span", "prose_span", prose_span, {"alt": []})
    return md


def _bounded(rule: Rule) -> Rule:
    def bounded(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return state.level < _MAX_DEPTH and rule(state, start, end, silent)

    return bounded


def region_span(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A construct that `find_regions` found at this very place."""
    region = state.env["regions"].get(start)
    if region is None or state.bMarks[start] + state.tShift[start] != region.offset:
        return False
    if region.kind == "code" and state.is_code_block(start):
        return False
    return silent or _push(state, region.kind, start, min(region.end, end), region.repaired)


def table_span(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A pipe table: a row, a delimiter row, and rows for as long as lines hold a pipe."""
    if start + 1 >= end or state.sCount[start + 1] < state.blkIndent or state.is_code_block(start):
        return False
    delimiter = _text(state, start + 1)
    if (
        "-" not in delimiter
        or "|" not in delimiter
        or not _DELIMITER.match(delimiter)
        or "|" not in _text(state, start)
    ):
        return False
    if silent:
        return True
    line = start + 2
    while line < end and state.sCount[line] >= state.blkIndent and "|" in _text(state, line):
        if line in state.env["regions"]:
            break
        line += 1
    return _push(state, "table", start, line)


def figure_span(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A line of images alone, each with or without the four box numbers that some recognisers append."""
    text = _text(state, start)
    if not text.startswith("![") or state.is_code_block(start) or not _IMAGE_LINE.match(text):
        return False
    return silent or _push(state, "figure", start, start + 1)


def footnote_span(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """`[^label]: text`, lines that follow it closely, and paragraphs indented below it."""
    text = _text(state, start)
    if not text.startswith("[^") or state.is_code_block(start) or not _FOOTNOTE.match(text):
        return False
    if silent:
        return True
    line = last = start + 1
    while line < end:
        if state.isEmpty(line):
            line += 1
            continue
        indented = state.sCount[line] - state.blkIndent >= 2
        if not indented and (line > last or _interrupted(state, line, end)):
            break
        line = last = line + 1
    return _push(state, "footnote", start, last)


def html_span(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """An HTML block that ends at a blank line (CommonMark's kinds 6 and 7), or where a region begins."""
    text = _text(state, start)
    if not text.startswith("<") or state.is_code_block(start):
        return False
    known = bool(_HTML_BLOCK.match(text))
    if not known and (silent or not _HTML_LONE.match(text)):
        return False
    if silent:
        return True
    line = start + 1
    while line < end and not state.isEmpty(line) and line not in state.env["regions"]:
        if state.sCount[line] < state.blkIndent:
            break
        line += 1
    return _push(state, "html", start, line)


def setext_heading(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """One line underlined by `==` or `---`, short enough to be a title."""
    if silent or start + 1 >= end or state.sCount[start + 1] < state.blkIndent or state.is_code_block(start + 1):
        return False
    underline = _text(state, start + 1)
    title = _text(state, start).strip()
    if not underline or not _UNDERLINE.match(underline) or len(title) > _MAX_TITLE or title.endswith((",", ";", ":")):
        return False
    tag = "h1" if underline[0] == "=" else "h2"
    opened = state.push("heading_open", tag, 1)
    state.line = start + 2
    opened.map = [start, state.line]
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = title, [start, start + 1], []
    state.push("heading_close", tag, -1)
    return True


def prose_span(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A paragraph or heading whose first line can be nothing else, tried before every other rule: most of a paper."""
    first = state.bMarks[start] + state.tShift[start]
    char = state.src[first]
    if silent or not (char.isalpha() or char == "#") or state.is_code_block(start):
        return False
    alone = start + 1 >= state.lineMax or state.isEmpty(start + 1)
    if char == "#":
        return alone and heading(state, start, end, silent)
    if not alone:
        if "|" in state.src[first : state.eMarks[start]]:
            return False
        if state.src[state.bMarks[start + 1] + state.tShift[start + 1]] in "=-":
            return False
    return paragraph_span(state, start, end, silent)


def paragraph_span(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """markdown-it's paragraph as one token; a line of plain words is not offered to the rules that end one."""
    end = state.lineMax
    parent, state.parentType = state.parentType, "paragraph"
    line = start + 1
    while line < end and not state.isEmpty(line):
        first = state.bMarks[line] + state.tShift[line]
        lazy = state.sCount[line] - state.blkIndent > 3 or state.sCount[line] < 0
        plain = state.src[first].isalpha() and "|" not in state.src[first : state.eMarks[line]]
        if not lazy and not plain and _interrupted(state, line, end):
            break
        line += 1
    state.parentType = parent
    return _push(state, "paragraph", start, line)


def _push(state: StateBlock, kind: str, start: int, end: int, repaired: bool = False) -> bool:
    token = Token("span", "", 0, map=[start, end], level=state.level, info=kind, block=True)
    if repaired:
        token.meta["repaired"] = True
    state.tokens.append(token)
    state.line = end
    return True


def _text(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _interrupted(state: StateBlock, line: int, end: int) -> bool:
    return any(rule(state, line, end, True) for rule in state.md.block.ruler.getRules("paragraph"))
