r"""The text layer as witness: what a recogniser left out, made up, put in another order, or misread in a number.

witness_layer    can the layer be believed?      witness_tokens   both sides as tokens
witness_align    which token is which            places           the same alignment, for boxes

Words are compared without case, accents, hyphens and typographic form. Words under three letters and numbers of one
digit are aligned and not counted: they are formulas' letters and marks of notes, and most engines place them
differently. Displayed formulas are never counted as made up, and what of them the layer holds counts as found.
Running headers and footers may be kept or not. Texts inside figures need not be there where the Markdown shows a
picture; so on such a page missing headings and narrow table cells are not seen either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rag_ingest.ocr.witness_align import Alignment, align, order_of
from rag_ingest.ocr.witness_layer import LEAST_WORDS, body, shown, usable
from rag_ingest.ocr.witness_tokens import Token, layer_tokens, markdown_tokens
from rag_ingest.types import Page, Word

__all__ = ["LIMITS", "MOST", "Witness", "compare", "page_words", "usable"]

LIMITS: Mapping[str, float] = MappingProxyType({"recall": 0.9, "precision": 0.95, "order": 0.5, "numbers": 0.9})
"""A page under one of these is suspect; from `python -m eval.witness`, see eval/witness.md."""

MOST: Mapping[str, int] = MappingProxyType({"lost": 14, "invented": 8, "misread": 0})
"""A page over one of these is suspect, however long it is; from the same command."""

CONTEXT_TOKENS = 3
"""A number is missing only where most of so many counted tokens on each side were found: else its text is."""

MOST_NAMED = 20
"""Numbers named in the checks of one page."""


@dataclass(frozen=True, slots=True)
class Witness:
    """How a page's Markdown agrees with its text layer; scores are 0.0 to 1.0, 1.0 where there is nothing to compare.

    Attributes:
        recall: share of the layer's words and numbers that the Markdown holds.
        precision: share of the Markdown's words and numbers that the layer holds.
        order: share of the words paired in the longest part that both have in the same order, less steps back; tables,
            which layers hold by rows or by columns, are left out.
        numbers: share of numbers that agree, a wrong one and the one missing in its place counted once.
        missing_numbers: of the layer, not in the Markdown though the text around them is.
        wrong_numbers: of the Markdown, not in the layer.
        words: counted tokens of the layer, so that a score can be weighed.
        lost: words of the layer missing in one stretch, those found in it taken off; one line is about eight.
        invented: the same for words of the Markdown that the layer does not hold.
        misread: numbers missing for which a wrong one of about as many digits stands.
    """

    recall: float
    precision: float
    order: float
    numbers: float
    missing_numbers: tuple[str, ...] = ()
    wrong_numbers: tuple[str, ...] = ()
    words: int = 0
    lost: int = 0
    invented: int = 0
    misread: int = 0

    def to_checks(self) -> dict[str, float | str]:
        """For `PageMarkdown.checks`: scores, stretches, and the numbers that disagree where there are any."""
        checks: dict[str, float | str] = {
            f"witness_{name}": round(getattr(self, name), 4) for name in ("recall", "precision", "order", "numbers")
        }
        checks |= {"witness_lost": self.lost, "witness_invented": self.invented, "witness_misread": self.misread}
        for name in ("missing_numbers", "wrong_numbers"):
            if getattr(self, name):
                checks[f"witness_{name}"] = " ".join(getattr(self, name)[:MOST_NAMED])
        return checks

    def below(self, limits: Mapping[str, float] = LIMITS, most: Mapping[str, int] = MOST) -> tuple[str, ...]:
        """Names of the scores under their limits and of stretches over theirs; empty where no second look is needed.

        Recall over fewer words than `LEAST_WORDS`, as on a page of figures, is left out.
        """
        low = [name for name, limit in limits.items() if getattr(self, name) < limit]
        long = [name for name, limit in most.items() if getattr(self, name) > limit]
        return (*(name for name in low if name != "recall" or self.words >= LEAST_WORDS), *long)


def page_words(page: Page) -> tuple[Word, ...]:
    """The words of a page's text layer, in content order; a line without word boxes is one word."""
    return tuple(word for line in page.text_layer or () for word in line.words or (Word(line.text, line.bbox),))


def compare(markdown: str, words: Sequence[Word]) -> Witness:
    """Compares a page's Markdown with its text layer, which `usable` must have found fit.

    Args:
        markdown: of one page, as an engine wrote it.
        words: of the same page, see `page_words`.
    """
    ours = markdown_tokens(markdown)
    seen = shown(words)
    theirs, made_of = layer_tokens(seen)
    alignment = align([token.text for token in ours], [token.text for token in theirs])
    must = body(seen, figures="![" in markdown)
    wanted = [token.counted and must[made_of[j][0]] for j, token in enumerate(theirs)]
    claimed = [token.counted and not token.display for token in ours]
    missing = tuple(_missing_numbers(theirs, wanted, alignment.in_layer))
    wrong = tuple(
        token.text
        for token, counted, found in zip(ours, claimed, alignment.in_markdown, strict=True)
        if counted and not found and token.kind == "number"
    )
    return Witness(
        recall=_share(alignment.in_layer, wanted),
        precision=_share(alignment.in_markdown, claimed),
        order=order_of([(i, j) for i, j in alignment.near if not ours[i].table]),
        numbers=_agreement(ours, alignment, max(len(missing), len(wrong))),
        missing_numbers=missing,
        wrong_numbers=wrong,
        words=sum(wanted),
        lost=_stretch(alignment.in_layer, wanted),
        invented=_stretch(alignment.in_markdown, claimed),
        misread=_misread(missing, wrong),
    )


def _share(found: Sequence[bool], counted: Sequence[bool]) -> float:
    total = sum(counted)
    return sum(f for f, c in zip(found, counted, strict=True) if c) / total if total else 1.0


def _stretch(found: Sequence[bool], counted: Sequence[bool]) -> int:
    """The largest surplus of tokens not found over found ones in any run of counted tokens."""
    longest = here = 0
    for was_found, counts in zip(found, counted, strict=True):
        if counts:
            here = max(0, here - 1 if was_found else here + 1)
            longest = max(longest, here)
    return longest


def _missing_numbers(tokens: Sequence[Token], wanted: Sequence[bool], found: Sequence[bool]) -> Iterator[str]:
    counted = [j for j, token in enumerate(tokens) if token.counted]
    for at, j in enumerate(counted):
        if tokens[j].kind == "number" and wanted[j] and not found[j]:
            near = counted[max(0, at - CONTEXT_TOKENS) : at] + counted[at + 1 : at + 1 + CONTEXT_TOKENS]
            if 2 * sum(found[k] for k in near) > len(near):
                yield tokens[j].text


def _misread(missing: Sequence[str], wrong: Sequence[str]) -> int:
    lengths = [sum(map(str.isdigit, number)) for number in wrong]
    count = 0
    for number in missing:
        digits = sum(map(str.isdigit, number))
        alike = next((length for length in lengths if abs(length - digits) <= 1), None)
        if alike is not None:
            lengths.remove(alike)
            count += 1
    return count


def _agreement(tokens: Sequence[Token], alignment: Alignment, errors: int) -> float:
    agreeing = sum(token.kind == "number" and found for token, found in zip(tokens, alignment.in_markdown, strict=True))
    return agreeing / (agreeing + errors) if errors else 1.0
