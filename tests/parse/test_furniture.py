"""Running headers, footers and page numbers are left out; nothing else is."""

from __future__ import annotations

import pytest

from tests.parse.papers import paper, removed

WORDS = ("one", "two", "three", "four", "five", "six")
BODY = [f"Some text of page {word} that says something new." for word in WORDS]


def with_edges(head: str, foot: str, count: int = 6, first: int = 1) -> list[str]:
    pages = []
    for i in range(count):
        n = first + i
        parts = [head.format(n=n), BODY[i], f"And a second paragraph about {BODY[i].split()[4]}.", foot.format(n=n)]
        pages.append("\n\n".join(part for part in parts if part))
    return pages


@pytest.mark.parametrize(
    ("head", "foot"),
    [
        ("Journal of Things, Vol. 12", ""),
        ("Journal of Things **12**, {n}", ""),
        ("# Journal of Things", ""),
        ("{n} Smith et al.", ""),
        ("", "{n}"),
        ("", "- {n} -"),
        ("", "Page {n} of 12"),
        ("", "# {n}"),
        ("", "<page_number>{n}</page_number>"),
        ("<header>Smith et al.</header>", "<footer>{n}</footer>"),
        ("", "Downloaded from https://example.org/content/{n} by guest on 3 May 2020"),
        ("", "© 2020 The Authors. Published by Somebody Ltd. All rights reserved."),
        ("J. Smith and A. Jones", "{n} | Page"),
    ],
)
def test_what_recurs_at_the_edges_goes(head: str, foot: str) -> None:
    pages = with_edges(head, foot, first=7)
    document = paper(*pages)
    assert document.markdown == "\n\n".join(with_edges("", ""))
    expected = [part.format(n=7 + i) for i in range(6) for part in (head, foot) if part]
    assert removed(document, "furniture") == expected


def test_odd_and_even_headers_and_recognition_errors() -> None:
    heads = ["Smith et al.", "Fast things for slow people", "Srnith et al.", "Fast thlngs for slow people"] * 2
    document = paper(*(f"{head}\n\n{body}" for head, body in zip(heads, BODY, strict=False)))
    assert document.markdown == "\n\n".join(BODY)


@pytest.mark.parametrize("count", [4, 5, 6])
def test_headers_of_odd_and_even_pages_of_a_short_paper(count: int) -> None:
    heads = ["Smith et al.", "On fast things"]
    pages = [BODY[0], *(f"{heads[i % 2]}\n\n{body}" for i, body in enumerate(BODY[1:count]))]
    expected = "\n\n".join(BODY[:count]) if count > 4 else "\n\n".join(pages)
    assert paper(*pages).markdown == expected


def test_roman_page_numbers_come_before_arabic_ones() -> None:
    numbers = ["i", "ii", "iii", "1", "2", "3"]
    document = paper(*(f"{body}\n\n{n}" for n, body in zip(numbers, BODY, strict=True)))
    assert removed(document, "furniture") == numbers


def test_a_header_that_no_blank_line_parts_from_the_text() -> None:
    document = paper(*(f"Journal of Things\n{body}\n{body[::-1]}\n{i}" for i, body in enumerate(BODY, 4)))
    assert document.markdown == "\n\n".join(f"{body}\n{body[::-1]}" for body in BODY)


def test_the_title_stays_where_the_running_title_goes() -> None:
    title = "Attention to Running Titles"
    pages = [f"# {title}\n\nA. Author\n\n{BODY[0]}", *(f"{title}\n\n{body}" for body in BODY[1:])]
    document = paper(*pages)
    assert document.markdown.startswith(f"# {title}\n\nA. Author")
    assert document.title == title
    assert removed(document, "furniture") == [title] * 5


@pytest.mark.parametrize("mark", ["", "# "])
def test_the_heading_stays_that_a_running_header_repeats(mark: str) -> None:
    pages = [*BODY[:2], f"# Getting Started\n\n{BODY[2]}", *(f"{mark}Getting Started\n\n{b}" for b in BODY[3:])]
    document = paper(*pages, f"{mark}Getting Started\n\nMore of it.")
    assert document.markdown.count("Getting Started") == 1
    assert [b.heading_path for b in document.blocks if b.kind == "heading"] == [("Getting Started",)]


def test_a_running_header_above_the_title_goes() -> None:
    pages = [f"# Journal of Things\n\n# On the Removal of Headers\n\n{BODY[0]}"]
    pages += [f"# Journal of Things\n\n{body}" for body in BODY[1:]]
    document = paper(*pages)
    assert document.title == "On the Removal of Headers"
    assert "Journal" not in document.markdown


@pytest.mark.parametrize(
    "same",
    [
        "# Introduction",
        "## 3 Method",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "$$\nx = y\n$$",
        "![logo](logo.png)",
        "Table 1: Scores.",
        "(a)",
        "Table 1 (continued)\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    ],
)
def test_what_is_no_furniture_stays_though_it_recurs(same: str) -> None:
    pages = [f"{same}\n\n{body}" for body in BODY]
    assert removed(paper(*pages), "furniture") == []


def test_text_that_recurs_in_the_middle_stays() -> None:
    note = "Note: handle with care"
    pages = [f"{body}\n\na\n\nb\n\n{note}\n\nc\n\nd\n\n{body[::-1]}" for body in BODY]
    pages[2] = f"{note}\n\n{pages[2]}"
    assert removed(paper(*pages), "furniture") == []


def test_two_pages_lose_their_page_numbers_and_nothing_more() -> None:
    document = paper(f"Some header\n\n{BODY[0]}\n\n11", f"Some header\n\n{BODY[1]}\n\n12")
    assert removed(document, "furniture") == ["11", "12"]
    assert removed(paper(f"{BODY[0]}\n\n11", f"{BODY[1]}\n\n15"), "furniture") == []
    assert removed(paper(f"{BODY[0]}\n\n1"), "furniture") == []


def test_the_stamp_of_arxiv_goes_from_the_first_page() -> None:
    stamp = "arXiv:1706.03762v7 [cs.CL] 2 Aug 2023"
    document = paper(f"{stamp}\n\n# Title\n\n{BODY[0]}", f"{BODY[1]} See {stamp}.")
    assert removed(document, "furniture") == [stamp]


def test_numbers_that_do_not_count_the_pages_stay() -> None:
    values = [3, 17, 4, 90, 12, 55]
    pages = [f"{body}\n\n{value}" for body, value in zip(BODY, values, strict=True)]
    assert removed(paper(*pages), "furniture") == []


def test_parts_with_a_roman_number_stay() -> None:
    pages = [f"# {number}\n\n{body}" for number, body in zip(["I", "II", "III", "IV"], BODY, strict=False)]
    assert removed(paper(*pages), "furniture") == []


def test_sentences_that_differ_in_a_number_stay() -> None:
    pages = [f"Running title of it\n\nThis is the text of page {n} of the paper.\n\n{n}" for n in range(1, 7)]
    document = paper(*pages)
    assert document.markdown == "\n\n".join(f"This is the text of page {n} of the paper." for n in range(1, 7))


def test_a_page_that_is_nothing_but_furniture_is_empty() -> None:
    pages = [*(f"Journal of Things\n\n{body}\n\n{n}" for n, body in enumerate(BODY[:5], 1)), "Journal of Things\n\n6"]
    document = paper(*pages)
    assert len(document.page_spans[-1].span) == 0
    assert document.markdown == "\n\n".join(BODY[:5])
