"""Pages through an engine that is at many of them at a time: order, bounds, trouble, and who waits for whom."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rag_ingest.errors import ModelError, RagIngestError
from rag_ingest.ocr.server import ServerEngine
from rag_ingest.stages import AHEAD, PageResult, Work, recognize
from rag_ingest.types import Failure, FlowingEngine, Page, PageMarkdown, SourceDocument
from tests.http.scripted_server import Handler, hang, painted, proper, serving
from tests.ocr.conftest import MakeEngine

WORK = Work(SourceDocument("d" * 64, "a.pdf", 99), (1, 2))


def page(number: int) -> Page:
    return Page("d" * 64, number, painted(number), None, (612.0, 792.0))


class Threaded:
    """Reads a page in a thread, as it is told to."""

    name, fingerprint, needs_image, batch_size = "threaded", "f", True, 4

    def __init__(self, read: Callable[[int], None]) -> None:
        self.read, self.pool, self.begun = read, ThreadPoolExecutor(self.batch_size), 0

    def begin(self, page: Page) -> Future[PageMarkdown | Failure]:
        self.begun += 1
        return self.pool.submit(self._read, page.doc_id, page.number)

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        return [self.begin(page).result() for page in pages]

    def close(self) -> None:
        self.pool.shutdown()

    def _read(self, doc_id: str, number: int) -> PageMarkdown | Failure:
        self.read(number)
        return PageMarkdown(doc_id, number, f"page {number}", self.name, "f")


def numbers(results: list[Work | PageResult]) -> list[int]:
    return [r.number for r in results if isinstance(r, PageMarkdown)]


def test_the_server_engine_is_one(engine: MakeEngine) -> None:
    with serving() as server:
        assert isinstance(engine(server), FlowingEngine)


def test_a_page_that_takes_long_holds_up_no_other(engine: MakeEngine) -> None:
    """The first one is answered once all the others were asked for, four batches of them."""
    met: list[bool] = []

    def last(handler: Handler) -> None:
        until = time.monotonic() + 5
        while len(handler.scripted.seen) < 16 and time.monotonic() < until:
            time.sleep(0.01)
        met.append(len(handler.scripted.seen) == 16)
        proper(handler)

    with serving(script={0: [last]}) as server:
        results = list(recognize(map(page, range(16)), engine(server, max_in_flight=4)))
    assert met == [True]
    assert server.most_open <= 4
    assert numbers(results) == list(range(16))


@given(st.lists(st.sampled_from(["work", "failure", "page"]), max_size=30), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_everything_comes_in_its_order_whoever_is_first(kinds: list[str], chance: random.Random) -> None:
    waits = [chance.choice([0, 0, 0.002]) for _ in kinds]
    items: list[Work | Page | Failure] = [
        WORK if kind == "work" else page(n) if kind == "page" else Failure("a.pdf", n, "load", "torn")
        for n, kind in enumerate(kinds)
    ]
    threaded = Threaded(lambda n: time.sleep(waits[n]))
    results = list(recognize(items, threaded, lambda page, read: replace(read, markdown=f"finished {page.number}")))
    threaded.close()
    for n, (item, result) in enumerate(zip(items, results, strict=True)):
        if isinstance(item, Page):
            assert isinstance(result, PageMarkdown)
            assert (result.number, result.markdown) == (n, f"finished {n}")
        else:
            assert result is item


def test_what_waits_is_bounded_and_holds_no_images() -> None:
    images: list[weakref.ref[Image.Image]] = []
    seen: list[tuple[int, int]] = []

    def pages() -> Iterator[Page]:
        for n in range(100):
            image = painted(n)
            images.append(weakref.ref(image))
            yield replace(page(n), image=image)
            del image

    def read(n: int) -> None:
        if n == 0:
            time.sleep(0.5)
            gc.collect()
            seen.append((len(images), sum(image() is not None for image in images)))

    threaded = Threaded(read)
    results = list(recognize(pages(), threaded))
    threaded.close()
    assert numbers(results) == list(range(100))
    ((ahead, held),) = seen
    assert AHEAD * threaded.batch_size <= ahead <= AHEAD * threaded.batch_size + 1
    assert held <= 2 * threaded.batch_size + 1, "the others were read and finished"


def test_a_page_that_breaks_the_engine_costs_itself_and_a_wrong_set_up_ends_it() -> None:
    def read(n: int) -> None:
        if n in wrong:
            raise wrong[n]

    wrong: dict[int, Exception] = {2: RuntimeError("no kernel")}
    threaded = Threaded(read)
    results = list(recognize(map(page, range(5)), threaded))
    assert numbers(results) == [0, 1, 3, 4]
    assert results[2] == Failure("", 2, "ocr", "engine threaded failed: RuntimeError: no kernel", "d" * 64)
    wrong[3] = ModelError("no weights")
    came: list[Work | PageResult] = []
    with pytest.raises(RagIngestError, match="no weights"):
        came.extend(recognize(map(page, range(40)), threaded))
    assert numbers(came) == [0, 1]
    with pytest.raises(ZeroDivisionError):
        list(recognize(map(page, range(3)), threaded, lambda page, read: 1 // 0))  # type: ignore[arg-type, return-value]
    threaded.close()


def test_who_leaves_early_or_closes_the_engine_cancels_what_is_under_way(engine: MakeEngine) -> None:
    with serving(script={n: [hang] for n in range(1, 20)}) as server:
        reader: ServerEngine = engine(server, max_in_flight=4, timeout_s=30.0)
        stream = recognize(map(page, range(9)), reader)
        began = time.monotonic()
        assert isinstance(next(iter(stream)), PageMarkdown)
        while len(server.seen) < 5:
            time.sleep(0.01)
        stream.close()  # type: ignore[attr-defined]
        assert server.sees_hang_ups(4)
        begun = [reader.begin(page(n)) for n in range(10, 14)]
        while len(server.seen) < 9:
            time.sleep(0.01)
        reader.close()
        assert server.sees_hang_ups(8)
        assert all(future.cancelled() for future in begun)
        assert time.monotonic() - began < 5


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT to a process")
@pytest.mark.parametrize("ending", ["interrupted", "left"])
def test_ctrl_c_and_the_end_of_the_process_wait_for_nobody(ending: str) -> None:
    program = textwrap.dedent("""
        import sys
        from PIL import Image
        from rag_ingest.ocr.server import ServerEngine, ServerOptions
        from rag_ingest.stages import recognize
        from rag_ingest.types import Page
        engine = ServerEngine(ServerOptions(url=sys.argv[1], max_in_flight=4))
        pages = [Page("d", n, Image.new("RGB", (56, 56), (n, 0, 0)), None, (1.0, 1.0)) for n in range(12)]
        results = recognize(iter(pages), engine)
        next(results)
        sys.stdin.readline() if sys.argv[2] == "left" else next(results)
    """)
    with (
        serving(script={number: [hang] for number in range(1, 12)}) as server,
        subprocess.Popen(
            [sys.executable, "-c", program, server.url, ending],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child,
    ):
        until = time.monotonic() + 15
        while len(server.seen) < 5 and time.monotonic() < until:
            time.sleep(0.02)
        began = time.monotonic()
        if ending == "interrupted":
            child.send_signal(signal.SIGINT)
        _, said = child.communicate("\n", timeout=15)
        assert time.monotonic() - began < 10
        assert said.rstrip().endswith("KeyboardInterrupt") == (ending == "interrupted"), said
        assert server.sees_hang_ups(4)
    assert len(server.seen) == 5
