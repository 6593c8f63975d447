"""Every row of a knowledge base, for before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lancedb


def rows(db: Path) -> dict[str, list[dict[str, Any]]]:
    """By table, in a fixed order, without times of day."""
    opened, volatile = lancedb.connect(db), {"updated_at", "ingested_at"}
    found = {name: opened.open_table(name).to_arrow().to_pylist() for name in ("documents", "pages", "chunks")}
    return {
        name: sorted(({k: v for k, v in row.items() if k not in volatile} for row in theirs), key=str)
        for name, theirs in found.items()
    }
