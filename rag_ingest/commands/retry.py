"""`rag-ingest retry`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from rag_ingest.commands.ingest import password_setting, run_found, tell
from rag_ingest.commands.options import (
    ConfigOption,
    DbOption,
    EngineOption,
    JsonOption,
    PasswordOption,
    SetOption,
    print_json,
    tree_of,
)
from rag_ingest.types import Failure, Source

if TYPE_CHECKING:
    from rag_ingest.config import Config
    from rag_ingest.report import IngestReport
    from rag_ingest.store.knowledge_base import KnowledgeBase

__all__ = ["retry"]

SHOWN = 3
"""Sources that a hint names."""


def retry(
    db: DbOption,
    config: ConfigOption = None,
    engine: EngineOption = None,
    settings: SetOption = None,
    password: PasswordOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read failed pages and sources again, by the configuration of before; what was read stays."""
    from rag_ingest.config import load_config
    from rag_ingest.report import IngestReport
    from rag_ingest.store.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(db) as kb:
        groups = _by_configuration(kb)
    if not groups:
        typer.echo("nothing failed", err=True)
        if as_json:
            print_json(IngestReport(db).as_json())
        return
    over = [*(settings or []), *password_setting(password)]
    options = [load_config(config, over, base=base, engine=engine) for base, _ in groups]
    report: IngestReport | None = None
    for (_, sources), their_options in zip(groups, options, strict=True):
        if report is None:
            report = _retried(sources, db, their_options)
        elif not report.interrupted:
            report.include(_retried(sources, db, their_options))
    assert report is not None
    tell(report, as_json, _hint(report))


def _retried(sources: Sequence[str], db: str, options: Config) -> IngestReport:
    """What is not there any more, or no PDF, needs neither engine nor embedder to say so."""
    from rag_ingest.load.discover import find_sources
    from rag_ingest.report import DocumentReport, IngestReport

    found = list(find_sources(sources))
    if any(isinstance(item, Source) for item in found):
        return run_found(found, db, options)
    report = IngestReport(db)
    report.failures = [item for item in found if isinstance(item, Failure)]
    for failure in report.failures:
        report.add(DocumentReport(failure.source, failure.doc_id, "", "failed"))
    return report


def _hint(report: IngestReport) -> str:
    """How to get rid of sources that fail as a whole."""
    sources = list(dict.fromkeys(failure.source for failure in report.failures if failure.page is None))
    if not sources or report.interrupted:
        return ""
    shown = " ".join(shlex.quote(source) for source in sources[:SHOWN]) + (" …" if len(sources) > SHOWN else "")
    return f"what is gone for good, out of the knowledge base: rag-ingest remove {shown} --db {shlex.quote(report.db)}"


def _by_configuration(kb: KnowledgeBase) -> list[tuple[dict[str, Any], list[str]]]:
    """(a tree for `load_config`, sources that failed by it); the embedder is always that of the knowledge base."""
    from rag_ingest.store.run_configs import RunConfigs, config_of

    runs = RunConfigs(kb.uri).all()
    failed = list(dict.fromkeys(failure.source for failure in kb.failures()))
    documents = kb.documents_of(failed)
    bases: dict[tuple[str, ...], dict[str, Any]] = {}  # by what decides them: thousands may have failed alike
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for source in failed:
        document = documents.get(source)
        marks = (document.ocr_fingerprint, document.split_fingerprint, document.engine) if document else ()
        if marks not in bases:
            bases[marks] = tree_of(config_of(document, runs), kb)
            if "engine" not in bases[marks] and document and document.engine:
                bases[marks]["engine"] = document.engine
        base = bases[marks]
        groups.setdefault(json.dumps(base, sort_keys=True, default=str), (base, []))[1].append(source)
    return list(groups.values())
