"""One writer at a time, whatever becomes of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import lancedb
import pytest

from rag_ingest.api import ingest
from rag_ingest.config import load_config
from rag_ingest.errors import StoreError
from rag_ingest.stages import Work
from rag_ingest.store.lease import TableLease, lease

HOLD = """
import sys, time
from rag_ingest.store.lease import lease
with lease(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_told_who_writes_and_gets_it_when_the_first_is_killed(tmp_path: Path) -> None:
    first = holder(tmp_path)
    try:
        with (
            pytest.raises(StoreError, match=rf"being written by process {first.pid} on .* since"),
            lease(str(tmp_path), wait_s=0),
        ):
            pass
        with pytest.raises(StoreError, match=r"for 0\.3 s"), lease(str(tmp_path), wait_s=0.3):
            pass
        told: list[str] = []
        threading.Timer(0.5, first.send_signal, [signal.SIGKILL]).start()
        with lease(str(tmp_path), told=told.append):
            assert first.wait(10) == -signal.SIGKILL
        assert len(told) == 1
        assert f"process {first.pid}" in told[0]
    finally:
        first.kill()
        first.communicate()


def test_threads_take_turns_and_one_that_holds_it_may_take_it_again(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def write(number: int) -> None:
        with lease(str(tmp_path)), lease(str(tmp_path), wait_s=0):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1] * 6


def test_an_error_gives_it_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lease(str(tmp_path)):
        _ = 1 / 0
    with lease(str(tmp_path), wait_s=0):
        pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="can't be written"), lease(str(tmp_path / "file" / "kb")):
        pass


def table_lease(folder: Path, expiry_s: float) -> TableLease:
    return TableLease(lancedb.connect(folder), "db", expiry_s)


def test_a_row_is_held_by_one_and_goes_on_when_it_is_given_back(tmp_path: Path) -> None:
    first, second = table_lease(tmp_path, 30), table_lease(tmp_path, 30)
    first.acquire()
    with pytest.raises(StoreError, match=r"being written by process \d+"):
        second.acquire(0)
    first.check()
    first.release()
    second.acquire(0)
    with pytest.raises(StoreError, match="another one writes"):
        first.check()
    second.release()


def test_a_row_is_renewed_while_it_is_held_and_runs_out_when_its_holder_dies(tmp_path: Path) -> None:
    first, second = table_lease(tmp_path, 1.5), table_lease(tmp_path, 1.5)
    first.acquire()
    with pytest.raises(StoreError):
        second.acquire(2.5)  # longer than it would have lasted
    first._done.set()  # as if the process had died: nobody renews it
    began = time.monotonic()
    second.acquire(10)
    assert time.monotonic() - began < 5
    second.release()


def test_of_many_that_ask_at_once_one_gets_the_row(tmp_path: Path) -> None:
    leases = [table_lease(tmp_path, 30) for _ in range(6)]
    won: list[TableLease] = []

    def ask(one: TableLease) -> None:
        try:
            one.acquire(0)
            won.append(one)
        except StoreError:
            pass

    threads = [threading.Thread(target=ask, args=(one,)) for one in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(won) == 1
    won[0].release()


def test_whoever_slept_too_long_keeps_a_row_that_nobody_took(tmp_path: Path) -> None:
    first, second = table_lease(tmp_path, 1), table_lease(tmp_path, 1)
    first.acquire()
    first._done.set()  # it sleeps: nobody renews the row
    time.sleep(1.1)
    first.check()
    with pytest.raises(StoreError, match="being written"):
        second.acquire(0)
    first.release()


def taken_by_another(folder: Path) -> None:
    """As when the lease has run out, and another process took it."""
    table = lancedb.connect(folder).open_table("leases")
    table.update(values={"holder": "another", "who": "another", "expires": time.time() + 60})


@pytest.mark.parametrize("uri", ["{}", "file://{}"])
def test_a_holder_may_ask_whether_it_still_is(tmp_path: Path, uri: str) -> None:
    with lease(uri.format(tmp_path)) as held:
        held.check()
        if "://" in uri:
            taken_by_another(tmp_path)
            with pytest.raises(StoreError, match="another one writes"):
                held.check()


def test_a_run_whose_lease_is_lost_writes_no_more(tmp_path: Path, corpus: Path) -> None:
    folder = tmp_path / "kb"
    config = load_config(settings=["load.workers=1"], engine="textlayer")

    def lose(event: object) -> None:
        if isinstance(event, Work):
            taken_by_another(folder)

    with pytest.raises(StoreError, match="another one writes"):
        ingest([corpus / "tide-gauges.pdf"], f"file://{folder}", config=config, progress=lose)
    db = lancedb.connect(folder)
    assert [db.open_table(name).count_rows() for name in ("documents", "pages", "chunks")] == [0, 0, 0]
    assert db.open_table("leases").to_arrow()["holder"].to_pylist() == ["another"]
