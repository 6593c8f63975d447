"""Section numbers in headings: `3.2 Loss`, `A.1 Proofs`, `IV. Results`, `Appendix B`, `Section 3`; and usual names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag_ingest.parse.headings import is_reference_title

Style = Literal["arabic", "letter", "roman"]

_WORD = r"(?P<word>(?i:section|chapter|appendix|part|kapitel|anhang|annex))\s+"
_ARABIC = re.compile(
    rf"(?:{_WORD}|§\s*)?(?P<path>\d{{1,2}}(?:\.\d{{1,2}}){{0,4}})(?:[.):](?:\s+|(?=[^\W\d_]))|\s*[:：—–|-]\s+|[\s\u3000]+|(?=[\u3400-\u9fff])|$)"
    r"(?=\S|$)",
    re.IGNORECASE,
)
_LETTER = re.compile(
    rf"(?:{_WORD})?(?P<path>[A-Z](?:\.\d{{1,2}}){{0,4}})(?P<mark>[.):](?:\s+|$)|\s*[—–|-]\s+|\s+|$)(?P<next>\S?)"
)
_ROMAN = re.compile(
    rf"(?:{_WORD})?(?P<path>(?=[IVX])X{{0,3}}(?:IX|IV|V?I{{0,3}}))"
    r"(?P<mark>[.):](?:\s+|$)|\s*[—–|-]\s+|\s+|$)(?P<next>\S?)"
)
_LETTERED: tuple[tuple[Style, re.Pattern[str]], ...] = (("roman", _ROMAN), ("letter", _LETTER))
_SPELLED = re.compile(r"(appendix|annex|anhang)\s+([A-Za-z])(?:[.:)\s—–-]|$)", re.IGNORECASE)
_LONGEST_NAME = 80
_NAMES = re.compile(
    r"(?:(?:structured |graphical )?abstract|summary|keywords?|introduction(?: and .{3,40})?|background|"
    r"related works?|(?:literature|previous|prior) (?:review|work)s?|"
    r"(?:materials?|methods?|patients|methodology|subjects)(?:,? (?:and|&) (?:materials?|methods?))?|methodology|"
    r"(?:experiments?|experimental (?:results|setup|section|evaluation))|evaluation|results?(?: and discussions?)?|"
    r"discussions?(?: and conclusions?)?|conclusions?(?: and .{3,40})?|concluding remarks|limitations|"
    r"(?:conclusions?|summary|discussion),? (?:and|&) (?:future work|outlook|conclusions?)|future work|"
    r"acknowledge?ments?(?: .{3,40})?|(?:author )?contributions?|authors?[’'] contributions?|"
    r"conflicts? of interests?|competing interests?|funding|abbreviations|(?:data|code) availability(?: statement)?|"
    r"ethics(?: statement)?|broader impacts?|appendix|appendices|"
    r"supplement(?:ary|al)?(?: (?:material|information|data)s?)?|"
    r"supporting information|摘要|引言|结论|參考文獻|附录|致谢|zusammenfassung|einleitung|ergebnisse|diskussion|"
    r"résumé|resumen|introducción|conclusiones)\s*[:.]?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Number:
    """A section's number.

    Attributes:
        path: its parts; `A.1` is ("A", "1").
        word: "appendix", "chapter", … when it is spelled out, else empty.
        marked: something other than a space ends it.
    """

    style: Style
    path: tuple[str, ...]
    word: str = ""
    marked: bool = False

    @property
    def depth(self) -> int:
        """1 for `3`, 2 for `3.2` and `A.1`."""
        return len(self.path)


def is_usual_name(title: str) -> bool:
    """Whether a title is "Abstract", "Materials and Methods", "References": a section at the top of a paper."""
    return len(title) <= _LONGEST_NAME and (bool(_NAMES.fullmatch(title)) or is_reference_title(title))


def is_section_title(title: str) -> bool:
    """A usual name or a numbered title, looked at alone."""
    number = read_number(title)
    return is_usual_name(title) or bool(number and (number.depth > 1 or number.word or number.style == "arabic"))


def read_number(title: str) -> Number | None:
    """What could be a section's number; `sure_numbers` tells from its neighbours whether it is one."""
    found = _ARABIC.match(title)
    if found:
        word = (found["word"] or "").lower()
        if not word and found.end() == len(title):
            return None
        return Number("arabic", tuple(found["path"].split(".")), word, found[0].rstrip()[-1:] in ".):")
    for style, shape in _LETTERED:
        found = shape.match(title)
        if not found or not (found["next"] or found["word"]):
            continue
        path, word = tuple(found["path"].split(".")), (found["word"] or "").lower()
        marked = bool(found["mark"].strip())
        if len(path) > 1 or word or marked or not found["next"].islower():
            return Number(style, path, word, marked)
    found = _SPELLED.match(title)
    return Number("letter", (found[2].upper(),), "appendix", True) if found else None


def sure_numbers(titles: Sequence[str]) -> list[Number | None]:
    """The numbers of headings in order; one that has no neighbour in its series is none ("10 simple rules", "A study").

    `I.` is a roman one or a letter by what stands around it.
    """
    read = _styles_settled([read_number(title) for title in titles])
    heads = {(n.style, n.path[0]) for n in read if n}
    deeper = {(n.style, n.path[0]) for n in read if n and n.depth > 1}
    return [n if n and _is_sure(n, heads, deeper) else None for n in read]


def _styles_settled(read: Sequence[Number | None]) -> list[Number | None]:
    """A lone `I`, `V` or `X` is a letter behind `H`, `U` or `W`, or where nothing else is a roman number."""
    romans = {n.path[0] for n in read if n and n.style == "roman"}
    settled: list[Number | None] = []
    letter = ""
    for number in read:
        if number and number.style == "roman" and len(number.path[0]) == 1:
            follows = bool(letter) and ord(number.path[0]) == ord(letter) + 1
            alone = not romans & {"II", "III", "IV", "VI"} and not (number.path[0] == "I" and number.marked)
            if follows or alone:
                number = Number("letter", number.path, number.word, number.marked)
        if number:
            letter = number.path[0] if number.style == "letter" else ""
        settled.append(number)
    return settled


def _is_sure(number: Number, heads: set[tuple[Style, str]], deeper: set[tuple[Style, str]]) -> bool:
    head = number.path[0]
    if number.depth > 1 or number.word or (number.style, head) in deeper:
        return True
    if number.style == "arabic":
        value = int(head)
        return value == 1 or (value > 0 and any((number.style, str(n)) in heads for n in (value - 1, value + 1)))
    if number.style == "roman":
        return number.marked or ("roman", "II") in heads
    return any(("letter", chr(ord(head) + step)) in heads for step in (-1, 1)) or (number.marked and head == "A")
