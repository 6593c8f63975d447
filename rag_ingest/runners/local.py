"""Runs the pipeline in this process: pages are rendered ahead in worker processes while the engine reads.

A run that was killed at any moment and started again gives the rows of one clean run, by the order of writing: a page's
Markdown goes to the ledger soon after it was read; documents' chunks go in one commit; their `documents` rows are last.

    planning   what is left to do for a document        commit_group   documents that are written together
    page_log   pages into the ledger                    writer         all of it for what the stages yield
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rag_ingest.errors import StoreError
from rag_ingest.load.discover import find_sources
from rag_ingest.load.member_uri import file_of
from rag_ingest.pipeline import Paths, Pipeline
from rag_ingest.report import DocumentReport, EngineChosen, IngestReport, Waiting
from rag_ingest.runners.writer import Progress, Writer
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.lease import lease
from rag_ingest.store.run_configs import RunConfig, RunConfigs
from rag_ingest.types import Source

log = logging.getLogger(__name__)


def run(pipeline: Pipeline, paths: Paths, db: str, progress: Progress, sync: Iterable[str | Path] = ()) -> IngestReport:
    """Ingests `paths` into the knowledge base at `db`; Ctrl-C ends it early with everything kept that was read.

    Another process that writes there is waited for.

    Args:
        pipeline: with the configuration.
        paths: what to read.
        db: folder of the knowledge base, or a URI that LanceDB knows.
        progress: is told what happens.
        sync: folders; what came from a file in them that is gone is removed at the end, but for its pages.

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
    with (
        lease(db, told=lambda message: progress(Waiting(message))) as held,
        KnowledgeBase.open(
            db,
            embedder_name=embedder.name,
            dimension=embedder.dimension,
            create=True,
            settings=pipeline.embedder_settings,
        ) as kb,
    ):
        _remember(pipeline, db)
        try:
            Writer(pipeline, kb, report, progress, held.check).run(paths)
            held.check()
            _remove_vanished(kb, sync, report, progress)  # behind it: a file that only moved is known again before
        except KeyboardInterrupt:
            report.interrupted = True
        report.left_out += pipeline.left_out
        if report.chunks or "removed" in report.documents:
            held.check()
            _optimize(kb)
    report.seconds = time.perf_counter() - started
    return report


def _remove_vanished(
    kb: KnowledgeBase, folders: Iterable[str | Path], report: IngestReport, progress: Progress
) -> None:
    """Sources in these folders whose file is gone. A folder without any source is left alone: a disk may be missing."""
    roots = [Path(os.path.normpath(Path(folder).expanduser().absolute())) for folder in folders]
    roots = [root for root in roots if any(isinstance(found, Source) for found in find_sources([root]))]
    if not roots:
        return
    gone = []
    for record in kb.documents():
        file = Path(file_of(record.source))
        if "://" not in record.source and any(file.is_relative_to(root) for root in roots) and not file.exists():
            gone.append(record.source)
    for record in kb.remove(gone, keep_pages=True):
        done = DocumentReport(record.source, record.doc_id, record.title, "removed")
        report.add(done)
        progress(done)


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
