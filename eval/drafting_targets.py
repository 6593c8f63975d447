"""What a recogniser would have to write, page by page, out of Markdown that has no pages.

Pandoc's Markdown is put in the form that LightOnOCR writes (tables in HTML on one line, figures as image links, no
links and no `class`), its words are found in the text layers of the PDF's pages, and each block is given to the page
that most of its words stand on; one that runs over a page's end is cut there. Blocks stay in the document's order.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag_ingest.ocr.witness_align import align
from rag_ingest.ocr.witness_tokens import layer_tokens, markdown_tokens
from rag_ingest.types import Word

LEAST_TOKENS = 5
"""A block of fewer words goes with the block before it."""

LEAST_FOUND = 0.5
"""A block of which less is found on any page is left out: pandoc lost it, or the PDF does not show it."""

SWITCH_COST = 3
"""Words on the wrong side that a cut inside a block must put right."""

_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
_PIPES = re.compile(r"(?m)^(\|.*\|)\n\|[-:| ]+\|\n((?:\|.*\|(?:\n|\Z))*)")
_TABULAR = re.compile(r"\\begin\{tabular\}(?:\{[^\n]*\})?(.*?)\\end\{tabular\}", re.DOTALL)
_RULES = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|cline ?\{[^}]*\}|cmidrule(?:\([^)]*\))?\{[^}]*\})")
_SPANNING = re.compile(r"\\multi(?:column|row)\{[^}]*\}\{[^}]*\}\{([^{}]*)\}")
_KEPT_TAGS = r"(?!/?(?:table|thead|tbody|tr|th|td|sup|sub)\b)"
_FIGURE = re.compile(r"<figure\b.*?</figure>", re.DOTALL)
_CAPTION = re.compile(r"<figcaption[^>]*>(.*?)</figcaption>", re.DOTALL)
_MATH = re.compile(r"(\$\$.*?\$\$|\$(?:[^$\n\\]|\\.|\n(?!\s*\n))*\$)", re.DOTALL)
_MINIMAL = re.compile(r"\\documentclass\[[^\]]*\]\{minimal\}.*?\\begin\{document\}(.*?)\\end\{document\}", re.DOTALL)
_UNRESOLVED = re.compile(r"\[(?:eqn?|fig|tab|tbl|sec|app|alg|algo|thm|lst)[:_][^\]\n]*\]")
_EMPTY_HEADING = re.compile(r"(?m)^#+[ \t]*$")
_BLOCK = re.compile(r"\S.*?(?=\n\s*\n|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Targets:
    """Pages of one document.

    Attributes:
        pages: Markdown by 1-based page number.
        left_out: characters of the blocks that were found on no page.
    """

    pages: Mapping[int, str]
    left_out: int


def as_model_writes(markdown: str) -> str:
    """Pandoc's GFM in LightOnOCR's form."""
    figures = iter(range(10**6))
    text = _MINIMAL.sub(lambda m: m[1].strip(), markdown)
    text = _FIGURE.sub(lambda m: _figure(m[0], next(figures)), text)
    text = _TABLE.sub(lambda m: _html_table(m[0]), text)
    text = _PIPES.sub(_pipe_table, text)
    text = _TABULAR.sub(_tabular, text)
    text = re.sub("[\xa0\u2000-\u200a\u202f]", " ", text)
    parts = _MATH.split(text)
    text = "".join(_math(part) if at % 2 else _prose(part) for at, part in enumerate(parts))
    return re.sub(r"\n\s*\n+", "\n\n", text).strip()


def page_targets(markdown: str, layers: Sequence[Sequence[Word]]) -> Targets:
    """Cuts a document into pages.

    Args:
        markdown: as `as_model_writes` gives it.
        layers: words of each page, in content order.
    """
    words = [word for layer in layers for word in layer]
    page_of_word = [number for number, layer in enumerate(layers, 1) for _ in layer]
    ours = markdown_tokens(markdown)
    theirs, made_of = layer_tokens(words)
    page_at: dict[int, int] = {}
    for i, j in align([token.text for token in ours], [token.text for token in theirs]).near:
        page_at.setdefault(i, page_of_word[made_of[j][0]])
    pages: dict[int, list[str]] = {}
    at, current, left_out = 0, 1, 0
    for block in _BLOCK.finditer(markdown):
        first = at
        while at < len(ours) and ours[at].start < block.end():
            at += 1
        votes = [page_at.get(i) for i in range(first, at)]
        if len(votes) >= LEAST_TOKENS and sum(v is not None for v in votes) < LEAST_FOUND * len(votes):
            left_out += len(block[0])
            continue
        starts = [token.start for token in ours[first:at]]
        pieces = list(_cut(block[0], block.start(), starts, votes, current))
        for page, text in pieces:
            pages.setdefault(page, []).append(text)
        current = pieces[-1][0]
    return Targets({page: "\n\n".join(texts) for page, texts in sorted(pages.items())}, left_out)


def _cut(
    text: str, offset: int, starts: Sequence[int], votes: Sequence[int | None], before: int
) -> Iterator[tuple[int, str]]:
    """Pieces of a block with their pages, in order; one without enough votes stays where the one before it is."""
    counts = Counter(vote for vote in votes if vote is not None)
    known = sorted(page for page, count in counts.items() if count >= SWITCH_COST)
    if len(votes) < LEAST_TOKENS or not known:
        best = counts.most_common(1)[0][0] if counts and len(votes) >= LEAST_TOKENS else before
        yield best, text
        return
    path = _best_pages(votes, known)
    begin = 0
    for i in range(1, len(path)):
        if path[i] != path[i - 1]:
            end = starts[i] - offset
            yield path[i - 1], text[begin:end].strip()
            begin = end
    yield path[-1], text[begin:].strip()


def _best_pages(votes: Sequence[int | None], pages: Sequence[int]) -> list[int]:
    """A page for each word, none smaller than the one before, with the fewest words on the wrong one (Viterbi)."""
    costs = [0.0] * len(pages)
    back: list[list[int]] = []
    for vote in votes:
        row, came = [], []
        for k, page in enumerate(pages):
            best = min(range(k + 1), key=lambda b: costs[b] + SWITCH_COST * (b != k))
            came.append(best)
            row.append(costs[best] + SWITCH_COST * (best != k) + (vote is not None and vote != page))
        costs = row
        back.append(came)
    k = min(range(len(pages)), key=costs.__getitem__)
    path = []
    for came in reversed(back):
        path.append(pages[k])
        k = came[k]
    return path[::-1]


def _figure(text: str, number: int) -> str:
    captions = [re.sub(r"\s+", " ", _without_tags(c)).strip() for c in _CAPTION.findall(text)]
    return "\n\n".join([f"![image](image_{number}.png)", *filter(None, captions)])


def _html_table(text: str) -> str:
    text = re.sub(r"<colgroup>.*?</colgroup>|<caption>.*?</caption>", "", text, flags=re.DOTALL)
    text = re.sub(r"<br ?/?>", " ", text)
    text = re.sub(rf"<{_KEPT_TAGS}[^>]*>", "", text)
    text = re.sub(
        r"<(\w+)\s[^>]*?((?:\s?(?:row|col)span=\"\d+\")*)[^>]*>",
        lambda m: f"<{m[1]}{' ' if m[2] else ''}{m[2].strip()}>",
        text,
    )
    text = re.sub(r"\s+", " ", html.unescape(text).replace("\xa0", " "))
    return re.sub(r"\s*(</?(?:table|thead|tbody|tr|th|td)\b[^>]*>)\s*", r"\1", text)


def _pipe_table(match: re.Match[str]) -> str:
    head, *rows = [_cells(line) for line in (match[1], *match[2].splitlines()) if line.strip()]
    return _table(head, rows) + "\n"


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _tabular(match: re.Match[str]) -> str:
    body = _SPANNING.sub(r"\1", _RULES.sub("", match[1]))
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)&", row)] for row in body.split("\\\\") if row.strip()]
    return _table(rows[0], rows[1:]) if rows else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _prose(text: str) -> str:
    text = _without_tags(text)
    text = _EMPTY_HEADING.sub("", _UNRESOLVED.sub("", text))
    text = re.sub(r"(?<!!)\[([^\]\n]*)\]\([^)\s]*\)", r"\1", text)
    text = re.sub(r"(?m)^\[\^(\w+)\]: ", r"<sup>\1</sup> ", text)
    text = re.sub(r"\[\^(\w+)\]", r"<sup>\1</sup>", text)
    text = re.sub(r"\\([\\`*_{}\[\]()#+\-.!<>~|$^'\"])", r"\1", text)
    return html.unescape(text).replace("\xa0", " ")


def _math(text: str) -> str:
    """Without what pandoc could not expand and what shows nothing."""
    text = re.sub(r"\\label\{[^}]*\}|\\(?:ensuremath|nonumber|notag|xspace)\b", "", text)
    return re.sub(r"\s+", " ", text)


def _without_tags(text: str) -> str:
    return re.sub(rf"<{_KEPT_TAGS}/?[a-zA-Z][^>]*>", "", text)
