"""Runs the pipeline in this process: pages are rendered ahead in worker processes while the engine reads.

A run that was killed at any moment and started again gives the rows of one clean run, by the order of writing: a page's
Markdown goes to the ledger soon after it was read; documents' chunks go in one commit; their `documents` rows are last.

    planning   what is left to do for a document        commit_group   documents that are written together
    page_log   pages into the ledger                    giving_way     documents of which another version is found
    vanished   what is gone from its folder or dump     writer         all of it for what the stages yield
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rag_ingest.errors import StoreError
from rag_ingest.pipeline import Paths, Pipeline
from rag_ingest.report import DocumentReport, EngineChosen, IngestReport, Waiting
from rag_ingest.runners.vanished import vanished
from rag_ingest.runners.writer import Progress, Writer
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.lease import lease
from rag_ingest.store.run_configs import RunConfig, RunConfigs
from rag_ingest.store.schema import DocumentRecord

log = logging.getLogger(__name__)


def run(pipeline: Pipeline, paths: Paths, db: str, progress: Progress, sync: Iterable[str | Path] = ()) -> IngestReport:
    """Ingests `paths` into the knowledge base at `db`; Ctrl-C ends it early with everything kept that was read.

    Another process that writes there is waited for.

    Args:
        pipeline: with the configuration.
        paths: what to read.
        db: folder of the knowledge base, or a URI that LanceDB knows.
        progress: is told what happens.
        sync: folders; what came from a file in them that is gone, or from a dump that no longer has it, is removed at
            the end, but for its pages; versions that had given way to it are read.

    Raises:
        ConfigError: a wrong option, engine or model, before the first page.
        StoreMismatchError: the database was written by another embedder.
    """
    started = time.perf_counter()
    engine, embedder = pipeline.engine, pipeline.embedder
    report = IngestReport(db, engine.name, pipeline.engine_reason, embedder.name)
    if engine.needs_image and pipeline.config.figures.keep == "files":
        FigureFiles(db).check()
    progress(EngineChosen(engine.name, pipeline.engine_reason))

    def told(message: str) -> None:
        progress(Waiting(message))

    with (
        lease(db, told=told) as held,
        KnowledgeBase.open(
            db,
            embedder_name=embedder.name,
            dimension=embedder.dimension,
            create=True,
            settings=pipeline.embedder_settings,
            told=told,
        ) as kb,
    ):
        _remember(pipeline, db)
        try:
            writer = Writer(pipeline, kb, report, progress, held.check)
            writer.run(paths)
            if folders := list(sync):
                held.check()
                writer.read_again(_remove_vanished(pipeline, kb, folders, report, progress))  # last: files may move
        except KeyboardInterrupt:
            report.interrupted = True
        report.left_out += pipeline.left_out
        if report.chunks or "removed" in report.documents:
            held.check()
            _optimize(kb)
    report.seconds = time.perf_counter() - started
    return report


def _remove_vanished(
    pipeline: Pipeline,
    kb: KnowledgeBase,
    folders: Iterable[str | Path],
    report: IngestReport,
    progress: Progress,
) -> list[DocumentRecord]:
    """Removes what vanished; returns the documents that had given way to some of that, and are found again now."""
    failed = {failure.source for failure in report.failures}
    gone = vanished(kb.stamps(), folders, failed, pipeline.config.arxiv)
    removed = kb.remove(gone, keep_pages=True) if gone else []
    for record in removed:
        done = DocumentReport(record.source, record.doc_id, record.title, "removed")
        report.add(done)
        progress(done)
    return kb.versions({record.work for record in removed}).waiting()


def _remember(pipeline: Pipeline, db: str) -> None:
    """The configuration, for `rag-ingest retry`; instead of "auto" the engine that it chose."""
    tree = asdict(pipeline.config)
    if pipeline.engine_reason:  # it was made by its name
        tree["engine"] = pipeline.engine.name
    RunConfigs(db).put(RunConfig(pipeline.ocr_fingerprint, pipeline.split_fingerprint, tree))


def _optimize(kb: KnowledgeBase) -> None:
    """Upkeep, which another writer may get in the way of; it comes again with the next run."""
    try:
        kb.optimize(exclusive=True)
    except StoreError as e:
        log.warning("the knowledge base was not optimized this time: %s", e)
