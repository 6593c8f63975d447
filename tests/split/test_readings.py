"""Chunks know the figures that they show, and how far the reading of their pages can be trusted."""

from __future__ import annotations

from rag_ingest.ocr.checks import BADNESS
from rag_ingest.parse.document import assemble
from rag_ingest.split import SplitOptions, split
from rag_ingest.types import Chunk, Document, Figure, PageMarkdown, SourceDocument

WORDS = "Nothing in this paragraph of ordinary words is about the apparatus that was built. "
BOX = (10.0, 20.0, 300.0, 200.0)


def document(*checks: dict[str, object]) -> Document:
    pages = [
        PageMarkdown(
            "doc",
            number,
            f"{WORDS * 3}\n\n![image](image_1.png)\n\nFigure {number}: The rig.\n\n{WORDS.upper() * 3}",
            "e",
            "f",
            checks=known,
            figures=(Figure("image_1.png", BOX, path=f"figures/{number}.png"),),
        )
        for number, known in enumerate(checks, 1)
    ]
    return assemble(SourceDocument("doc", "/a.pdf", len(pages)), pages)


def chunks(made: Document, tokens: int = 60) -> list[Chunk]:
    return list(split(made, SplitOptions(), lambda text: len(text.split()), tokens))


def test_a_figure_is_in_the_chunks_that_show_its_link_or_caption_and_in_no_other() -> None:
    made = chunks(document({}, {}))
    for chunk in made:
        for number in (1, 2):
            shows = f"Figure {number}: The rig." in chunk.text
            assert shows == any(figure.path == f"figures/{number}.png" for figure in chunk.figures)
    assert any(chunk.figures for chunk in made)
    assert any(not chunk.figures for chunk in made)


def test_a_chunk_has_the_worst_scores_of_its_own_pages() -> None:
    good = {"verdict": "ok", "witness_recall": 0.99, "witness_numbers": 1.0}
    poor = {"verdict": "doubtful", "witness_recall": 0.7}
    both = {"verdict": "doubtful", "witness_recall": 0.7, "witness_numbers": 1.0}
    expected = {(1,): good, (2,): poor, (1, 2): both}
    made = [*chunks(document(good, poor), 30), *chunks(document(good, poor), 1000)]
    assert {chunk.pages for chunk in made} == set(expected)
    for chunk in made:
        assert chunk.metadata == expected[chunk.pages]


def test_the_worst_of_two_verdicts_is_the_one_that_the_checks_hold_for_worse() -> None:
    for verdict, badness in BADNESS.items():
        for other in (name for name, worse in BADNESS.items() if worse > badness):
            (chunk,) = chunks(document({"verdict": verdict}, {"verdict": other}), 1000)
            assert chunk.metadata == {"verdict": other}


def test_nothing_known_is_nothing_said() -> None:
    assert all(chunk.metadata == {} for chunk in chunks(document({}, {})))
