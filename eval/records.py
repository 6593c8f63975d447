"""What a run leaves in its folder, and how it is read again: results.json, rows.parquet, misses.jsonl."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, cast

from eval.datasets import Question
from eval.measures import Scores
from eval.metrics import Passage
from rag_ingest.errors import ConfigError

RESULTS, ROWS, MISSES = "results.json", "rows.parquet", "misses.jsonl"
CACHE = "cache"

_KEYS = ("suite", "dataset", "method", "arms", "skipped", "comparisons")


@dataclass(frozen=True, slots=True)
class Row:
    """One question in one arm.

    Attributes:
        reason: why it was missed at the primary budget, one of `eval.misses.REASONS`; "" when it was answered.
        retrieved: the passages that the primary budget pays for, whole, best first.
        hits: 1-based ranks of those that hold the evidence.
    """

    arm: str
    question: Question
    scores: Scores
    reason: str = ""
    retrieved: tuple[Passage, ...] = ()
    hits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A folder that a run wrote.

    Attributes:
        folder: where.
        results: of results.json.
        rows: of rows.parquet, a record a question and arm.
    """

    folder: Path
    results: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]

    @property
    def arms(self) -> list[str]:
        """Names, in order."""
        return [arm["name"] for arm in self.results["arms"]]

    def of(self, arm: str) -> dict[str, Mapping[str, Any]]:
        """Question to an arm's record.

        Raises:
            ConfigError: there is no such arm.
        """
        if arm not in self.arms:
            raise ConfigError(f"no arm {arm!r} in {self.folder} (arms: {', '.join(self.arms)})")
        return {row["question_id"]: row for row in self.rows if row["arm"] == arm}


def row_record(row: Row) -> dict[str, Any]:
    """A row as it stands in rows.parquet."""
    return {
        "arm": row.arm,
        "question_id": row.question.id,
        "question_digest": digest(row.question),
        "doc": row.question.doc,
        "stratum": row.question.stratum,
        **row.scores.values,
        "best_coverage": row.scores.best_coverage,
        "first_rank": row.scores.first_rank,
        "reason": row.reason,
    }


def digest(question: Question) -> str:
    """Tells whether two runs asked the same: wording, places and evidence."""
    golds = [(gold.doc, dict(gold.evidence)) for gold in question.golds]
    asked = json.dumps([question.question, golds], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(asked.encode("ascii")).hexdigest()[:16]


def write_rows(rows: Sequence[Row], file: Path) -> None:
    """Writes rows.parquet; `first_rank` is null where no passage is relevant."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(row_record(rows[0])) if rows else []
    columns = {name: [row_record(row)[name] for row in rows] for name in names}
    types = {"first_rank": pa.int64()}
    pq.write_table(pa.table({name: pa.array(values, types.get(name)) for name, values in columns.items()}), file)


def prepare(out: Path) -> None:
    """Makes the folder that a run is written into, before anything is read.

    Raises:
        ConfigError: it can't be made, or not be written into.
    """
    try:
        (out / CACHE).mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as e:
        raise ConfigError(f"--out {out} can't be written: {e.strerror}; name another folder") from e


def read_results(folder: Path, needed: Sequence[str]) -> Mapping[str, Any]:
    """What results.json says.

    Args:
        folder: that a run wrote.
        needed: keys that must be there.

    Raises:
        ConfigError: the folder holds no run, or a damaged one.
    """
    try:
        results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except OSError as e:
        raise ConfigError(f"{folder} holds no run ({e.strerror}): python -m eval run SUITE --out {folder}") from e
    except ValueError as e:
        raise ConfigError(f"{folder} holds a damaged run: {RESULTS}: {e}") from e
    missing = [key for key in needed if not isinstance(results, dict) or key not in results]
    if missing:
        raise ConfigError(f"{folder} holds no run of this version: {RESULTS} lacks {missing[0]!r}; run it again")
    return cast(Mapping[str, Any], results)


def load(folder: Path) -> Run:
    """Reads what a run wrote.

    Raises:
        ConfigError: the folder holds no run, or one of an earlier version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    results = read_results(folder, _KEYS)
    try:
        rows = pq.read_table(folder / ROWS).to_pylist()
    except OSError as e:
        raise ConfigError(f"{folder} holds no run ({e.strerror or e}): python -m eval run SUITE --out {folder}") from e
    except (ValueError, pa.ArrowException) as e:
        raise ConfigError(f"{folder} holds a damaged run: {e}") from e
    if rows and "question_digest" not in rows[0]:
        raise ConfigError(f"{folder} was written by an earlier version: run it again")
    return Run(folder, results, rows)
