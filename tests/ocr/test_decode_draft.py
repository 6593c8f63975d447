"""Drafts from the text layer: never too long, never wrong in effect, and right where the model copies the layer."""

from __future__ import annotations

import string
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.drafting import NGramDrafter, simulate
from eval.drafting_cases import Qwen
from eval.drafting_targets import as_model_writes, page_targets
from rag_ingest.ocr.decode_draft import DraftOptions, TextLayerDrafter
from rag_ingest.types import TextLine, Word

WORDS = st.lists(st.text(string.ascii_lowercase, min_size=3, max_size=9), min_size=30, max_size=120)
ANY_TEXT = st.text(max_size=60) | st.sampled_from(
    ["$", "<td>", "</", "**", "\\alpha", "![image](", "\n\n", "a-", "x_{"]
)
OPTIONS = st.builds(
    DraftOptions,
    join=st.booleans(),
    learn=st.booleans(),
    spell=st.booleans(),
    own_output=st.booleans(),
    adaptive=st.booleans(),
)
NUMBERS = st.floats(-1e3, 1e3) | st.sampled_from([float("nan"), float("inf")])
FULL = DraftOptions(adaptive=False)


def to_bytes(text: str) -> list[int]:
    return list(text.encode("utf-8", "surrogatepass"))


def from_bytes(tokens: Sequence[int]) -> str:
    return bytes(token % 256 for token in tokens).decode("utf-8", "replace")


def line(text: str, row: int, left: float = 50.0, size_pt: float = 10.0) -> TextLine:
    """One line, 12 pt below the one before, 5 pt a character."""
    return TextLine(text, (left, 50.0 + 12 * row, left + 5 * len(text), 60.0 + 12 * row), size_pt)


def wrapped(words: list[str], width: int = 8) -> list[TextLine]:
    rows = [" ".join(words[at : at + width]) for at in range(0, len(words), width)]
    return [line(text, row) for row, text in enumerate(rows)]


def drafter(lines: Sequence[TextLine] | None, options: DraftOptions = FULL) -> TextLayerDrafter:
    return TextLayerDrafter(lines, to_bytes, from_bytes, options)


def next_text(made: TextLayerDrafter, written: str, most: int = 40) -> str:
    return from_bytes(made.propose(to_bytes(written), most))


@given(
    st.lists(st.builds(TextLine, ANY_TEXT, st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), NUMBERS), max_size=12),
    st.lists(st.tuples(ANY_TEXT, st.integers(-1, 40)), max_size=12),
    OPTIONS,
)
@settings(deadline=None)
def test_drafts_are_short_enough_and_the_same_each_time(
    lines: list[TextLine], steps: list[tuple[str, int]], options: DraftOptions
) -> None:
    one, other = drafter(lines, options), drafter(lines, options)
    written: list[int] = []
    for text, most in steps:
        written += to_bytes(text)
        draft = one.propose(written, most)
        assert len(draft) <= max(0, most)
        assert draft == other.propose(written, most)


@given(st.lists(st.integers(0, 255), max_size=200), WORDS, st.integers(0, 20), OPTIONS)
@settings(deadline=None)
def test_what_is_written_is_the_target_whatever_the_draft(
    target: list[int], words: list[str], most: int, options: DraftOptions
) -> None:
    run = simulate(drafter(wrapped(words), options), target, most)
    assert list(run.written) == target
    assert run.passes <= len(target)
    assert list(simulate(NGramDrafter(to_bytes(" ".join(words))), target, most).written) == target


@given(WORDS, st.sampled_from([8, 16, 32]))
@settings(deadline=None)
def test_a_page_that_is_its_layer_is_drafted_nearly_whole(words: list[str], most: int) -> None:
    target = to_bytes(" ".join(words))
    run = simulate(drafter(wrapped(words)), target, most)
    assert run.passes <= 2 + 1.5 * len(target) / (most + 1)


@given(WORDS)
@settings(deadline=None)
def test_tokens_are_asked_for_once_a_pass_at_most(words: list[str]) -> None:
    calls = 0

    def encode(text: str) -> list[int]:
        nonlocal calls
        calls += 1
        return to_bytes(text)

    run = simulate(TextLayerDrafter(wrapped(words), encode, from_bytes), to_bytes(" ".join(reversed(words))), 16)
    assert calls <= 2 * run.passes + 1


def test_without_a_layer_nothing_is_drafted_at_first() -> None:
    for layer in (None, (), [line("  ", 0)]):
        assert drafter(layer).propose([], 16) == []
        assert drafter(layer, DraftOptions(own_output=False)).propose(to_bytes("The first words"), 16) == []


def test_lines_are_joined_as_the_model_writes_them() -> None:
    layer = [line("The trans-", 0), line("former has a so-called", 1), line("encoder, see (2).", 2)]
    assert next_text(drafter(layer), "", 60) == "The transformer has a so-called encoder, see (2)."


def test_a_compound_keeps_its_hyphen() -> None:
    layer = [line("Two multi-head layers and multi-", 0), line("head again", 1)]
    assert next_text(drafter(layer), "Two multi-head layers and ").startswith("multi-head again")


def test_it_goes_on_behind_a_mismatch() -> None:
    layer = [line("We write alpha beta gamma for the angles", 0), line("of a triangle that is flat.", 1)]
    made = drafter(layer)
    assert next_text(made, "We write ").startswith("alpha")
    assert next_text(made, "We write $\\frac{1}{2}$ for").startswith(" the angles of a triangle")


def test_marks_are_no_part_of_what_is_looked_up() -> None:
    layer = [line("Table 1. Bleu scores of all models", 0)]
    assert next_text(drafter(layer), "**T**able <b>1.").startswith(" Bleu scores")
    assert next_text(drafter(layer), "Table 1. *Bleu* ").startswith("scores of all")


def test_it_starts_inside_a_word() -> None:
    assert next_text(drafter([line("An encoder of attention", 0)]), "An enco").startswith("der of attention")


def test_cells_of_a_row_are_parted_as_in_the_rows_before() -> None:
    layer = [
        line(text, row, left)
        for row, cells in enumerate([("model", "score"), ("base", "27.3"), ("large", "28.4"), ("huge", "29.5")])
        for left, text in zip((50.0, 150.0), cells, strict=True)
    ]
    made = drafter(layer)
    start = "<table><tr><td>model</td><td>score</td></tr><tr><td>base"
    assert next_text(made, start).startswith("</td><td>27.3</td></tr><tr><td>large")
    other = drafter(layer)
    written = "<table>\n<tr>\n<td>model</td>\n<td>score</td>\n</tr>\n<tr>\n<td>base</td>\n"
    for end in range(0, len(written), 7):
        next_text(other, written[:end])
    assert next_text(other, f"{written}<td>27", 60).startswith(".3</td>\n</tr>\n<tr>\n<td>large</td>\n<td>28.4")


def test_a_symbol_is_spelt_as_before() -> None:
    layer = [line("where ω0 is the frequency and", 0), line("Q is small; then ω0 grows.", 1)]
    written = "where $\\omega_0$ is the frequency and Q is small; then"
    made = drafter(layer)
    for end in range(len(written) + 1):
        draft = next_text(made, written[:end])
    assert draft.startswith(" $\\omega_0$ grows.")


def test_a_list_that_did_not_grow_at_its_end_is_another_page() -> None:
    layer = [line("First words of a page", 0)]
    made = drafter(layer)
    next_text(made, "First words of")
    assert next_text(made, "First") == next_text(drafter(layer), "First")


@pytest.mark.parametrize("options", [FULL, DraftOptions()])
def test_qwen_tokens_of_a_page_that_is_its_layer(options: DraftOptions) -> None:
    qwen = Qwen()
    text = "The dominant sequence transduction models are based on complex recurrent or convolutional networks. "
    words = (
        text + "They include an encoder, a decoder, and 3.5 million further parts (see [12]) at the least."
    ).split()
    target = qwen.encode(" ".join(words))
    run = simulate(TextLayerDrafter(wrapped(words), qwen.encode, qwen.decode, options), target, 16)
    assert len(target) / run.passes > 8


def test_targets_stand_on_their_pages() -> None:
    pages = [
        "alpha bravo charlie delta echo foxtrot golf hotel india",
        "juliett kilo lima mike november oscar papa quebec",
    ]
    layers = [[Word(text, (0.0, 0.0, 1.0, 1.0)) for text in page.split()] for page in pages]
    lost = "nowhere on any page is this to be found"
    found = page_targets(f"# {pages[0]} {pages[1]}\n\n{lost}", layers)
    assert found.pages == {1: f"# {pages[0]}", 2: pages[1]}
    assert found.left_out == len(lost)


def test_pandoc_tables_become_html_on_one_line() -> None:
    written = as_model_writes('| a | b |\n|:--|--:|\n| 1 | 2 |\n\nSee <a href="#x">it</a> and $a_b$ in \\[2\\].')
    table = "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>"
    assert written == f"{table}\n\nSee it and $a_b$ in [2]."
