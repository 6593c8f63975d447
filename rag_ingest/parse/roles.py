"""What a paragraph is for: a reference, an acknowledgement, a note at a page's foot, or just text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag_ingest.parse.blocks import RawBlock
from rag_ingest.parse.headings import is_reference_title, strip_number
from rag_ingest.types import BlockKind

_THANKS = (
    r"(?:acknowledge?ments?|funding|financial support|danksagung|remerciements|agradecimientos|致谢|謝辞)"
    r"(?:[ ]+(?:and|&|of|for|sources?|information|statements?|support|disclosures?|funding|acknowledge?ments?|grants?))*"
)
_THANKS_TITLE = re.compile(rf"{_THANKS}\s*[:.]?", re.IGNORECASE)
_RUN_IN = re.compile(
    rf"(?P<mark>\*{{1,3}}|_{{1,3}})?(?P<name>{_THANKS}|references|bibliography|literature cited|参考文献)"
    r"(?P<stop>[ ]*[.:：—–]+)?(?P<close>(?<![\s])(?(mark)(?P=mark)))?(?P<stop2>[ ]*[.:：—–]+)?[ \t]*",
    re.IGNORECASE,
)
_LABEL_ONLY = re.compile(r"(\*{2,3}|_{2,3})[^*_\n]{2,80}\1[.:]?$")
_FLOWING = ("paragraph", "list")
_ENTRY = re.compile(
    r"[ \t]*(?:[-+*][ \t]+)?(?:\\?\[\w{1,12}\\?\]|\(\d{1,3}\)|\d{1,3}[.)]?[ \t]|[A-Z][^\s,]{1,30}(?:[ ][A-Z][^\s,]{0,30}){0,3},?[ ]+[A-Z])"
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d[a-z]?(?!\d)")
_MIN_ENTRIES = 5
_SHARE = 0.8
_LOOKED_AT = 2000


def mark_roles(source: str, blocks: Sequence[RawBlock]) -> list[RawBlock]:
    """Gives paragraphs and lists below a heading "References" or "Acknowledgements" the kind that they have.

    Such a heading may be a paragraph of its own, or the bold first words of one. A list of references at the end of a
    paper that has no such heading is known by its entries.
    """
    marked: list[RawBlock] = []
    section: BlockKind | None = None
    for block in blocks:
        kind = block.kind
        if kind == "heading":
            section = role_of_title(block.title)
        elif kind in _FLOWING:
            own, opens = _run_in(source, block) if kind == "paragraph" else (None, False)
            if opens:
                section = own
                own = None
            elif section and kind == "paragraph" and _is_label(source, block):
                section = None
            elif own is None:
                own = section
            if own:
                block = replace(block, kind=own)
        marked.append(block)
    if not any(block.kind == "reference" for block in marked):
        _mark_unheaded_references(source, marked)
    return marked


def role_of_title(title: str) -> BlockKind | None:
    """What stands below a heading of this title."""
    if is_reference_title(title):
        return "reference"
    return "acknowledgement" if _THANKS_TITLE.fullmatch(strip_number(title)) else None


def _run_in(source: str, block: RawBlock) -> tuple[BlockKind | None, bool]:
    """The role that a paragraph's own first words give it, and whether they are all that it has."""
    found = _RUN_IN.match(source, block.start, block.end)
    if not found:
        return None, False
    role: BlockKind = "acknowledgement" if _THANKS_TITLE.fullmatch(found["name"]) else "reference"
    if found.end() == block.end:
        return role, True
    told = found["close"] if found["mark"] else (found["stop"] or found["stop2"])
    return (role, False) if told and role == "acknowledgement" else (None, False)


def _is_label(source: str, block: RawBlock) -> bool:
    return block.end - block.start <= 90 and bool(_LABEL_ONLY.match(source[block.start : block.end]))


def _mark_unheaded_references(source: str, blocks: list[RawBlock]) -> None:
    run: list[int] = []
    entries = 0
    for i in range(len(blocks) - 1, -1, -1):
        block = blocks[i]
        if block.kind in ("html", "figure", "footnote"):
            continue
        found = _entries(source, block) if block.kind in _FLOWING else 0
        if not found:
            break
        run.append(i)
        entries += found
    if entries >= _MIN_ENTRIES:
        for i in run:
            blocks[i] = replace(blocks[i], kind="reference")


def _entries(source: str, block: RawBlock) -> int:
    """How many entries a block holds; 0 when it holds anything else."""
    text = source[block.start : min(block.end, block.start + _LOOKED_AT)]
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [line for line in lines if _ENTRY.match(line)] if block.kind == "list" else lines[:1]
    if not starts or not _ENTRY.match(starts[0]):
        return 0
    years = len(_YEAR.findall(text))
    return len(starts) if years >= _SHARE * len(starts) else 0
