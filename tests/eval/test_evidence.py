"""What holds of every kind of evidence, whatever the passage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eval.datasets import Gold, Question
from eval.evidence import KINDS, LEAST_SHARED_RUNS
from eval.relevance import Judge, judge

WORDS = ["gate", "tide", "weir", "3.5", "α", "x", "=", "+", "the", "pump", r"\frac", "_", "模", "high-", "ﬁn", "|", "&"]

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join)


def of_kind(kind: str, text: str) -> dict[str, Any]:
    cell = {"row": "north gate", "column": "width / wet", "value": text}
    return {"value": cell, "document": {"document": True}}.get(kind, {kind: text})


def written(kind: str, text: str) -> str:
    return f"wet width | north gate | {text}" if kind == "value" else text


def usable(kind: str, text: str) -> Judge:
    try:
        return Judge(of_kind(kind, text))
    except ValueError:
        assume(False)
        raise


kinds = st.sampled_from(sorted(KINDS))


@given(kinds, texts)
def test_evidence_is_relevant_to_itself(kind: str, text: str) -> None:
    one = usable(kind, text)
    assume(one.tokens(text) > 0)
    assert one.coverage(written(kind, text)) == 1.0
    assert one.relevant(written(kind, text))


@given(kinds, texts, texts)
def test_figures_stay_in_their_ranges(kind: str, text: str, passage: str) -> None:
    one = usable(kind, text)
    assert 0.0 <= one.coverage(passage) <= 1.0
    assert 0 <= one.matched(passage) <= one.tokens(passage)
    assert kind == "document" or one.matched(passage) <= one.size or kind == "section"
    assert one.relevant("") is False
    assert one.matched("") == 0


@given(st.sampled_from(["text", "tex", "value", "document"]), texts, texts, texts)
def test_more_text_never_hurts(kind: str, text: str, passage: str, more: str) -> None:
    """But for a section, of which a passage must be mostly made."""
    one = usable(kind, text)
    longer = f"{passage} \n\n{more}"
    assume(one.tokens(longer) == one.tokens(passage) + one.tokens(more))
    assert one.coverage(longer) >= one.coverage(passage)
    assert one.matched(longer) >= one.matched(passage)
    assert one.relevant(longer) or not one.relevant(passage)


@given(texts, texts, texts)
def test_text_around_the_evidence_does_not_hide_it(before: str, text: str, after: str) -> None:
    one = usable("text", text)
    assert one.relevant(f"{before}. {text} .{after}") or before.endswith("-") or text.endswith("-")


SECTION = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(120))


def test_a_passage_belongs_to_the_section_that_most_of_it_comes_from() -> None:
    words, other = SECTION.split(), [f"other{chr(97 + i)}" for i in range(26)]
    one = Judge({"section": SECTION})
    assert one.relevant(" ".join(words[40:70]))
    assert one.relevant(" ".join(words[40:70] + other[:20]))
    assert not one.relevant(" ".join(words[40:60] + other))
    assert one.relevant(" ".join([*other, *words, *other, *other, *other, *other])), "it holds the whole section"
    assert not one.relevant(" ".join(words[:LEAST_SHARED_RUNS])), "a scrap"
    assert one.matched(" ".join(words[40:70] + other[:20])) == 30


def test_a_short_section_is_found_whole() -> None:
    one = Judge({"section": "Code availability: on request."})
    assert one.relevant("Code availability on request")
    assert not one.relevant("Code availability")


def test_counts_of_a_cell_are_its_parts() -> None:
    one = Judge({"row": "Maren Lock", "column": "Night", "value": "6.7"})
    assert one.size == 4
    assert one.matched("Night | Maren Lock | 8.3 | 6.7") == 4
    assert one.matched("Night | Maren | 8.3") == 2
    assert one.tokens("Night | Maren | 8.3") == 3


def test_a_question_is_answered_in_any_of_its_places() -> None:
    also = (Gold("a", {"text": "pumps run at night"}), Gold("b", {"tex": r"h = \frac{a}{b}"}))
    both = judge(Question("q", "a", "?", "", "prose", 0, {"text": "the gate is shut"}, also=also))
    assert both.docs == {"a", "b"}
    assert both.relevant("a", "So pumps run at night.")
    assert both.relevant("a", "Now the gate is shut.")
    assert not both.relevant("b", "Now the gate is shut.")
    assert both.relevant("b", r"where $h=\frac{a}{b}$ holds")
    assert both.coverage("c", "the gate is shut") == 0.0
    assert (both.matched("a", "pumps run at night"), both.size("a", "pumps run at night")) == (4, 4)
    assert (both.matched("c", "the gate is shut"), both.tokens("c", "the gate is shut")) == (0, 4)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({}, "no known kind"),
        ({"lead": "x"}, "no known kind"),
        ({"text": " … "}, "without tokens"),
        ({"section": ""}, "without tokens"),
        ({"tex": "{}"}, "without tokens"),
        ({"value": "3"}, "without 'row'"),
        ({"value": "3", "row": "|", "column": "-"}, "without tokens"),
        ({"value": 3, "row": "a", "column": "b"}, "no text"),
        ({"text": None}, "no text"),
    ],
)
def test_unusable_evidence_says_why(evidence: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Judge(evidence)
