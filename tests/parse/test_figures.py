"""A figure's image link, caption and page, found again in the joined text."""

from __future__ import annotations

import pytest

from rag_ingest.parse.document import assemble
from rag_ingest.types import Document, Figure, PageMarkdown, PlacedFigure, SourceDocument

BOX = (10.0, 20.0, 300.0, 200.0)
PROSE = "Some words about the apparatus stand here, so that the page looks like one of a paper."


def paper(*pages: str, figures: int = 1, names: str = "image_{n}.png") -> Document:
    made = [
        PageMarkdown(
            "doc", number, text, "e", "f", figures=tuple(Figure(names.format(n=n + 1), BOX) for n in range(figures))
        )
        for number, text in enumerate(pages, 1)
    ]
    return assemble(SourceDocument("doc", "/a.pdf", len(pages)), made)


def shown(document: Document, figure: PlacedFigure) -> str:
    return document.markdown[figure.span.start : figure.span.end]


def test_each_figure_is_found_with_its_caption_on_its_page() -> None:
    text = "{0}\n\n![image](image_1.png)\n\n{1}\n\n{0}"
    document = paper(
        text.format(PROSE, "Figure 1: The rig."), text.format(PROSE.upper(), "**Fig. 2.** What it\nmeasured.")
    )
    assert [(f.page, f.number, f.caption, f.bbox) for f in document.figures] == [
        (1, 1, "Figure 1: The rig.", BOX),
        (2, 1, "**Fig. 2.** What it measured.", BOX),
    ]
    for figure in document.figures:
        assert shown(document, figure) == "![image](image_1.png)"
        assert figure.caption_span is not None
        caption = document.markdown[figure.caption_span.start : figure.caption_span.end]
        assert " ".join(caption.split()) == figure.caption


def test_it_is_told_where_the_crop_lies() -> None:
    kept = {"file": {"path": "figures/x.png"}, "table": {"in_table": True}, "": {}}
    for stored, where in kept.items():
        figures = (Figure("image_1.png", BOX, **where),)  # type: ignore[arg-type]
        page = PageMarkdown("doc", 1, f"{PROSE}\n\n![image](image_1.png)", "e", "f", figures=figures)
        (figure,) = assemble(SourceDocument("doc", "/a.pdf", 1), [page]).figures
        assert figure.stored == stored


def test_panels_share_a_caption_and_a_caption_above_counts() -> None:
    panels = f"{PROSE}\n\n![image](image_1.png)\n\n![image](image_2.png)\n\nFigure 1: Both.\n\n{PROSE}"
    assert [f.caption for f in paper(panels, figures=2).figures] == ["Figure 1: Both."] * 2
    above = f"{PROSE}\n\nFigure 1: Above.\n\n![image](image_1.png)\n\n{PROSE}"
    assert [f.caption for f in paper(above).figures] == ["Figure 1: Above."]


def test_a_tables_caption_is_none_of_a_figure() -> None:
    text = f"{PROSE}\n\n![image](image_1.png)\n\nTable 1: Scores.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n{PROSE}"
    assert [f.caption for f in paper(text).figures] == [""]


@pytest.mark.parametrize(
    "caption",
    [
        "Figure 4 Tablet dissolution over time.",
        "_Figure 4 Table tennis balls._",
        "Abbildung 3 Tabelle im Foyer.",
        "Plate 3 Tablets.",
    ],
)
def test_a_figures_caption_may_speak_of_tablets_and_tables(caption: str) -> None:
    assert [f.caption for f in paper(f"{PROSE}\n\n![image](image_1.png)\n\n{caption}").figures] == [caption]


@pytest.mark.parametrize(
    "label", ["Table 1", "**Table 1**", "Tables 1–2", "TABLE S1", "Tab. 2", "Tabelle 3", "Extended Data Table 1"]
)
def test_tables_are_known_by_many_names(label: str) -> None:
    assert [f.caption for f in paper(f"{PROSE}\n\n![image](image_1.png)\n\n{label}: Scores.").figures] == [""]


def test_two_links_of_one_name_are_taken_in_turn_and_lost_links_are_left_out() -> None:
    text = f"{PROSE}\n\n![image](same.png)\n\nFigure 1: One.\n\n{PROSE}\n\n![image](same.png)\n\nFigure 2: Two."
    document = paper(text, figures=3, names="same.png")
    assert [(f.number, f.caption) for f in document.figures] == [(1, "Figure 1: One."), (2, "Figure 2: Two.")]
    assert paper(PROSE).figures == ()


def test_verdict_and_scores_of_pages_are_kept_and_other_checks_are_not() -> None:
    checks = {"verdict": "doubtful", "witness_recall": 0.8, "furniture": ["12"], "witness_lost": 3}
    pages = [PageMarkdown("d", 1, PROSE, "e", "f", checks=checks), PageMarkdown("d", 2, PROSE.upper(), "e", "f")]
    document = assemble(SourceDocument("d", "/a.pdf", 2), pages)
    assert document.page_checks == {1: {"verdict": "doubtful", "witness_recall": 0.8}}
