"""`python -m eval.object_store`: the commands against an S3 server over HTTP, as a person would give them.

The server is moto's, which is no part of the project: `pip install "moto[server]" s3fs boto3`, some 300 MB, in an
environment of its own that also has rag_ingest. Every database is compared, row by row and vectors byte for byte, with
one in a local folder. Figures: eval/object_store.md.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from eval.kill import VOLATILE

BUCKET = "bucket"
CORPUS = Path(__file__).parent / "corpus" / "demo"
WITNESS = "[1/"
"""When this is told, a document is written: a moment to end something at."""

_SERVE = """
import sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

app, one, log = DomainDispatcherApplication(create_backend_app), threading.Lock(), open(sys.argv[2], "a", buffering=1)

def counted(environ, start):
    log.write(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}\\n")
    if environ["REQUEST_METHOD"] != "PUT":
        return app(environ, start)
    with one:  # moto looks whether a key is there, then writes it; S3 does both at once
        return app(environ, start)

run_simple("127.0.0.1", int(sys.argv[1]), counted, threaded=True)
"""


@dataclass(frozen=True)
class Told:
    """One command: what it said on stderr, how it ended, and what it cost."""

    code: int
    lines: tuple[str, ...]
    seconds: float
    requests: int


class Store:
    """A running server, and a door to it that can be shut."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "requests.log"
        self._port, self.door = _free_port(), _free_port()
        command = [sys.executable, "-c", _SERVE, str(self._port), str(self.log)]
        self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._doorman: subprocess.Popen[bytes] | None = None
        self.open()
        os.environ.update(
            {
                **dict.fromkeys(("AWS_ENDPOINT", "AWS_ENDPOINT_URL"), f"http://127.0.0.1:{self.door}"),
                **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing"),
                **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), "us-east-1"),
                "AWS_ALLOW_HTTP": "true",
                "AWS_EC2_METADATA_DISABLED": "true",
                "XDG_CACHE_HOME": str(folder / "cache"),
            }
        )
        _until(lambda: _listens(self._port))

    def open(self) -> None:
        """Lets requests through."""
        self._doorman = subprocess.Popen(
            [sys.executable, "-c", _DOOR, str(self.door), str(self._port)], stderr=subprocess.DEVNULL
        )
        _until(lambda: _listens(self.door))

    def shut(self) -> None:
        """From now on nothing listens."""
        if self._doorman is not None:
            self._doorman.kill()
            self._doorman.wait()

    def close(self) -> None:
        """Ends both."""
        self.shut()
        self._server.kill()
        self._server.wait()

    def requests(self) -> int:
        """So far."""
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


_DOOR = """
import asyncio, sys

async def pour(source, sink):
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()

async def entered(reader, writer):
    inside, out = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    await asyncio.gather(pour(reader, out), pour(inside, writer))

async def main():
    async with await asyncio.start_server(entered, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()

asyncio.run(main())
"""


def main() -> None:
    """Prints what each command cost, and what was wrong."""
    with tempfile.TemporaryDirectory() as name, _store(Path(name)) as store:
        report = _scenes(store, Path(name))
    print(json.dumps(report, indent=2, ensure_ascii=False))
    raise SystemExit(1 if report["wrong"] else 0)


def _scenes(store: Store, folder: Path) -> dict[str, Any]:
    wrong: list[str] = []
    costs: dict[str, Any] = {}
    papers = str(CORPUS)
    clean = str(folder / "clean")

    def told(scene: str, *arguments: str, code: int = 0, at: Callable[[int], None] | None = None) -> Told:
        done = _run(store, arguments, at)
        costs[scene] = asdict(done) if code else {"seconds": round(done.seconds, 1), "requests": done.requests}
        wrong.extend([f"{scene}: exit code {done.code}, {done.lines[-1:]}"] if done.code != code else [])
        return done

    def same(scene: str, db: str) -> None:
        wrong.extend(f"{scene}: {fault}" for fault in _differences(clean, db))

    def ingest(scene: str, db: str, *paths: str, code: int = 0, at: Callable[[int], None] | None = None) -> Told:
        return told(scene, "ingest", *(paths or (papers,)), "--db", db, "--engine", "textlayer", code=code, at=at)

    ingest("local folder", clean)
    for scene in ("first", "again"):
        ingest(scene, f"s3://{BUCKET}/kb")
        same(scene, f"s3://{BUCKET}/kb")
    for mode in ("vector", "text", "hybrid"):
        told(f"search, {mode}", "search", "drift", "--mode", mode, "--db", f"s3://{BUCKET}/kb")
    ingest("killed", f"s3://{BUCKET}/killed", code=-signal.SIGKILL, at=lambda pid: os.kill(pid, signal.SIGKILL))
    ingest("killed, again", f"s3://{BUCKET}/killed")
    same("killed, again", f"s3://{BUCKET}/killed")
    ingest("Ctrl-C", f"s3://{BUCKET}/stopped", code=1, at=lambda pid: os.kill(pid, signal.SIGINT))
    ingest("Ctrl-C, again", f"s3://{BUCKET}/stopped")
    same("Ctrl-C, again", f"s3://{BUCKET}/stopped")
    ingest("server gone", f"s3://{BUCKET}/gone", code=1, at=lambda pid: store.shut())
    store.open()
    ingest("server gone, again", f"s3://{BUCKET}/gone")
    same("server gone, again", f"s3://{BUCKET}/gone")
    other = threading.Thread(target=ingest, args=("one of two", f"s3://{BUCKET}/two"))
    other.start()
    ingest("the other of two", f"s3://{BUCKET}/two")
    other.join()
    same("two at once", f"s3://{BUCKET}/two")
    told("no such bucket", "status", "--db", "s3://no-such-bucket/kb", code=1)
    _upload()
    for scene in ("papers and a dump at s3://, first", "papers and a dump at s3://, again"):
        ingest(scene, str(folder / "far"), f"s3://{BUCKET}/papers", f"s3://{BUCKET}/arXiv_pdf_2001_001.tar")
    return {"costs": costs, "wrong": wrong}


def _run(store: Store, arguments: tuple[str, ...], at: Callable[[int], None] | None) -> Told:
    """Runs a command; `at` is called with its process id as soon as a document is written."""
    began, before = time.perf_counter(), store.requests()
    command = [sys.executable, "-m", "rag_ingest.cli", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lines = []
    for line in process.stderr or ():
        lines.append(line.rstrip())
        if at is not None and line.startswith(WITNESS):
            at(process.pid)
            at = None
    code = process.wait()
    return Told(code, tuple(lines), round(time.perf_counter() - began, 1), store.requests() - before)


def _differences(clean: str, other: str) -> Iterator[str]:
    import lancedb

    for table, volatile in VOLATILE.items():
        found = [lancedb.connect(db).open_table(table).to_arrow().drop_columns(list(volatile)) for db in (clean, other)]
        here, there = ([str(row) for row in rows.to_pylist()] for rows in found)
        if sorted(here) != sorted(there):
            yield f"{table}: {len(set(here) ^ set(there))} rows differ, {len(here)} and {len(there)} are there"


def _upload() -> None:
    client = _client()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number, paper in enumerate(sorted(CORPUS.glob("*.pdf"))):
            client.upload_file(str(paper), BUCKET, f"papers/{paper.name}")
            tar.add(paper, f"2001/2001.0000{number}.pdf")
    client.put_object(Bucket=BUCKET, Key="arXiv_pdf_2001_001.tar", Body=out.getvalue())


@contextmanager
def _store(folder: Path) -> Iterator[Store]:
    try:
        for package in ("boto3", "moto.server", "s3fs"):
            import_module(package)
    except ImportError as error:
        raise SystemExit(f'{error}; pip install "moto[server]" s3fs boto3') from error
    store = Store(folder)
    try:
        _client().create_bucket(Bucket=BUCKET)
        yield store
    finally:
        store.close()


def _client() -> Any:
    return import_module("boto3").client("s3")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as there:
        return there.connect_ex(("127.0.0.1", port)) == 0


def _until(true: Callable[[], bool], patience_s: float = 60.0) -> None:
    end = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > end:
            raise SystemExit("the server does not start")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
