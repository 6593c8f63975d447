"""Heading levels agree over a whole paper, and paths are what a reader wants."""

from __future__ import annotations

import pytest

from rag_ingest.parse import parse_markdown
from rag_ingest.parse.numbering import read_number, sure_numbers
from rag_ingest.types import Document
from tests.parse.papers import paper


def paths(document: Document) -> list[str]:
    return [" > ".join(b.heading_path) for b in document.blocks if b.kind == "heading"]


def outline_of(*headings: str) -> list[str]:
    """Paths of a paper that has these headings, a page each."""
    document = paper(*(f"{heading}\n\nText below {heading[-1]}." for heading in headings))
    assert all(1 <= b.level <= 6 for b in document.blocks if b.kind == "heading")
    return paths(document)


@pytest.mark.parametrize(
    "headings",
    [
        ("# On Things", "## Abstract", "## 1 Introduction", "## 3 Method", "### 3.2 Loss", "## References"),
        ("# On Things", "# Abstract", "# 1 Introduction", "# 3 Method", "# 3.2 Loss", "# References"),
        ("## On Things", "## Abstract", "# 1 Introduction", "### 3 Method", "# 3.2 Loss", "#### References"),
    ],
)
def test_numbers_decide_whatever_the_marks(headings: tuple[str, ...]) -> None:
    expected = ["On Things", "On Things > Abstract", "On Things > 1 Introduction", "On Things > 3 Method"]
    expected += ["On Things > 3 Method > 3.2 Loss", "On Things > References"]
    if headings[0] == "## On Things":  # nothing says that it is the title
        expected = [path.removeprefix("On Things > ") for path in expected]
        assert outline_of(*headings)[1:] in (expected[1:], [f"On Things > {path}" for path in expected[1:]])
    else:
        assert outline_of(*headings) == expected


def test_a_paper_without_a_title_begins_with_its_sections() -> None:
    assert outline_of("## 3 Method", "## 3.2 Loss", "## 3.2.1 Details", "# 4 Results") == [
        "3 Method",
        "3 Method > 3.2 Loss",
        "3 Method > 3.2 Loss > 3.2.1 Details",
        "4 Results",
    ]


def test_appendices_are_at_the_top() -> None:
    assert outline_of("# T of it", "## 1 Introduction", "## References", "## A Proofs", "## A.1 Lemma", "# B Data") == [
        "T of it",
        "T of it > 1 Introduction",
        "T of it > References",
        "T of it > A Proofs",
        "T of it > A Proofs > A.1 Lemma",
        "T of it > B Data",
    ]
    assert outline_of("# 1 Introduction", "## Appendix A Proofs", "# Appendix A.1 Lemma", "### Appendix B") == [
        "1 Introduction",
        "Appendix A Proofs",
        "Appendix A Proofs > Appendix A.1 Lemma",
        "Appendix B",
    ]


def test_roman_sections_have_lettered_parts() -> None:
    headings = [
        "# Title of it",
        "# I. INTRODUCTION",
        "# II. METHOD",
        "# A. Data",
        "# B. Model",
        "# III. RESULTS",
        "# REFERENCES",
    ]
    assert outline_of(*headings)[1:] == [
        "Title of it > I. INTRODUCTION",
        "Title of it > II. METHOD",
        "Title of it > II. METHOD > A. Data",
        "Title of it > II. METHOD > B. Model",
        "Title of it > III. RESULTS",
        "Title of it > REFERENCES",
    ]


def test_an_unnumbered_heading_is_placed_beside_the_numbered_one_above() -> None:
    assert outline_of(
        "# T of it", "## 2 Method", "### 2.1 Data", "#### Sources", "## Limits of it", "## 3 Results"
    ) == [
        "T of it",
        "T of it > 2 Method",
        "T of it > 2 Method > 2.1 Data",
        "T of it > 2 Method > 2.1 Data > Sources",
        "T of it > Limits of it",
        "T of it > 3 Results",
    ]


def test_usual_names_are_at_the_top_where_nothing_is_numbered() -> None:
    assert outline_of("# T of it", "# Abstract", "## Introduction", "# Methods", "## Samples", "# Results") == [
        "T of it",
        "T of it > Abstract",
        "T of it > Introduction",
        "T of it > Methods",
        "T of it > Methods > Samples",
        "T of it > Results",
    ]


def test_numbers_that_count_within_a_section_decide_nothing() -> None:
    headings = ["# T of it", "## Introduction", "## Methods", "### 1) Mice", "### 2) Men", "## Results", "### 1) Mice"]
    assert outline_of(*headings)[-4:] == [
        "T of it > Methods > 1) Mice",
        "T of it > Methods > 2) Men",
        "T of it > Results",
        "T of it > Results > 1) Mice",
    ]


def test_markdown_levels_stay_where_nothing_contradicts_them() -> None:
    markdown = "# Manual\n\n## Setup\n\n### Results\n\n## Usage\n\n# Other"
    assert paths(parse_markdown(markdown)) == [
        "Manual",
        "Manual > Setup",
        "Manual > Setup > Results",
        "Manual > Usage",
        "Other",
    ]


def test_levels_change_and_the_text_does_not() -> None:
    document = paper("# T of it\n\n# 1 One", "### 1.1 Two")
    assert document.markdown == "# T of it\n\n# 1 One\n\n### 1.1 Two"
    assert [b.level for b in document.blocks] == [1, 2, 3]


@pytest.mark.parametrize(
    "title", ["2020 results", "3D models", "A study of it", "I am here", "K-means", "5", "In short"]
)
def test_what_is_no_number(title: str) -> None:
    assert read_number(title) is None


def test_a_number_needs_a_neighbour_or_to_be_the_first() -> None:
    assert sure_numbers(["10 Simple Rules", "Abstract"]) == [None, None]
    assert sure_numbers(["A Tale of Cities", "1 Introduction"])[0] is None
    assert all(sure_numbers(["1. Introduction", "2.Method", "Section 4", "§5 Data", "Chapter 9", "2.1.3 X"]))
