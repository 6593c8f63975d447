"""`python -m eval ocr`: what it prints, what it keeps, what a lost page costs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from eval.__main__ import app
from eval.datasets import ROOT
from rag_ingest import registry
from rag_ingest.types import Failure, Page, PageMarkdown

TINY = ROOT / "tests" / "tiny_lightonocr"
ROWS = [
    {"pdf": "gauges.pdf", "page": 1, "id": "g1", "type": "present", "text": "Ilse Varnholt, Tomas Reke, Adaeze Quill"},
    {"pdf": "gauges.pdf", "page": 2, "id": "g2", "type": "absent", "text": "Ultrasonic tide gauges are"},
    {"pdf": "gauges.pdf", "page": 3, "id": "g3", "type": "math", "math": "x=1"},
]
READY = {"gauges_pg1.md": "Ilse Varnholt, Tomas Reke, Adaeze Quill", "gauges_pg2.md": "", "gauges_pg3.md": "$x=1$"}


class Unlucky:
    """An engine that fails on page 2 until it is told better; it notes what it was asked for."""

    asked: ClassVar[list[int]] = []
    name, fingerprint, needs_image, batch_size = "unlucky", "unlucky-1", False, 2

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._fails = options.get("fails", 2)

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        self.asked.extend(page.number for page in pages)
        return [
            Failure("", page.number, "ocr", "spilt coffee", page.doc_id)
            if page.number == self._fails
            else PageMarkdown(page.doc_id, page.number, READY[f"gauges_pg{page.number}.md"], self.name, "unlucky-1")
            for page in pages
        ]

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(registry.ENGINES, "unlucky", f"{__name__}:Unlucky")
    monkeypatch.chdir(tmp_path)
    Unlucky.asked.clear()
    (tmp_path / "bench" / "pdfs").mkdir(parents=True)
    demo = ROOT / "eval" / "corpus" / "demo" / "tide-gauges.pdf"
    (tmp_path / "bench" / "pdfs" / "gauges.pdf").write_bytes(demo.read_bytes())
    (tmp_path / "bench" / "gauges.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    (tmp_path / "ready").mkdir()
    for name, markdown in READY.items():
        (tmp_path / "ready" / name).write_text(markdown)
    return tmp_path / "bench"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["ocr", *map(str, arguments)])


def test_an_engine_reads_the_pages_and_json_is_all_of_stdout(bench: Path) -> None:
    done = call(bench, "--engine", "textlayer", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["engine"] == "textlayer"
    assert {kind: (rate["pass_rate"], rate["n"]) for kind, rate in found["by_type"].items()} == {
        "present": (1.0, 1),
        "absent": (1.0, 1),
        "math": (0.0, 1),
        "baseline": (1.0, 1),
    }
    assert (found["pass_rate"], found["n"]) == (0.75, 4)
    assert [failure["id"] for failure in found["failures"]] == ["g3"]
    assert (found["writers"], found["lost"]) == ({"textlayer": 3}, [])
    assert "engine textlayer" in done.stderr


def test_a_lost_page_costs_that_page_and_is_read_again_next_time(bench: Path) -> None:
    first = call(bench, "--engine", "unlucky", "--json")
    assert first.exit_code == 3
    assert "failed: gauges.pdf, page 2: spilt coffee" in first.stderr
    found = json.loads(first.stdout)
    assert found["lost"] == ["gauges.pdf, page 2: spilt coffee"]
    assert [(failure["id"], failure["why"]) for failure in found["failures"]] == [("g2", "page not read")]
    Unlucky.asked.clear()
    again = call(bench, "--engine", "unlucky", "--set", "plugins.unlucky.fails=0", "--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout)["pass_rate"] == 1.0
    assert Unlucky.asked == [2]


def test_options_come_from_a_file_too(bench: Path) -> None:
    Path("options.toml").write_text("[plugins.unlucky]\nfails = 3\n")
    done = call(bench, "--engine", "unlucky", "--config", "options.toml")
    assert done.exit_code == 3
    assert "pages: 2 by unlucky; 1 lost" in done.stdout


def test_a_file_that_is_no_pdf_costs_that_file(bench: Path) -> None:
    (bench / "pdfs" / "broken.pdf").write_bytes(b"no PDF")
    done = call(bench, "--engine", "textlayer", "--json")
    assert done.exit_code == 3
    assert "broken.pdf" in json.loads(done.stdout)["lost"][0]
    assert json.loads(done.stdout)["by_type"]["baseline"]["pass_rate"] == 0.5


def test_ready_markdown(bench: Path) -> None:
    done = call(bench, "--markdown", "ready", "--failures")
    assert done.exit_code == 0
    assert "pages: 3 by folder:ready; 0 lost" in done.stdout
    assert "g1 (present" not in done.stdout
    assert "formulas compared by" in done.stdout


def test_a_file_of_tests_can_be_left_out(bench: Path) -> None:
    (bench / "headers_footers.jsonl").write_text(json.dumps({**ROWS[0], "id": "h1", "text": "nowhere at all"}))
    arguments = [bench, "--markdown", "ready", "--json"]
    whole, less = (json.loads(call(*arguments, *more).stdout) for more in ([], ["--without", "headers_footers.jsonl"]))
    assert (whole["n"], less["n"]) == (5, 4)
    assert (whole["overall"], less["overall"]) == (pytest.approx(2 / 3), 1.0)
    assert less["by_type"]["baseline"] == whole["by_type"]["baseline"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name either --engine or --markdown"),
        (["--engine", "layout", "--markdown", "x"], "name either --engine or --markdown"),
        (["--markdown", "ready", "--set", "layout.ocr=always"], "ready output has no options"),
        (["--engine", "layuot"], "did you mean 'layout'"),
        (["--engine", "layout", "--set", "layout.ocr=sometimes"], "layout.ocr = 'sometimes'"),
        (["--engine", "layout", "--set", "layout.orc=always"], "unknown configuration key 'layout.orc'"),
        (["--engine", "layout", "--out", "ready/gauges_pg1.md"], "can't be written"),
        (["--markdown", "nowhere"], "has no Markdown for these PDFs"),
        (["--markdown", "ready", "--without", "scans.jsonl"], "no file of tests 'scans.jsonl' (there are: gauges"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_read(bench: Path, arguments: list[str], message: str) -> None:
    done = call(bench, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_without_data_it_says_what_belongs_where(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_INGEST_DATA", str(bench / "nowhere"))
    done = call("--engine", "textlayer")
    assert done.exit_code == 2
    assert re.search(r"no olmOCR-bench sample in .*\$RAG_INGEST_DATA.*olmocr/sample_data/ with pdfs/", done.stderr)


def test_lightonocr_reads_the_pages(bench: Path) -> None:
    """A checkpoint that knows one of the pages by heart: the PDF's page is rendered to the pixels of its training."""
    with Image.open(TINY / "pages" / "03.png") as image:
        image.quantize(256).save(bench / "pdfs" / "gauges.pdf", resolution=72.0)
        edge_px = max(image.size)
    rows = [ROWS[0] | {"text": "The energy of a body at rest is"}, ROWS[2] | {"page": 1, "math": "E=m c^{2}"}]
    (bench / "gauges.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = [f"ocr.model={TINY / 'model'}", f"load.longest_edge_px={edge_px}", "ocr.fallback=none"]
    arguments = [part for setting in settings for part in ("--set", setting)]
    done = call(bench, "--engine", "lightonocr", *arguments, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["writers"] == {"lightonocr": 1}
    assert (found["pass_rate"], found["n"]) == (1.0, 3)
