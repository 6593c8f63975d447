"""`rag-ingest status`."""

from __future__ import annotations

from rag_ingest.commands.options import (
    ConfigOption,
    DbOption,
    EngineOption,
    JsonOption,
    SetOption,
    print_json,
    tree_of,
)

__all__ = ["status"]


def status(
    db: DbOption,
    config: ConfigOption = None,
    engine: EngineOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is in a knowledge base: documents, pages by state, failures with reasons, engines, and what is stale.

    Stale is what ingesting the same files again would redo, by the options of the last run and those given here. The
    files themselves are not looked at: that one is new, changed or gone is for ingest to find.
    """
    from rag_ingest.api import marks_of
    from rag_ingest.config import Config, load_config
    from rag_ingest.console import note, print_status, status_json
    from rag_ingest.errors import ConfigError
    from rag_ingest.ocr.placing import wanted
    from rag_ingest.store.knowledge_base import KnowledgeBase
    from rag_ingest.store.run_configs import RunConfigs
    from rag_ingest.types import UNPLACED

    with KnowledgeBase.open(str(db)) as kb:
        last = next(iter(RunConfigs(kb.uri).all()), None)
        given = bool(config or engine or settings)
        try:
            options = load_config(config, settings or [], base=tree_of(last, kb), engine=engine)
        except ConfigError as e:
            if given:
                raise
            note(f"the options of the last run are none of this version, and nothing is compared with them: {e}")
            options, last = Config(), None
        placing = wanted(options.figures, options.boxes) if last or given else UNPLACED
        found = kb.status(marks_of(options) if given else None, placing)
    if as_json:
        print_json(status_json(found))
    else:
        print_status(found, str(db))
