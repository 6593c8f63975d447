"""Where tables, formulas, lists and prose may be cut."""

from __future__ import annotations

import pytest

from rag_ingest.split.cutting import cut_prefix
from rag_ingest.split.formulas import formula_cuts
from rag_ingest.split.lists import fence_of, item_cuts, line_cuts
from rag_ingest.split.prose import paragraph_cuts, sentence_cuts, word_cuts
from rag_ingest.split.tables import table_rows


def parts(text: str, cuts: list[int]) -> list[str]:
    found = (text[a:b].strip() for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True))
    return [part for part in found if part]


@pytest.mark.parametrize(
    "sentences",
    [
        ["One.", "Two!", "Three?", '"Four."', "[5] five."],
        ["See Fig. 2, Eq. (3) and Smith et al. 2020 for more.", "Next."],
        ["It works, i.e. it runs.", "E.g. The norm holds."],
        ["Let $f. G$ be given.", "Then `a. B` follows."],
        ["By J. Doe and A. B. Smith it holds.", "So there."],
        ["Version 2.0 is out.", "In 2020.", "Later."],
        ["第一句。", "第二句！", "“第三句。”", "第四句"],
        ["実験の結果。", "以上です。"],
        ["It is known.[12]", "Yes it is."],
        ["See https://a.org/x. Y and so on"],
        ["An ellipsis... goes on in lower case."],
        ["$$a. B$$ is set.", "Next."],
    ],
)
def test_sentences(sentences: list[str]) -> None:
    joint = "" if sentences[0].endswith(("。", "！")) else " "
    text = joint.join(sentences)
    assert parts(text, sentence_cuts(text)) == sentences


def test_a_numbered_line_is_no_sentence() -> None:
    text = "Steps follow.\n1. Do this.\n2. Do that."
    assert parts(text, sentence_cuts(text)) == ["Steps follow.", "1. Do this.", "2. Do that."]


def test_words_leave_inline_mathematics_whole() -> None:
    text = "a $x + y$ b `c d` e，数"
    assert parts(text, word_cuts(text)) == ["a", "$x + y$", "b", "`c d`", "e，", "数"]


def test_paragraphs() -> None:
    assert parts("a\nb\r\n\r\nc\n> \n> d", paragraph_cuts("a\nb\r\n\r\nc\n> \n> d")) == ["a\nb", "c\n> \n>", "d"]


def test_pipe_table() -> None:
    text = "| a \\| x | b |\r\n|---|:-:|\r\n| 1 | 2 |\r\n| 3 | 4 |"
    table = table_rows(text)
    assert table.header == "a | x | b"
    assert parts(text, list(table.cuts))[1:] == ["| 3 | 4 |"]


HTML = (
    '<table><caption>Scores &amp; more</caption><tr><th rowspan=2>Name</th><th colspan="2">Recall</th></tr>'
    "<tr><th>dev</th><th>test<br>set</th></tr>"
    "<tr><td rowspan='2'>A</td><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr>"
    "<tr><td>B</td><td><table><tr><td>in</td></tr></table></td><td>6</td></tr></table>"
)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_title_of_a_group_reaches_its_rows_whatever_the_line_ends(end: str) -> None:
    rows = [
        "| Model | F1 |",
        "|---|---|",
        "| English | |",
        "| small | 11 |",
        "| large | 21 |",
        "| German | |",
        "| big | 3 |",
    ]
    table = table_rows(end.join(rows))
    assert table.carried == ("English", "English", "", "German")


def test_html_table() -> None:
    table = table_rows(HTML)
    assert table.header == "Name | Recall / dev | Recall / test set"
    assert table.caption == "Scores & more"
    assert table.carried == ("Name: A", "")
    assert [HTML[c : c + 8] for c in table.cuts] == ["<tr><td>", "<tr><td>"]
    assert HTML[table.cuts[1] :].startswith("<tr><td>B</td><td><table>")


@pytest.mark.parametrize(
    ("html", "header"),
    [
        ("<table><thead><tr><td>a</td></tr></thead><tr><td>1</td></tr><tr><td>2</td></tr></table>", "a"),
        ("<TABLE>\n<TR><TH>a<TH>b\n<TR><TD>1<TD>2\n<TR><TD>3<TD>4\n</TABLE>", "a | b"),
        ("<table><tr><td>1</td></tr><tr><td>2</td></tr></table>", ""),
        ("<table><tr><th>a</th></tr><tr><th>b</th></tr></table>", ""),
        (
            "<table><tr><th colspan=999999>a</th></tr><tr><td>1</td></tr><tr><td>2</td></tr></table>",
            " | ".join(["a"] * 100),
        ),
        ("<table><tr", ""),
    ],
)
def test_html_headers(html: str, header: str) -> None:
    assert table_rows(html).header == header


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("$$ a \\\\ b $$", ["$$ a \\\\", "b $$"]),
        ("\\begin{align}a\\\\[2pt]\nb\\\\*c\\end{align}", ["\\begin{align}a\\\\[2pt]", "b\\\\", "*c\\end{align}"]),
        ("$$\\begin{cases}a\\\\b\\end{cases}\\\\c$$", ["$$\\begin{cases}a\\\\b\\end{cases}\\\\", "c$$"]),
        ("$$ \\text{a \\\\ b} $$", ["$$ \\text{a \\\\ b} $$"]),
        ("$$ \\{ a \\\\ b \\} $$", ["$$ \\{ a \\\\", "b \\} $$"]),
        ("$$ x % \\\\\n y $$", ["$$ x % \\\\\n y $$"]),
    ],
)
def test_formula_rows(text: str, rows: list[str]) -> None:
    assert parts(text, formula_cuts(text)) == rows


def test_list_items() -> None:
    text = "1. a\n   - n1\n   - n2\n2. b\n   ```\n- no\n   ```\n   $$\n- x\n   $$\n3. c"
    items = parts(text, item_cuts(text, nested=False))
    assert [item[:4] for item in items] == ["1. a", "2. b", "3. c"]
    assert parts(items[0], item_cuts(items[0], nested=True)) == ["1. a", "- n1", "- n2"]


def test_reference_entries() -> None:
    text = "[1] A. B. C.\n   more\n[2] D.\n[Smi+20] E."
    assert parts(text, item_cuts(text, nested=False, entries=True)) == [
        "[1] A. B. C.\n   more",
        "[2] D.",
        "[Smi+20] E.",
    ]


def test_code_keeps_its_fences_beside_lines() -> None:
    text = "```py\na\n\n  b\nc\n```"
    assert fence_of(text) == "```py"
    assert parts(text, line_cuts(text)) == ["```py\na", "b", "c\n```"]


@pytest.mark.parametrize(
    ("text", "room", "head"),
    [
        ("one two three four", 8, "one two "),
        ("oneverylongword", 4, "onev"),
        ("👩‍👩‍👧👩‍👩‍👧x", 6, "👩‍👩‍👧"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301"),
        ("abcdef $x + y + z$ cd", 12, "abcdef "),
        ("$x + y + z$", 6, "$x + y "),
    ],
)
def test_cutting_keeps_words_then_characters_whole(text: str, room: int, head: str) -> None:
    found = cut_prefix(text, 0, len(text), len(text), room, len)
    assert found is not None
    assert text[: found[0]] == head


def test_cutting_gives_up_on_a_character_larger_than_the_room() -> None:
    assert cut_prefix("👩‍👩‍👧👩‍👩‍👧", 0, 10, 10, 2, len) is None
