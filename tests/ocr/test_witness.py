"""The text layer as witness: bounds, what moves which score, and the ways in which both sides write the same."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.ocr.witness import LIMITS, Witness, compare, page_words
from rag_ingest.types import Page, TextLine, Word

WORD = st.text(string.ascii_lowercase, min_size=3, max_size=8)
NUMBER = st.integers(10, 99_999).map(str)
TOKENS = st.lists(st.one_of(WORD, WORD, WORD, NUMBER), min_size=1, max_size=60)
SCORES = ("recall", "precision", "order", "numbers")


def layer(*lines: str) -> list[Word]:
    """Words of lines one below the other, 10 pt high, 5 pt a character."""
    words = []
    for row, line in enumerate(lines):
        left = 50.0
        for text in line.split():
            words.append(Word(text, (left, 50.0 + 12 * row, left + 5 * len(text), 60.0 + 12 * row)))
            left += 5 * len(text) + 4
    return words


def wrapped(tokens: list[str], width: int = 8) -> list[Word]:
    return layer(*(" ".join(tokens[at : at + width]) for at in range(0, len(tokens), width)))


def faithful(found: Witness) -> bool:
    return all(getattr(found, name) == 1.0 for name in SCORES)


@given(st.text(max_size=300), TOKENS)
@settings(deadline=None)
def test_scores_are_shares_whatever_stands_there(markdown: str, tokens: list[str]):
    found = compare(markdown, wrapped(tokens))
    assert all(0.0 <= getattr(found, name) <= 1.0 for name in SCORES)
    assert set(found.to_checks()) >= {f"witness_{name}" for name in SCORES}


@given(st.lists(st.text(min_size=1, max_size=12).filter(lambda t: not t.isspace()), max_size=40))
@settings(deadline=None)
def test_any_text_agrees_with_itself(texts: list[str]):
    words = [Word(text, (10, 10.0 * at, 60, 10.0 * at + 8)) for at, text in enumerate(texts)]
    found = compare("", words)
    assert found.precision == 1.0
    assert found.recall in (0.0, 1.0)


@given(TOKENS)
@settings(deadline=None)
def test_a_faithful_page_is_perfect(tokens: list[str]):
    assert faithful(compare(" ".join(tokens), wrapped(tokens)))


@given(st.data(), TOKENS)
@settings(deadline=None)
def test_leaving_words_out_never_raises_recall(data: st.DataObject, tokens: list[str]):
    words, kept, before = wrapped(tokens), list(tokens), 1.0
    for _ in range(data.draw(st.integers(1, 4))):
        if not kept:
            break
        del kept[data.draw(st.integers(0, len(kept) - 1))]
        after = compare(" ".join(kept), words).recall
        assert after <= before
        before = after


@given(st.data(), TOKENS)
@settings(deadline=None)
def test_making_words_up_never_raises_precision(data: st.DataObject, tokens: list[str]):
    words, written, before = wrapped(tokens), list(tokens), 1.0
    for _ in range(data.draw(st.integers(1, 4))):
        made_up = data.draw(st.one_of(st.sampled_from(tokens), st.text("äöü", min_size=9, max_size=12)))
        written.insert(data.draw(st.integers(0, len(written))), made_up)
        found = compare(" ".join(written), words)
        assert found.precision <= before
        assert found.recall == 1.0
        before = found.precision


@given(st.data(), TOKENS)
@settings(deadline=None)
def test_another_order_lowers_order_alone(data: st.DataObject, tokens: list[str]):
    found = compare(" ".join(data.draw(st.permutations(tokens))), wrapped(tokens))
    assert (found.recall, found.precision, found.numbers) == (1.0, 1.0, 1.0)
    assert found.order <= 1.0


@pytest.mark.parametrize(
    ("markdown", "lines"),
    [
        ("information theory holds", ["infor-", "mation theory holds"]),
        ("infor-\nmation theory holds", ["information theory holds"]),
        ("A well-known state-of-the-art result", ["A well-", "known state-of-the-art result"]),
        ("a soft\u00adhyphened word", ["a softhyphened word"]),
        ("the finite flow is efficient", ["the ﬁnite ﬂow is eﬃcient"]),
        ("Schrödinger and Bézier", ["Schr¨odinger and B´ezier"]),
        (r"M\"uller and Erd\H{o}s na\"{\i}ve", ["Müller and Erdos naive"]),
        ("ten to the $10^{20}$ and 1,234.5 m", ["ten to the 1020 and 1234.5 m"]),
        ("heads T<sub>head</sub> and $T_{\\mathrm{head}}$", ["heads Thead and T head"]),
        ("groups<sup>12</sup> of $\\beta$-actin &amp; more", ["groups12 of β-actin & more"]),
        ("**Bold** *words* in [a link](https://example.org/far/away)", ["Bold words in a link"]),
        ("<table><tr><th colspan='2'>Name</th></tr><tr><td>42.5</td></tr></table>", ["Name", "42.5"]),
        ("![image](image_1.png) 10,20,30,40\n\nCaption of it", ["Caption of it"]),
        ("<!-- page 12 -->\n\n# Heading of all", ["Heading of all"]),
        ("深度学习用于图像识别", ["深度学习用于", "图像识别"]),
        ("تحسين الإنتاجية وحل المشكلات", ["تحسين اإلنتاجية وحل المشكالت"]),
        ("of the words run together", ["ofthe words runtogether"]),
        ("words in pieces here", ["wor ds in pie ces here"]),
        ("Word $x_{i}$ is\n\n$$ \\frac{12}{34} \\max(0, xW) $$\n\nfound.", ["Word xi is", "max (0, xW", "found."]),
    ],
)  # fmt: skip
def test_what_is_written_in_two_ways_is_the_same(markdown: str, lines: list[str]):
    found = compare(markdown, layer(*lines))
    assert (found.recall, found.precision, found.numbers) == (1.0, 1.0, 1.0), found


PROSE = [
    "The first line of this page is a heading",
    "Retrieval over scientific papers needs a faithful text",
    "because every lost sentence is a lost answer for someone",
    "In 2017 the authors measured 28.4 points on the test set",
    "and 41.8 points for the larger model with 213 million weights",
    "A reader who looks for these numbers must find them",
    "and what never stood on the page must not be found",
    "The last line of this page closes the argument",
]


def test_a_wrong_digit_is_named_on_both_sides():
    found = compare(" ".join(PROSE).replace("41.8", "48.1"), layer(*PROSE))
    assert found.missing_numbers == ("41.8",)
    assert found.wrong_numbers == ("48.1",)
    assert found.numbers == pytest.approx(3 / 4)
    assert found.misread == 1
    assert found.below() == ("numbers", "misread")
    assert found.to_checks()["witness_wrong_numbers"] == "48.1"


def test_a_number_in_two_parts_is_not_misread():
    text = " ".join(PROSE)
    assert compare(text.replace("28.4", "28 4"), layer(*PROSE)).misread == 0


def test_a_lost_and_an_invented_stretch_are_measured_on_any_page():
    lines = [f"line {n} has its own words {chr(97 + n) * 5} {chr(97 + n) * 7} and numbers {n + 100}" for n in range(24)]
    words = layer(*lines)
    without = compare(" ".join(lines[:10] + lines[13:]), words)
    assert without.lost > 14
    assert without.invented == 0
    again = compare(" ".join(lines[:10] + lines[7:]), words)
    assert again.invented > 8
    assert again.lost == 0


def test_numbers_of_a_lost_paragraph_are_not_called_misread():
    found = compare(" ".join(PROSE[:3]), layer(*PROSE))
    assert found.recall < 0.6
    assert found.missing_numbers == ()


def test_running_headers_and_footers_may_be_kept_or_not():
    words = layer("Journal of Papers 12 (2020) 345", *PROSE, "Downloaded from somewhere 2021")
    page = "\n\n".join(PROSE)
    with_them = f"Journal of Papers 12 (2020) 345\n\n{page}\n\nDownloaded from somewhere 2021"
    assert faithful(compare(page, words))
    assert faithful(compare(with_them, words))


def test_labels_in_a_figure_need_not_be_there():
    words = layer(*PROSE[:4], "Accuracy", "0.25 0.50 0.75", "Epochs", *PROSE[4:])
    page = " ".join(PROSE[:4]) + "\n\n![image](image_0.png)\n\n" + " ".join(PROSE[4:])
    assert faithful(compare(page, words))
    assert compare(page.replace("![image](image_0.png)", ""), words).recall < 1.0


def test_exchanged_blocks_cost_less_than_lines_read_across_columns():
    page = [f"{line} {chr(97 + at) * 4}" for at, line in enumerate(PROSE * 2)]
    words = layer(*page)
    exchanged = compare(" ".join(page[8:] + page[:8]), words)
    across = compare(" ".join(line for pair in zip(page[:8], page[8:], strict=True) for line in pair), words)
    assert across.order < exchanged.order < 1.0


def test_words_drawn_twice_or_unseen_count_once_or_not():
    words = layer(*PROSE)
    twice = [word for word in words for word in (word, Word(word.text, tuple(v + 0.3 for v in word.bbox)))]  # type: ignore[arg-type]
    unseen = [Word("watermark", (10, 400, 60, 410), visible=False)]
    assert faithful(compare(" ".join(PROSE), twice + unseen))


def test_below_names_the_scores_under_their_limits():
    assert compare(" ".join(PROSE), layer(*PROSE)).below() == ()
    assert "recall" in compare(PROSE[0], layer(*PROSE)).below(LIMITS)


def test_page_words_are_those_of_its_lines():
    line = TextLine("two words", (0, 0, 50, 10), words=(Word("two", (0, 0, 20, 10)), Word("words", (25, 0, 50, 10))))
    whole = TextLine("no boxes", (0, 20, 50, 30))
    page = Page("d", 1, None, (line, whole), (100, 100))
    assert [word.text for word in page_words(page)] == ["two", "words", "no boxes"]
    assert page_words(Page("d", 1, None, None, (100, 100))) == ()
