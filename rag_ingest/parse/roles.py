"""What a paragraph is for: a reference, an acknowledgement, a note at a page's foot, or just text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_ingest.parse.blocks import RawBlock
from rag_ingest.parse.headings import is_reference_title, strip_number
from rag_ingest.types import BlockKind

_THANKS = (
    r"(?:acknowledge?ments?|funding|financial support|danksagung|remerciements|agradecimientos|致谢|謝辞)(?:[ ]+"
    r"(?:and|&|of|for|sources?|information|statements?|support|disclosures?|funding|acknowledge?ments?|grants?))*"
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
    r"[ \t]*(?:[-+*][ \t]+)?(?:\\?\[\w{1,12}\\?\]|\(\d{1,3}\)|\d{1,3}[.)]?[ \t]|"
    r"[A-Z][^\s,]{1,30}(?:[ ][A-Z][^\s,]{0,30}){0,3},?[ ]+[A-Z])"
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d[a-z]?(?!\d)")
_BRACKETED = re.compile(r"[ \t]*(?:[-+*][ \t]+)?\\?\[\d{1,3}\\?\]")
_MIN_ENTRIES = 5
_MANY = 8
_SHARE = 0.8
_LOOKED_AT = 2000


def mark_roles(source: str, blocks: Sequence[RawBlock]) -> list[RawBlock]:
    """Gives paragraphs and lists below a heading "References" or "Acknowledgements" the kind that they have.

    Such a heading may be a paragraph of its own, or the bold first words of one. A list of references that has no
    such heading is known by its entries.
    """
    marked: list[RawBlock] = []
    section: BlockKind | None = None
    plain = False
    for block in blocks:
        if block.kind == "heading":
            section, plain = role_of_title(block.title), False
        elif block.kind == "footnote" and section == "reference" and not source.startswith("[^", block.start):
            block = block._replace(kind="reference")
        elif block.kind in _FLOWING:
            own, opens = _run_in(source, block) if block.kind == "paragraph" else (None, False)
            if opens:
                section, plain, own = own, True, None
            elif section and own is None:
                section = _still(source, block, section, plain)
                own = section
                if plain and section == "acknowledgement":
                    section = None
            if own:
                block = block._replace(kind=own)
        marked.append(block)
    if not any(block.kind == "reference" for block in marked):
        _mark_unheaded_references(source, marked)
    return marked


def _still(source: str, block: RawBlock, section: BlockKind, plain: bool) -> BlockKind | None:
    """The section that a block is still in: a bold label ends one, and text that is no entry a list of references."""
    if block.kind == "paragraph" and _is_label(source, block):
        return None
    if plain and section == "reference":
        text = source[block.start : min(block.end, block.start + _LOOKED_AT)]
        return section if (_ENTRY.match(text) and _YEAR.search(text)) or _YEAR.search(text[:200]) else None
    return section


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
    """Entries at the very end, or a long run of numbered ones anywhere."""
    run: list[int] = []
    entries = 0
    for i in range(len(blocks) - 1, -2, -1):
        block = blocks[i] if i >= 0 else None
        if block and block.kind in ("html", "figure", "footnote"):
            continue
        found = _entries(source, block) if block and block.kind in _FLOWING else 0
        if found:
            run.append(i)
            entries += found
            continue
        last = bool(run) and all(b.kind in ("html", "figure", "footnote") for b in blocks[run[0] + 1 :])
        numbered = entries >= _MANY and all(_BRACKETED.match(source, blocks[k].start) for k in run)
        if (last and entries >= _MIN_ENTRIES) or numbered:
            for k in run:
                blocks[k] = blocks[k]._replace(kind="reference")
        run, entries = [], 0


def _entries(source: str, block: RawBlock) -> int:
    """How many entries a block holds; 0 when it holds anything else."""
    text = source[block.start : min(block.end, block.start + _LOOKED_AT)]
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [line for line in lines if _ENTRY.match(line)] if block.kind == "list" else lines[:1]
    if not starts or not _ENTRY.match(starts[0]):
        return 0
    years = len(_YEAR.findall(text))
    return len(starts) if years >= _SHARE * len(starts) else 0
