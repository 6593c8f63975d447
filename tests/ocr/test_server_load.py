"""Many pages against a server with every trouble at once: nothing lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path

from rag_ingest import ingest
from rag_ingest.config import load_config
from rag_ingest.types import Failure, Page, TextLine
from tests.cli.conftest import rows
from tests.http.scripted_server import (
    Action,
    content,
    drops,
    ends,
    hang,
    painted,
    reset,
    serving,
    stalls,
    status,
    streamed,
)
from tests.ocr.conftest import MakeEngine

LOOP = streamed("# Title\n\n" + "The same sentence again and again. " * 200, "length", size=200)
NONSENSE = content(b"<html>gateway</html>", "text/html")

MANY = 128
LOAD: list[tuple[list[Action], str]] = [
    ([], "ok"),
    ([status(500)], "ok"),
    ([LOOP], "ok"),
    ([reset, streamed("")], "ok"),
    ([streamed("cut", "length"), status(429, Retry_After="0"), LOOP], "ok"),
    ([NONSENSE], "ok"),
    ([hang], "ok"),
    ([streamed("page 0 and half of", then=drops)], "ok"),
    ([streamed("page 0 and half of", then=ends), content(b'{"choices": []}')], "ok"),
    ([streamed("page", size=1, pause_s=0.05), LOOP, streamed("cut", "length")], "ok"),
    ([streamed("assistant\nI am happy to help"), streamed("page", then=stalls)], "ok"),
    ([streamed("Это страница на совсем другом языке, " * 9), content(b'{"choi')], "ok"),
    ([status(400, b"never this page")] * 9, "layer"),
    ([LOOP] * 3, "layer"),
    ([drops] * 9, "later"),
    ([streamed("cut", "length"), status(400), NONSENSE], "layer"),
]
"""What 128 pages go through, and who reads them in the end: the model, the fallback, or a later run."""


def many_layer(number: int) -> tuple[TextLine, ...]:
    return (TextLine(f"page {number} as its own layer says", (10.0, 10.0, 90.0, 20.0)),)


def test_sixty_four_in_flight_under_every_trouble_lose_and_double_nothing(engine: MakeEngine) -> None:
    numbers = list(range(MANY))
    script = {n: list(LOAD[n % len(LOAD)][0]) for n in numbers}
    with serving(script=script, work_s=0.05) as server:
        reader = engine(server, retries=2, fallback="textlayer", timeout_s=1.0, witness=False, scripts=("Latin",))
        results = reader.recognize([Page("d" * 64, n, painted(n), many_layer(n), (612.0, 792.0)) for n in numbers])
    assert [r.page if isinstance(r, Failure) else r.number for r in results] == numbers, "each once, in order"
    assert 8 < server.most_open <= 64
    for number, result in zip(numbers, results, strict=True):
        by = LOAD[number % len(LOAD)][1]
        assert isinstance(result, Failure) == (by == "later")
        if isinstance(result, Failure):
            continue
        own = f"page {number}" if by == "ok" else many_layer(number)[0].text
        if number % len(LOAD) == 9:
            own = "page"  # a short answer, slowly, is an answer
        assert (result.markdown, result.checks["verdict"]) == (own, "ok"), LOAD[number % len(LOAD)]


def test_every_page_of_a_scanned_document_is_one_row_with_its_own_text(root: Path, tmp_path: Path) -> None:
    """Pages that the server refuses are failed rows, and the next run reads them when it does so no more."""
    scan, db = tmp_path / "scan.tiff", tmp_path / "db"
    first, *others = [painted(number, (112, 168)) for number in range(1, MANY + 1)]
    first.save(scan, save_all=True, append_images=others, compression="tiff_lzw")
    refused = {number for number in range(1, MANY + 1) if LOAD[number % len(LOAD)][1] != "ok"}
    script = {n: list(LOAD[n % len(LOAD)][0]) if n not in refused else [status(400)] * 9 for n in range(1, MANY + 1)}
    with serving(script=dict(script), work_s=0.01) as server:
        settings = [
            f"server.url={server.url}",
            f"embed_http.url={server.url}",
            "embed_http.model=minilm",
            f"embed_http.tokenizer={root / 'tests' / 'tiny_lightonocr' / 'model' / 'tokenizer.json'}",
            "embed_http.max_tokens=256",
            "server.timeout_s=1",
            "server.backoff_s=0.001",
            "server.fallback=textlayer",
            'server.scripts=["Latin"]',
        ]
        config = load_config(settings=settings, engine="server", embedder="http")
        ingest(scan, db, config=config)
        read = {row["page"]: row for row in rows(db, "pages")}
        assert (len(rows(db, "pages")), sorted(read)) == (MANY, list(range(1, MANY + 1)))
        assert {number for number, row in read.items() if row["state"] == "failed"} == refused
        server.script.clear()
        ingest(scan, db, config=config)
    again = rows(db, "pages")
    assert sorted(row["page"] for row in again) == list(range(1, MANY + 1))
    slow = {number for number in range(1, MANY + 1) if number % len(LOAD) == 9}
    assert {row["page"]: row["markdown"] for row in again} == {
        number: "page" if number in slow else f"page {number}" for number in range(1, MANY + 1)
    }
