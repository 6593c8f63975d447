r"""Does a passage hold the evidence of a question? Judged on the text alone, the same way for every arm.

A gold text and a passage go through the same normalisation, so that hyphenation, ligatures, HTML tables, Markdown
markup and TeX notation don't decide the outcome. Then

- prose: the best window of the passage covers at least 0.8 of the evidence tokens, as a multiset;
- table: the passage holds at least 0.8 of the words of every part of the row label and of the column header, in any
  order (a plain text interleaves the lines of a header), and the value itself, tokens in sequence;
- formula: as prose, on TeX tokens that keep commands (`\frac`, `\sum`, `_`, `^`);
- section, where a data set names no more than that: at least half of the passage comes from the section, or half of
  the section stands in the passage, by runs of three tokens;
- document, where it names no place at all: any passage of the document.

Limits: a table's value is not tied to its row and column by position, so a passage with all three scores even when
the cell is another one of equal value; signs of numbers are dropped, because hyphen and minus can't be told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eval.evidence import KINDS, Evidence
from eval.window import THRESHOLD, WINDOW_SLACK, coverage, holds_value

if TYPE_CHECKING:
    from eval.datasets import Question

__all__ = ["THRESHOLD", "WINDOW_SLACK", "Judge", "QuestionJudge", "coverage", "holds_value", "judge"]


class Judge:
    """One place's evidence, ready to be held against passages of the right document.

    Args:
        evidence: `{text}`, `{caption, row, column, value, cells}`, `{tex, lead}`, `{section}` or `{document: true}`.

    Raises:
        ValueError: the evidence is of no known kind, or has no tokens.
    """

    def __init__(self, evidence: Mapping[str, Any]) -> None:
        kind = next((kind for key, kind in KINDS.items() if key in evidence), None)
        if kind is None:
            raise ValueError(f"evidence of no known kind: keys {sorted(evidence)}")
        try:
            self._evidence: Evidence = kind(evidence)
        except KeyError as e:
            raise ValueError(f"evidence without {e}: keys {sorted(evidence)}") from e
        except (TypeError, AttributeError) as e:
            raise ValueError(f"evidence with a value that is no text: {dict(evidence)}") from e
        except ValueError as e:
            raise ValueError(f"{e}: {dict(evidence)}") from e

    @property
    def size(self) -> int:
        """Tokens of the evidence; 0 for a whole document, whose length nobody stated."""
        return self._evidence.size

    def coverage(self, passage: str) -> float:
        """0.0 to 1.0; for a table the least covered of row, column and value, where a short value is all or nothing."""
        return self._evidence.coverage(passage)

    def relevant(self, passage: str) -> bool:
        """Whether the passage covers enough of the evidence."""
        return self._evidence.relevant(passage)

    def tokens(self, passage: str) -> int:
        """Length of a passage in the tokens that this evidence is compared in: the denominator of precision."""
        return len(self._evidence.tokens(passage))

    def matched(self, passage: str) -> int:
        """How many of the passage's tokens are evidence: those of the best window; 0 to `tokens(passage)`.

        At most `size`, but for a section (runs of three that stand in it) and a document (all of them).
        """
        return self._evidence.matched(passage)


class QuestionJudge:
    """All places that answer a question: a passage is as good as the best of them in its own document.

    Args:
        question: with one or more places.

    Raises:
        ValueError: as `Judge`.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self._judges: dict[str, list[Judge]] = {}
        for gold in question.golds:
            self._judges.setdefault(gold.doc, []).append(Judge(gold.evidence))

    @property
    def docs(self) -> frozenset[str]:
        """Documents that hold an answer; passages of others are never relevant."""
        return frozenset(self._judges)

    def relevant(self, doc: str, passage: str) -> bool:
        """Whether a passage of `doc` holds any of the places."""
        return any(judge.relevant(passage) for judge in self._judges.get(doc, ()))

    def coverage(self, doc: str, passage: str) -> float:
        """Of the best covered place in `doc`, 0.0 to 1.0."""
        return max((judge.coverage(passage) for judge in self._judges.get(doc, ())), default=0.0)

    def tokens(self, doc: str, passage: str) -> int:
        """Length of a passage, in the tokens of the place that it matches best; of any document."""
        return self._best(doc, passage).tokens(passage)

    def matched(self, doc: str, passage: str) -> int:
        """Tokens of a passage that are evidence; 0 in a document without any."""
        return self._best(doc, passage).matched(passage) if doc in self._judges else 0

    def size(self, doc: str, passage: str) -> int:
        """Tokens of the evidence that the passage matches best: with the two above, intersection over union."""
        return self._best(doc, passage).size

    def _best(self, doc: str, passage: str) -> Judge:
        judges = self._judges.get(doc) or next(iter(self._judges.values()))
        return judges[0] if len(judges) == 1 else max(judges, key=lambda judge: judge.coverage(passage))


def judge(question: Question) -> QuestionJudge:
    """The judge of a question.

    Raises:
        ValueError: as `Judge`.
    """
    return QuestionJudge(question)
