"""What paragraphs are for, and what the front of a paper tells."""

from __future__ import annotations

import pytest

from rag_ingest.parse import parse_markdown
from tests.parse.papers import blocks, paper

ENTRIES = [f"[{i}] A. Author and B. Writer. On things, part {i}. Journal, {2000 + i}." for i in range(1, 10)]


@pytest.mark.parametrize("title", ["Acknowledgements", "7. Acknowledgment", "Funding", "Acknowledgments and Funding"])
def test_acknowledgements_are_known_by_their_heading(title: str) -> None:
    document = parse_markdown(f"# T\n\n## {title}\n\nWe thank all.\n\n## Appendix\n\nText.")
    assert [b.kind for b in document.blocks] == ["heading", "heading", "acknowledgement", "heading", "paragraph"]


@pytest.mark.parametrize(
    "run_in", ["**Acknowledgements.** We thank", "*Acknowledgments* — We thank", "Funding: It was"]
)
def test_acknowledgements_are_known_by_their_first_words(run_in: str) -> None:
    document = parse_markdown(f"Text.\n\n{run_in} somebody.\n\nMore text.")
    assert [b.kind for b in document.blocks] == ["paragraph", "acknowledgement", "paragraph"]


@pytest.mark.parametrize(
    "text", ["Funding models differ between fields.", "References to it are rare.", "Acknowledge it."]
)
def test_words_that_only_begin_alike_are_text(text: str) -> None:
    assert [b.kind for b in parse_markdown(text).blocks] == ["paragraph"]


def test_a_label_heads_references() -> None:
    document = parse_markdown("Text.\n\n**References**\n\n" + "\n\n".join(ENTRIES) + "\n\n**Appendix**\n\nText.")
    assert [b.kind for b in document.blocks] == ["paragraph"] * 2 + ["reference"] * 9 + ["paragraph"] * 2


def test_references_without_a_heading_are_known_at_the_end() -> None:
    assert len(blocks(paper("Text.", "\n\n".join(ENTRIES)), "reference")) == 9
    assert blocks(paper("Text.", "\n".join(f"- {entry}" for entry in ENTRIES)), "reference")
    assert not blocks(paper("Text.", "\n\n".join(ENTRIES[:3])), "reference")
    assert not blocks(paper("\n\n".join(f"{i}. Press the button {i} times." for i in range(9))), "reference")


def test_notes_at_the_foot_of_a_page() -> None:
    document = paper(
        "Some text of it ends in\n\n¹ A first note.\n\n$^{2}$ Another note.", "the middle. More text here."
    )
    assert blocks(document, "footnote") == ["¹ A first note.", "$^{2}$ Another note."]
    assert blocks(document, "paragraph") == ["Some text of it ends in the middle. More text here."]
    assert not blocks(paper("*Theorem 1.* It holds.\n\n*Theorem 2.* It holds."), "footnote")


FRONT = "# On the Nature of Things\n\n{authors}\n\n{abstract}\n\n## 1 Introduction\n\nText."


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ada Lovelace, Charles Babbage", "Ada Lovelace, Charles Babbage"),
        ("Ada Lovelace$^{1,2}$, Karl Marx$^{*}$ and Alan M. Turing", "Ada Lovelace, Karl Marx, Alan M. Turing"),
        ("Ada Lovelace<sup>1</sup> Karl Marx<sup>2</sup>\n\n<sup>1</sup>University", "Ada Lovelace, Karl Marx"),
        ("Ada Lovelace*\nUniversity of London\nada@example.org\n\nJan van der Berg†", "Ada Lovelace, Jan van der Berg"),
        ("Department of Things, London", None),
        ("We show that things are as they are.", None),
    ],
)  # fmt: skip
def test_authors_are_named_without_marks(written: str, read: str | None) -> None:
    document = paper(FRONT.format(authors=written, abstract="**Abstract.** We show it."))
    assert document.metadata.get("authors") == read


@pytest.mark.parametrize(
    "abstract",
    [
        "## Abstract\n\nWe show it.\n\nIn two parts.",
        "# ABSTRACT\n\nWe show it.\n\nIn two parts.\n\nKeywords: it",
        "**Abstract**\n\nWe show it.\n\nIn two parts.",
    ],
)
def test_the_abstract_is_what_stands_below_its_heading(abstract: str) -> None:
    document = paper(FRONT.format(authors="Ada Lovelace", abstract=abstract))
    assert document.metadata["abstract"] == "We show it.\n\nIn two parts."
    assert document.title == "On the Nature of Things"


@pytest.mark.parametrize("mark", ["**Abstract.** ", "Abstract—", "ABSTRACT: ", "***Abstract*—**", "*Abstract*: "])
def test_the_abstract_may_begin_its_own_paragraph(mark: str) -> None:
    document = paper(FRONT.format(authors="Ada Lovelace", abstract=f"{mark}We show it."))
    assert document.metadata["abstract"] == "We show it."


def test_what_the_loader_knows_stays() -> None:
    given = {"authors": "A. L.", "abstract": "Known."}
    page = FRONT.format(authors="Ada Lovelace", abstract="**Abstract.** We show it.")
    assert paper(page, metadata=dict(given)).metadata == given


def test_a_title_that_is_no_heading() -> None:
    assert paper("On the Nature of Things\n\nAda Lovelace\n\nAbstract: We show it.").title == "On the Nature of Things"
    assert paper("## Abstract\n\nText.\n\n# 1 Introduction\n\nText.").title == "paper-7"
