"""The server engine against `transformers serve` with the small LightOnOCR checkpoint: real weights, exact texts."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from rag_ingest.errors import ConfigError
from rag_ingest.ocr.server import ServerEngine, ServerOptions
from rag_ingest.types import Page, PageMarkdown

FIXTURE = Path(__file__).resolve().parent.parent / "tiny_lightonocr"
CHECKPOINT = next((f.parent for f in sorted(FIXTURE.rglob("model.safetensors"))), None)
PAGES = sorted((FIXTURE / "pages").glob("*.png"))
LACKING = [name for name in ("fastapi", "uvicorn", "openai", "accelerate") if importlib.util.find_spec(name) is None]
START_S = 120

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHECKPOINT is None, reason=f"no small checkpoint in {FIXTURE}: run its train.py"),
    pytest.mark.skipif(bool(LACKING), reason=f"not installed: {', '.join(LACKING)} (pip install 'rag-ingest[serve]')"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address. It runs in the checkpoint's parent folder and names the model by the folder's own name."""
    assert CHECKPOINT is not None
    folder = tmp_path_factory.mktemp("serve")
    log = folder / "log.txt"
    program = "from transformers.cli.transformers import main; main()"
    options = ["--host", "127.0.0.1", "--port", "0", "--device", "cpu"]
    hub = folder / "hub"  # /v1/models lists the hub's cache: an empty one
    hub.mkdir()
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-c", program, "serve", CHECKPOINT.name, *options],
            cwd=CHECKPOINT.parent,
            env={
                **os.environ,
                "HF_HUB_CACHE": str(hub),
                "HF_HUB_OFFLINE": "1",
                "PYTHONUNBUFFERED": "1",
                "OMP_NUM_THREADS": "1",
            },
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(server, log)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        found = re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text())
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"transformers serve did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def engine(url: str, **options: object) -> Iterator[ServerEngine]:
    assert CHECKPOINT is not None
    chosen = {"model": CHECKPOINT.name, "temperature": 0.0, "max_new_tokens": 512, "max_attempts": 1, **options}
    made = ServerEngine(ServerOptions(url=url, **chosen))  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


def page(number: int, file: Path) -> Page:
    with Image.open(file) as image:
        return Page("f" * 64, number, image.convert("RGB"), None, (image.width * 0.36, image.height * 0.36))


def test_every_page_is_read_exactly_at_once(served: str) -> None:
    with engine(served) as reader:
        reader.check()
        results = reader.recognize([page(number, file) for number, file in enumerate(PAGES, 1)])
    assert len(results) == len(PAGES) >= 8
    for number, (file, result) in enumerate(zip(PAGES, results, strict=True), 1):
        assert isinstance(result, PageMarkdown), result
        assert (result.number, result.finish_reason) == (number, "stop")
        assert result.markdown == file.with_suffix(".md").read_text(encoding="utf-8").strip()
        assert result.checks["new_tokens"] > 0


def test_the_token_limit_cuts_a_page_and_says_so(served: str) -> None:
    with engine(served, max_new_tokens=9, retries=0, fallback="none") as reader:
        (result,) = reader.recognize([page(1, PAGES[0])])
    assert isinstance(result, PageMarkdown)
    assert result.finish_reason == "length"
    assert result.checks["new_tokens"] == 9
    assert PAGES[0].with_suffix(".md").read_text(encoding="utf-8").startswith(result.markdown)
    assert result.markdown


def test_a_model_that_the_server_is_not_pinned_to_fails_with_its_reason(served: str) -> None:
    with engine(served, model="another/model") as reader:
        (result,) = reader.recognize([page(1, PAGES[0])])
    assert not isinstance(result, PageMarkdown)
    assert "status 400" in result.reason
    assert "pinned" in result.reason


def test_check_finds_a_wrong_path(served: str) -> None:
    with engine(f"{served}/nowhere") as reader, pytest.raises(ConfigError, match=r"404.*is server\.url right\?"):
        reader.check()
