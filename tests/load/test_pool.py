"""Hostile files, crashes, interrupts: one page lost, nothing left running."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rag_ingest.errors import LoadError
from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.types import Failure, Page, Source


def write(folder: Path, name: str, data: bytes) -> Source:
    file = folder / name
    file.write_bytes(data)
    return Source(str(file), "pdf")


def test_a_page_that_takes_too_long_costs_itself_alone(tmp_path, form_bomb, plain_pdf, children):
    bomb, plain = write(tmp_path, "bomb.pdf", form_bomb), write(tmp_path, "plain.pdf", plain_pdf)
    assert len(form_bomb) < 4000
    with PdfLoader(LoadOptions(workers=1, page_timeout_s=2)) as loader:
        document = loader.open(bomb)
        started = time.monotonic()
        (failure,) = loader.pages(document, [1])
        assert time.monotonic() - started < 10
        assert failure == Failure(
            bomb.uri, 1, "load", "page took longer than 2 s; raise load.page_timeout_s", document.doc_id
        )
        pages = list(loader.pages(loader.open(plain), [1, 2]))
        assert [page.text_layer[0].text for page in pages] == ["Page number 1", "Page number 2"]
        assert len(children()) == 1
    assert not children()


def test_a_page_that_takes_too_much_memory_costs_itself_alone(tmp_path, memory_bomb, plain_pdf, children):
    bomb, plain = write(tmp_path, "bomb.pdf", memory_bomb), write(tmp_path, "plain.pdf", plain_pdf)
    with PdfLoader(LoadOptions(workers=1, worker_memory_mb=128)) as loader:
        (failure,) = loader.pages(loader.open(bomb), [1])
        assert isinstance(failure, Failure)
        assert "memory" in failure.reason
        (page,) = loader.pages(loader.open(plain), [3])
        assert isinstance(page, Page)
    assert not children()


def test_a_killed_worker_costs_at_most_the_page_it_was_reading(tmp_path, plain_pdf, children):
    source = write(tmp_path, "plain.pdf", plain_pdf)
    with PdfLoader(LoadOptions(workers=1)) as loader:
        document = loader.open(source)
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        results = [next(iter(loader.pages(document, [n]))) for n in (1, 2, 3)]
        assert [type(result) for result in results[1:]] == [Page, Page]
        if isinstance(results[0], Failure):
            assert "crashed" in results[0].reason
            assert "SIGKILL" in results[0].reason


def test_leaving_a_generator_early_leaves_the_loader_usable(tmp_path, plain_pdf, children):
    source = write(tmp_path, "plain.pdf", plain_pdf)
    with PdfLoader(LoadOptions(workers=2)) as loader:
        document = loader.open(source)
        pages = loader.pages(document, range(1, 8))
        next(pages)
        again = loader.open(source)  # while the other generator waits
        assert again == document
        pages.close()
        assert [p.number for p in loader.pages(document, [7, 1])] == [7, 1]
    assert not children()


def test_a_background_thread_may_drive_it(tmp_path, plain_pdf):
    source = write(tmp_path, "plain.pdf", plain_pdf)
    numbers = []

    def drive():
        with PdfLoader(LoadOptions(workers=2)) as loader:
            numbers.extend(page.number for page in loader.pages(loader.open(source), range(1, 8)))

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join(60)
    assert numbers == list(range(1, 8))


def test_close_from_another_thread_ends_a_page_under_way(tmp_path, form_bomb, children):
    loader = PdfLoader(LoadOptions(workers=1))
    document = loader.open(write(tmp_path, "bomb.pdf", form_bomb))
    results = []
    thread = threading.Thread(target=lambda: results.extend(loader.pages(document, [1])))
    thread.start()
    time.sleep(0.5)
    loader.close()
    loader.close()
    thread.join(10)
    assert not thread.is_alive()
    assert [(type(r), r.reason) for r in results] == [(Failure, "the loader is closed")]
    assert not children()
    with pytest.raises(LoadError, match="closed"):
        loader.open(Source(document.source, "pdf"))


def test_a_loader_that_nobody_closes_leaves_no_process(tmp_path, plain_pdf, children, eventually):
    loader = PdfLoader(LoadOptions(workers=1))
    loader.open(write(tmp_path, "plain.pdf", plain_pdf))
    assert children()
    del loader
    gc.collect()
    assert eventually(lambda: not children())


SCRIPT = """
import sys
from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.types import Source
with PdfLoader(LoadOptions(workers=1)) as loader:
    document = loader.open(Source(sys.argv[1], "pdf"))
    print("open", flush=True)
    print([type(p).__name__ for p in loader.pages(document, [1])])
"""


def start(tmp_path: Path, data: bytes) -> subprocess.Popen[str]:
    """A script without a main guard, amid its first page."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    source = write(tmp_path, "source.pdf", data)
    process = subprocess.Popen(
        [sys.executable, str(script), source.uri], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "open\n"
    return process


def test_a_script_needs_no_main_guard(tmp_path, plain_pdf):
    process = start(tmp_path, plain_pdf)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "['Page']\n", "")


def test_an_interrupt_leaves_one_traceback_and_no_process(tmp_path, form_bomb, children_of, eventually):
    process = start(tmp_path, form_bomb)
    workers = children_of(process.pid)
    assert workers
    time.sleep(0.3)
    for pid in (process.pid, *workers):  # as a terminal does to all that it can reach
        os.kill(pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert err.count("Traceback") <= 1
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_workers_end_when_their_parent_is_killed_amid_a_page(tmp_path, form_bomb, children_of, eventually):
    process = start(tmp_path, form_bomb)
    workers = children_of(process.pid)
    assert workers
    process.kill()
    process.communicate(timeout=30)
    assert eventually(lambda: not any(Path(f"/proc/{pid}/fd/0").exists() for pid in workers))
