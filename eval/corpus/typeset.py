r"""The Markdown of a built-in paper to Typst: what stands in `truth/NAME.md` is what the page shows.

The Markdown is a small part of the language, one paragraph a line: `#` title, then authors, affiliation, abstract and
keywords; numbered `##` and `###` headings; `$…$` and `$$ … \tag{n} $$`; HTML tables below a line `Table n. …`; a line
`Figure n. …`, drawn by `figures/NAME-n.typ`; `<sup>1</sup> …` alone is the footnote of the mark before it; list items;
references `[n] …`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.corpus.tables import Cell, read_cells
from eval.corpus.tex import to_typst

FIGURES = Path(__file__).resolve().parent / "figures"
WIDE_COLUMNS = 6
"""A table with so many columns goes across both columns of the page."""

LONG_ROWS = 22
"""A table with so many rows may break across pages, and then repeats its header."""

_INLINE = re.compile(
    r"\$(?P<math>[^$]+)\$|\*\*(?P<strong>.+?)\*\*|\*(?P<em>[^*]+)\*|<(?P<tag>su[bp])>(?P<raised>.*?)</su[bp]>"
)
_SPECIAL = re.compile(r"[\\#$*_@<>\[\]~`/=+-]")
_TAG = re.compile(r"\s*\\tag\{(\d+)\}\s*$")
_NUMERIC = re.compile(r"^[\s\d.,:±×%$<>≤≥^{}\\()–−+-]*$")


def to_typst_source(markdown: str, name: str, options: str) -> str:
    """The Typst source of one paper.

    Args:
        markdown: the paper, as above.
        name: of the paper, for its drawings.
        options: further arguments of `paper` in `template.typ`, as Typst.

    Raises:
        ValueError: a formula's number is not its place in the paper, or a mark has no footnote.
    """
    blocks = [block for block in re.split(r"\n\s*\n", markdown.strip()) if block.strip()]
    start = next(i for i, block in enumerate(blocks) if block.startswith("## ") and "abstract" not in block.lower())
    notes = _footnotes(blocks)
    return "\n\n".join([_front(blocks[:start], options, notes), *_body(blocks[start:], name, notes)]) + "\n"


def inline(text: str, notes: dict[str, str] | None = None) -> str:
    """One paragraph's markup; a `<sup>` that is the mark of a note becomes that note."""
    out, end = [], 0
    for match in _INLINE.finditer(text):
        out.append(_escape(text[end : match.start()]))
        out.append(_span(match, notes or {}))
        end = match.end()
    return "".join([*out, _escape(text[end:])])


def _span(match: re.Match[str], notes: dict[str, str]) -> str:
    if match["math"]:
        return f"${to_typst(match['math'])}$"
    if match["strong"]:
        return f"#strong[{inline(match['strong'])}]"
    if match["em"]:
        return f"#emph[{inline(match['em'])}]"
    if match["tag"] == "sup" and match["raised"] in notes:
        return f"#footnote[{inline(notes.pop(match['raised']))}]"
    return f"#{'super' if match['tag'] == 'sup' else 'sub'}[{inline(match['raised'])}]"


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda m: "\\" + m[0], text)


def _footnotes(blocks: Sequence[str]) -> dict[str, str]:
    return {m[1]: m[2] for block in blocks if (m := re.match(r"<sup>(\d+)</sup> (.+)", block))}


def _front(blocks: Sequence[str], options: str, notes: dict[str, str]) -> str:
    title, authors, affiliation, *rest = (block.removeprefix("# ") for block in blocks)
    text = [block for block in rest if not block.startswith(("<sup>", "## "))]
    abstract = text[0].removeprefix("**Abstract.** ")
    keywords = text[1].removeprefix("**Keywords:** ")
    fields = {
        "title": _content(title), "authors": _content(authors, notes), "affiliation": _content(affiliation),
        "abstract": _content(abstract), "keywords": _content(keywords),
    }  # fmt: skip
    arguments = ", ".join(f"{key}: {value}" for key, value in fields.items())
    return f'#import "/template.typ": *\n#show: paper.with({arguments}, {options})'


def _content(text: str, notes: dict[str, str] | None = None) -> str:
    return f"[{inline(text, notes)}]"


def _body(blocks: Sequence[str], name: str, notes: dict[str, str]) -> Iterator[str]:
    caption, equations, references = "", 0, False
    for block in blocks:
        if block.startswith("$$"):
            equations += 1
            yield _formula(block, equations)
        elif block.startswith("<table"):
            yield _table(block, caption)
        elif block.startswith("#"):
            references = block.lower().endswith("references")
            level = block.index(" ") - 1
            yield f"#heading(level: {level})[{inline(block[level + 2 :])}]"
        elif re.match(r"Table \w+[.:] ", block):
            caption = block
        elif found := re.match(r"Figure (\d+)[.:] ", block):
            drawing = (FIGURES / f"{name}-{found[1]}.typ").read_text(encoding="utf-8")
            yield f"#drawing({_content(block)}, {{\n{drawing}}})"
        elif block.startswith("- "):
            yield "\n".join(f"- {inline(item[2:])}" for item in block.splitlines())
        elif references:
            yield f"#reference[{inline(block)}]"
        elif not re.match(r"<sup>\d+</sup> ", block):
            yield inline(block, notes)
    if notes:
        raise ValueError(f"{name}: no mark for footnote {', '.join(notes)}")


def _formula(block: str, number: int) -> str:
    tex = block.strip("$").strip()
    tag = _TAG.search(tex)
    if tag is None or int(tag[1]) != number:
        raise ValueError(f"formula {number} has the number {tag[1] if tag else 'none'}: {tex}")
    return f"$ {to_typst(_TAG.sub('', tex))} $"


def _table(block: str, caption: str) -> str:
    rows = read_cells(block)
    heads = next(i for i, row in enumerate(rows) if not all(cell.head for cell in row))
    columns = sum(cell.colspan for cell in rows[0])
    full = [row for row in rows[heads:] if len(row) == columns]
    numeric = [x > 0 and all(_NUMERIC.match(row[x].text) for row in full) for x in range(columns)]
    align = ", ".join("right" if right else "left" for right in numeric)
    head = [text for row in rows[:heads] for text in [*map(_cell, row), *_part_rules(row)]]
    lines = [", ".join(map(_cell, row)) for row in rows[heads:]]
    wide, long = str(columns >= WIDE_COLUMNS).lower(), str(len(rows) > LONG_ROWS).lower()
    return (
        f"#data-table(caption: {_content(caption)}, wide: {wide}, long: {long}, "
        f"columns: {columns}, align: ({align},),\n"
        f"  rule-top, table.header({', '.join(head)}), rule-mid,\n  " + ",\n  ".join(lines) + ",\n  rule-bottom)"
    )


def _cell(cell: Cell) -> str:
    if cell.colspan == cell.rowspan == 1:
        return _content(cell.text)
    place = "center + bottom" if cell.head and cell.colspan > 1 else "left + horizon"
    return f"table.cell(colspan: {cell.colspan}, rowspan: {cell.rowspan}, align: {place}){_content(cell.text)}"


def _part_rules(row: Sequence[Cell]) -> Iterator[str]:
    """A line under each head that stands over several columns."""
    start = 0
    for cell in row:
        if cell.colspan > 1:
            yield f"rule-part({start}, {start + cell.colspan})"
        start += cell.colspan
