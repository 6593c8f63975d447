"""Fetching from a hub: a server on this machine that answers as the hub does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

NAME = "lightonai/LightOnOCR-2-1B"
COMMIT = "89abcdef0123456789abcdef0123456789abcdef"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"\x02\0\0\0\0\0\0\0{}",
    "tokenizer.json": b"{}",
    "processor_config.json": b"{}",
    "chat_template.jinja": b"x",
    "pytorch_model.bin": b"a pickle",
    "modeling.py": b"code",
}


class Hub(BaseHTTPRequestHandler):
    """Repository information, and files with their commit and etag."""

    files = FILES
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        if NAME in path:  # the client has questions of its own, too
            self.asked.append(f"{self.command} {path}")
        name = path.rpartition("/")[2]
        if path.startswith(f"/api/models/{NAME}/tree/"):
            tree = [
                {"type": "file", "path": file, "size": len(data), "oid": f"{len(data):040x}"}
                for file, data in self.files.items()
            ]
            self._send(json.dumps(tree).encode(), body)
        elif path.startswith(f"/api/models/{NAME}"):
            siblings = [{"rfilename": file, "size": len(data)} for file, data in self.files.items()]
            self._send(json.dumps({"id": NAME, "sha": COMMIT, "siblings": siblings}).encode(), body)
        elif path.startswith(f"/{NAME}/resolve/") and name in self.files:
            self._send(self.files[name], body)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, data: bytes, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{abs(hash(data)):x}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(data)


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    handler = type("OneHub", (Hub,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def run(code: str, endpoint: str, home: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own, since the client reads its environment once."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1"}
    code = f"from rag_ingest.ocr.models import *\nimport sys\n{code}\nassert 'torch' not in sys.modules"
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_reachable_checkpoint_is_pinned_to_its_commit_and_fetched_without_code_or_pickles(
    hub: tuple[str, type[Hub]], tmp_path: Path
) -> None:
    endpoint, handler = hub
    located = run("found = locate('2-1B'); print(found.folder, identity(found))", endpoint, tmp_path)
    assert located.stdout.split() == ["None", f"{NAME}@{COMMIT}"], located.stderr
    assert handler.asked == [f"HEAD /{NAME}/resolve/main/config.json"], "one request, nothing fetched"
    fetched = run("print(fetch(locate('2-1B')))", endpoint, tmp_path)
    assert fetched.returncode == 0, fetched.stderr
    folder = Path(fetched.stdout.strip())
    assert folder.name == COMMIT
    assert {path.name for path in folder.iterdir()} == FILES.keys() - {"pytorch_model.bin", "modeling.py"}
    handler.asked.clear()
    for wanted in ("locate('2-1B')", "locate('2-1B', 'main')", f"locate('2-1B', '{COMMIT}')"):
        again = run(f"found = {wanted}; print(fetch(found), identity(found))", endpoint, tmp_path)
        assert again.stdout.split() == [str(folder), f"{NAME}@{COMMIT}"], again.stderr
    assert not handler.asked, "what is cached is used without asking"


def test_a_hub_without_the_checkpoint(hub: tuple[str, type[Hub]], tmp_path: Path) -> None:
    answer = run("print(weights_available('someone/else'))", hub[0], tmp_path)
    assert answer.stdout.startswith("(False, "), answer.stderr
    assert "--engine layout" in answer.stdout


def test_an_incomplete_checkpoint_on_the_hub_is_named(
    hub: tuple[str, type[Hub]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, handler = hub
    monkeypatch.setattr(handler, "files", {"config.json": b"{}", "pytorch_model.bin": b"a pickle"})
    failed = run("fetch(locate('2-1B'))", endpoint, tmp_path)
    assert f"ModelError: {NAME} on the hub lacks model.safetensors, tokenizer.json" in failed.stderr
