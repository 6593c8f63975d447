"""Paragraphs and tables that a page broke are one again."""

from __future__ import annotations

import pytest

from tests.parse.papers import blocks, paper, removed


def test_a_sentence_goes_on_over_the_page() -> None:
    document = paper("# T\n\nThe model is trained on a large", "corpus of papers.\n\nNext one.")
    assert document.markdown == "# T\n\nThe model is trained on a large corpus of papers.\n\nNext one."
    joined = document.blocks[1]
    assert joined.pages == (1, 2)
    texts = [document.markdown[p.span.start : p.span.end] for p in document.page_spans]
    assert texts == ["# T\n\nThe model is trained on a large", "corpus of papers.\n\nNext one."]


@pytest.mark.parametrize("after", ["$f$ is continuous there.", "[12], as it was shown.", "(FUN). It is so."])
def test_a_sentence_may_go_on_with_mathematics_or_a_citation(after: str) -> None:
    assert paper("This holds for every function that", after).markdown == f"This holds for every function that {after}"


def test_a_bracket_that_is_open_holds_two_halves() -> None:
    document = paper("It is in the database (Accession Number", "MF429778) and elsewhere.")
    assert document.markdown == "It is in the database (Accession Number MF429778) and elsewhere."


def test_a_sentence_goes_on_in_the_next_column() -> None:
    document = paper("The left column ends in the middle of\n\n![f](f.png)\n\nFigure 1: It.\n\na sentence. More.")
    assert document.markdown == (
        "The left column ends in the middle of a sentence. More.\n\n![f](f.png)\n\nFigure 1: It."
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It ends here.", "a new one"),
        ("It asks whether it ends?", "yes it does"),
        ("The steps are as follows:", "first, open the door"),
        ("Some words without a stop", "Another paragraph begins here"),
        ("Some words without a stop", "a) an item of a list"),
        ("Some words without a stop", "name@example.org"),
        ("Some words without a stop", "# heading"),
        ("# heading without a stop", "lower-case text follows"),
        ("- an item without a stop", "lower-case text follows"),
        ("Table 1: A caption without a stop", "lower-case text follows"),
        ("```\ncode without a stop\n```", "lower-case text follows"),
        ("The energy is given by", "$$\nE = mc^2\n$$"),
        ("$$\nE = mc^2\n$$", "where $m$ is the mass"),
    ],
)
def test_what_is_no_continuation_stays_apart(before: str, after: str) -> None:
    assert paper(before, after).markdown == f"{before}\n\n{after}"


def test_a_page_that_failed_lies_between() -> None:
    document = paper("Some words of a sentence that", "", "goes on elsewhere.")
    assert document.markdown == "Some words of a sentence that\n\ngoes on elsewhere."


@pytest.mark.parametrize(
    ("before", "after", "elsewhere", "joined"),
    [
        ("the net uses convolu-", "tion here", "A convolution is used.", "the net uses convolution here"),
        ("this is a well-", "known thing", "", "this is a well-known thing"),
        ("it is a self-", "supervised one", "", "it is a self-supervised one"),
        ("it is data-", "driven work", "Being data-driven helps.", "it is data-driven work"),
        ("a state-of-the-", "art model is", "", "a state-of-the-art model is"),
        ("the opti-", "mization of it", "", "the optimization of it"),
        ("the disease COVID-", "19 spreads fast", "", "the disease COVID-19 spreads fast"),
        ("we follow Anglo-", "Saxon habits here", "", "we follow Anglo-Saxon habits here"),
        ("we do pre-", "and post-training on it", "", "we do pre- and post-training on it"),
        ("the num\u00ad", "ber is one", "", "the number is one"),
        ("a pre-", "sent for you", "", "a present for you"),
        ("by pre-", "training on it", "The training is long.", "by pre-training on it"),
    ],
)
def test_a_hyphen_goes_where_the_word_has_none(before: str, after: str, elsewhere: str, joined: str) -> None:
    document = paper(f"{elsewhere}\n\nHere {before}".strip(), f"{after}.")
    assert document.markdown.endswith(f"Here {joined}.")
    undone = joined.count("-") < before.count("-") or "\u00ad" in before
    assert removed(document, "hyphen") == ([before[-1]] if undone else [])


def test_text_in_chinese_is_joined_without_a_space() -> None:
    assert paper("这个方法在大规模数据集上的表现，", "非常好。").markdown == "这个方法在大规模数据集上的表现，非常好。"


def test_floats_stay_with_their_page() -> None:
    document = paper("It breaks in the middle of\n\n[^1]: A note.", "![f](f.png)\n\nFigure 1: It.\n\na sentence.")
    assert document.markdown == (
        "[^1]: A note.\n\nIt breaks in the middle of a sentence.\n\n![f](f.png)\n\nFigure 1: It."
    )
    assert [p.number for p in document.page_spans] == [1, 2]


def test_furniture_between_the_halves_is_no_hindrance() -> None:
    pages = [f"Journal of Things\n\nA sentence number {i} that goes on and\n\n{i}" for i in range(3, 7)]
    pages = [pages[0], *(p.replace("Things\n\n", "Things\n\non it went. ") for p in pages[1:])]
    document = paper(*pages)
    assert "goes on and on it went." in document.markdown
    assert len(document.blocks) == 1
    assert document.blocks[0].pages == (1, 2, 3, 4)


HEAD = "| Name | Score |\n|---|--:|\n"


def test_a_pipe_table_goes_on_with_its_header_repeated() -> None:
    document = paper(f"Table 2: Scores.\n\n{HEAD}| a | 1 |", f"Table 2 (continued)\n\n{HEAD}| b | 2 |\n\nText.")
    assert document.markdown == f"Table 2: Scores.\n\n{HEAD}| a | 1 |\n| b | 2 |\n\nText."
    assert next(b for b in document.blocks if b.kind == "table").pages == (1, 2)
    assert removed(document, "seam") == ["Table 2 (continued)", HEAD]


@pytest.mark.parametrize("after", ["| b | 2 |\n|---|---|\n| c | 3 |", "| b | 2 |\n| c | 3 |"])
def test_a_pipe_table_goes_on_with_data(after: str) -> None:
    document = paper(f"{HEAD}| a | 1 |", after)
    assert document.markdown == f"{HEAD}| a | 1 |\n| b | 2 |\n| c | 3 |"
    assert [b.kind for b in document.blocks] == ["table"]


def test_an_html_table_goes_on_over_three_pages() -> None:
    head = "<thead><tr><th>Name</th><th>Score</th></tr></thead>"
    pages = [f"<table border=1>{head}<tbody><tr><td>{i}</td><td>x</td></tr></tbody></table>" for i in range(3)]
    document = paper(*pages)
    rows = "\n".join(f"<tbody><tr><td>{i}</td><td>x</td></tr></tbody>" for i in range(3))
    assert document.markdown == f"<table border=1>{head}{rows}\n</table>".replace("\n</table>", "</table>")
    assert [(b.kind, b.pages) for b in document.blocks] == [("table", (1, 2, 3))]


def test_an_html_table_goes_on_without_a_header() -> None:
    document = paper(
        '<table><tr><th>a</th><th colspan="2">b</th></tr><tr><td>1</td><td>2</td><td>3</td></tr></table>',
        "<table>\n<tr><td>4</td><td>5</td><td>6</td></tr>\n</table>",
    )
    assert document.markdown.endswith("<td>3</td></tr>\n<tr><td>4</td><td>5</td><td>6</td></tr>\n</table>")
    assert len(document.blocks) == 1


@pytest.mark.parametrize(
    "after",
    [
        f"Table 3: Others.\n\n{HEAD}| b | 2 |",
        "| Name | Score | Rank |\n|---|---|---|\n| b | 2 | 3 |",
        "| Place | Time |\n|---|---|\n| b | noon |",
        f"Some text comes first.\n\n{HEAD}| b | 2 |",
        "<table><tr><td>b</td><td>2</td></tr></table>",
    ],
)
def test_another_table_stays_apart(after: str) -> None:
    before = f"Table 2: Scores.\n\n{HEAD}| a | 1 |"
    document = paper(before, after)
    assert document.markdown == f"{before}\n\n{after}"
    assert len(blocks(document, "table")) == 2
