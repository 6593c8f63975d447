"""Engines over a scripted server, closed whatever becomes of the test: open sockets would hide its failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from rag_ingest.ocr.server import ServerEngine, ServerOptions
from tests.http.scripted_server import ScriptedServer

MakeEngine: TypeAlias = Callable[..., ServerEngine]


@pytest.fixture
def engine() -> Iterator[MakeEngine]:
    """Makes `server` engines that are quick to give up; without retries or another engine unless told so."""
    made: list[ServerEngine] = []

    def make(server: ScriptedServer | str, **options: Any) -> ServerEngine:
        url = server if isinstance(server, str) else server.url
        quick = {"timeout_s": 5.0, "connect_timeout_s": 2.0, "backoff_s": 0.001, "max_backoff_s": 0.01}
        once = {"retries": 0, "fallback": "none"}
        made.append(ServerEngine(ServerOptions(url=url, **{**quick, **once, **options})))
        return made[-1]

    yield make
    for one in made:
        one.close()
