"""What counts as which block, and where an unclosed construct ends."""

from __future__ import annotations

import pytest

from rag_ingest.parse import parse_markdown


def shape(markdown: str) -> list[tuple[str, str]]:
    """Kind and text of every block."""
    document = parse_markdown(markdown)
    return [(b.kind, markdown[b.span.start : b.span.end]) for b in document.blocks]


def kinds(markdown: str) -> list[str]:
    return [kind for kind, _ in shape(markdown)]


@pytest.mark.parametrize(
    ("kind", "markdown"),
    [
        ("formula", "$$\nx\n\n# \\{ y \\}\n\n| a | b |\n$$"),
        ("formula", "$$ E = mc^2 $$ (4)."),
        ("formula", "\\[\nx\n\n## \\, d\\mu\n\\]"),
        ("formula", "\\begin{align*}\na\n\n---\nb\n\\end{align*}"),
        ("formula", "\\$\\$\nx\n\\$\\$"),
        ("formula", "    $$\n    x\n    $$"),
        ("code", "```python\n# no\n\n## no\n```"),
        ("code", "~~~\n```\n~~~"),
        ("code", "````markdown\n```\n# no\n```\n````"),
        ("code", "    indented\n\n    # code"),
        ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("table", "a | b\n--|--\n1 | 2"),
        ("table", "<table><tr><td>1</td></tr></table>"),
        ("table", "<table>\n<tr><td>\n\n# no\n\n<table><tr><td>x</td></tr></table>\n\n</td></tr>\n</table>"),
        ("table", "<table><tr><td>1</td></tr></table><table>\n<tr><td>2</td></tr>\n</table>"),
        ("list", "1. a\n\n   $$\n   x\n   $$\n\n2. b\n   ```sh\n   # no\n   ```"),
        ("figure", "![image](image_1.png)"),
        ("figure", "![image](image_1.png) 10,20,300,400"),
        ("figure", "![image](image_1.png)10,20,300,400"),
        ("figure", "<figure>\n<img src='a'>\n\n<figcaption>x</figcaption>\n</figure>"),
        ("caption", "Table 3: Scores."),
        ("caption", "**Fig. 2.** The pipeline."),
        ("caption", "图 3：流程"),
        ("paragraph", "Figure 2 shows that it works."),
        ("paragraph", "Table 3 lists the scores."),
        ("footnote", "[^1]: Note.\n\n    Second paragraph."),
        ("quote", "> # no section\n> text"),
        ("html", "<!-- page 4 -->"),
        ("html", "<!-- a\n\nb -->"),
        ("html", "---"),
        ("html", "{3}------------------------"),
        ("html", "<div class='x'>\ntext\n</div>"),
        ("paragraph", "price is $$5 or\nmore $$ today"),
        ("paragraph", "[a]: http://example.org"),
        ("paragraph", "#hashtag"),
        ("paragraph", "##"),
    ],
)
def test_one_block(kind: str, markdown: str) -> None:
    assert shape(markdown) == [(kind, markdown if kind == "code" else markdown.strip())]


@pytest.mark.parametrize(
    ("opener", "kind"),
    [
        ("$$\nF = \\int_0^1 g(t)\\,dt \\qquad (5)", "formula"),
        ("\\[\na + b", "formula"),
        ("\\begin{align}\na &= b", "formula"),
        ("```\nfor b in blocks:\n    # pack\n    emit(b)", "code"),
        ("~~~python\nemit(b)", "code"),
        ("<table>\n<tr><td>1</td></tr>", "table"),
        ("<!-- never closed", "html"),
    ],
)
@pytest.mark.parametrize(
    ("stop", "stopped"),
    [
        ("\n\n## 5 Results\n\nText.", "heading"),
        ("\n\nThis prose comes after the construct that nobody closed.", "paragraph"),
        ("\n<!-- page 2 -->\n\nText.", "html"),
        ("\n\n## 5 Results\n\n$$\nx\n$$\n\n```\ncode\n```\n\n<table><tr><td>1</td></tr></table>", "heading"),
    ],
)
def test_an_unclosed_construct_ends_at_the_earliest_safe_stop(opener: str, kind: str, stop: str, stopped: str) -> None:
    blocks = shape(opener + stop)
    assert blocks[0] == (kind, opener)
    assert blocks[1][0] == stopped


def test_a_heading_follows_each_of_many_unclosed_constructs() -> None:
    parts = [f"$$\na_{i} = b\n\n## {i} Section\n\nSome words that are prose here." for i in range(5)]
    document = parse_markdown("\n\n".join(parts))
    assert [b.heading_path[-1] for b in document.blocks if b.kind == "heading"] == [f"{i} Section" for i in range(5)]


def test_code_that_looks_like_a_paper_stays_code_while_its_fences_pair_up() -> None:
    code = "```\ntext\n\n## 5 Results\n\nAnd a long line of prose in the listing.\n```"
    assert shape(f"# A\n\n{code}\n\nEnd.")[1] == ("code", code)


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("## 3 Method ##", "3 Method"),
        ("# **Bold** and *it* `c`", "Bold and it c"),
        ("# A_b_c and $x_1 * y_2$", "A_b_c and $x_1 * y_2$"),
        ("# [Link](http://a.b/c_d) <a id='x'></a>note[^3]", "Link note"),
        ("# 5\\. Results \\& more {#sec:res}", "5. Results & more"),
        ("Title\n=====", "Title"),
        ("Title\r---", "Title"),
        ("\f# After a form feed", "After a form feed"),
    ],
)
def test_titles_are_words(markdown: str, title: str) -> None:
    (block,) = parse_markdown(markdown).blocks
    assert (block.kind, block.heading_path) == ("heading", (title,))


@pytest.mark.parametrize(
    "markdown",
    [
        "# \\{ x : f(x) > 0 \\}",
        "A long sentence that runs on, and on:\n---",
        "# " + "word " * 80,
        "word " * 60 + "\n---",
    ],
)
def test_what_only_looks_like_a_heading_is_none(markdown: str) -> None:
    assert "heading" not in kinds(markdown)


def test_paths_follow_levels() -> None:
    document = parse_markdown("# T\n\na\n\n### Deep\n\nb\n\n## S\n\nc\n\n# U\n\nd")
    paths = [b.heading_path for b in document.blocks if b.kind == "paragraph"]
    assert paths == [("T",), ("T", "Deep"), ("T", "S"), ("U",)]


def test_references_are_what_stands_under_their_heading() -> None:
    markdown = "## 7. References\n\n[1] A.\n\n- B.\n\n# Appendix\n\nText."
    assert kinds(markdown) == ["heading", "reference", "reference", "heading", "paragraph"]


def test_a_caption_without_punctuation_needs_its_table() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    assert kinds(f"Table 1 Scores of all\n\n{table}") == ["caption", "table"]
    assert kinds(f"Table 1 shows scores\n\n{table}") == ["paragraph", "table"]


def test_constructs_interrupt_a_paragraph() -> None:
    markdown = "Text is\n$$\nx\n$$\nwhere x\n| a | b |\n|---|---|\n| 1 | 2 |\nSource: us\n![i](a.png)\nFigure 1: It."
    assert kinds(markdown) == ["paragraph", "formula", "paragraph", "table", "paragraph", "figure", "caption"]


def test_lists_nested_beyond_any_use_cost_nothing_after_them() -> None:
    markdown = "- " * 500 + "x\n\n" + "> " * 500 + "y\n\n# After\n\nText."
    assert kinds(markdown)[-2:] == ["heading", "paragraph"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spans_are_exact_around_odd_characters(end: str) -> None:
    parts = ["a\u2028b \0 c", "\ttab", "x\u0085y", "\u2029", "$$ 1 $$", "end"]
    markdown = (end * 2).join(parts)
    assert [text for _, text in shape(markdown)] == ["a\u2028b \0 c", "\ttab", "x\u0085y", "$$ 1 $$", "end"]
