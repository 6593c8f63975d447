"""`python -m eval.kill PATH… --out DIR`: an ingest that is killed again and again, against one that is left alone.

The command is started, killed with SIGKILL at a random moment of a chosen phase (starting, rendering, OCR, embedding,
writing pages, committing documents, upkeep), and started again, until the wanted number of kills is reached; then it
runs to its end. Every row of every table must be that of a run that was not killed, vectors byte for byte, but for
times. Where a run comes to its end before it is killed, the rows are compared then, and a new database is begun.
Figures: eval/kill.md.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

PHASE_NAMES = {
    "s": "starting",
    "r": "rendering",
    "o": "OCR",
    "e": "embedding",
    "w": "writing pages",
    "c": "committing documents",
    "u": "upkeep",
}
VOLATILE = {
    "documents": ("ingested_at",),
    "pages": ("updated_at", "seconds", "attempts"),
    "chunks": (),
}
"""Columns that say when and how long; `attempts` counts what a killed process did."""

PATIENCE_S = 1200.0

PAGES_A_DOCUMENT = 8
"""About so many: what comes once a document, or once a few seconds, is let pass less often."""

IN_A_ROW = 2
"""So often each phase is hit in one database, upkeep last: it comes when all else is done."""


@dataclass
class Tally:
    """Kills by the phase they hit, databases that came to their end, and what was wrong in them."""

    kills: Counter[str] = field(default_factory=Counter)
    databases: int = 0
    faults: list[str] = field(default_factory=list)


def main(
    paths: Annotated[list[Path], typer.Argument(help="What to ingest.")],
    out: Annotated[Path, typer.Option(help="Folder for both databases.")],
    kills: Annotated[int, typer.Option(help="How many.")] = 40,
    spread: Annotated[int, typer.Option(help="At most so many pages are let pass before a kill.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 1,
    option: Annotated[list[str] | None, typer.Option(help="An argument of `rag-ingest ingest`. Repeatable.")] = None,
) -> None:
    """Says how many kills hit which phase, and whether the rows are those of a clean run; exit code 1 if not.

    A clean database that is there already is taken, and only brought up to date.
    """
    arguments = [*map(str, paths), *(option or [])]
    out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    _start([*arguments, "--db", str(out / "clean")], out / "phase").wait()
    clean_s = time.perf_counter() - began
    began = time.perf_counter()
    tally = _killed_often(arguments, out, kills, spread, random.Random(seed))
    report = {
        "kills": sum(tally.kills.values()),
        "by_phase": {PHASE_NAMES[phase]: n for phase, n in sorted(tally.kills.items())},
        "databases_completed": tally.databases,
        "clean_s": round(clean_s, 1),
        "killed_s": round(time.perf_counter() - began, 1),
        "rows": {table: len(_rows(out / "clean", table)) for table in VOLATILE},
        "differences": tally.faults,
    }
    print(json.dumps(report, indent=2))
    raise typer.Exit(1 if tally.faults else 0)


def _start(arguments: list[str], phase: Path) -> subprocess.Popen[bytes]:
    phase.write_bytes(b"s")
    command = [sys.executable, "-m", "eval.kill_child", str(phase), *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _killed_often(arguments: list[str], out: Path, kills: int, spread: int, dice: random.Random) -> Tally:
    """Phases take turns, so that short ones are hit as often as long ones."""
    passes = {"r": spread, "o": spread, **dict.fromkeys("wec", spread // PAGES_A_DOCUMENT)}
    tally, phase, db = Tally(), out / "phase", out / "killed"
    while sum(tally.kills.values()) < kills and not tally.faults:
        process = _start([*arguments, "--db", str(db)], phase)
        target = min(PHASE_NAMES, key=lambda name: (tally.kills[name] // IN_A_ROW, name == "u", dice.random()))
        hit = _kill_in(process, phase, target, dice.randrange(passes.get(target, 0) or 1), dice)
        if hit:
            tally.kills[hit] += 1
            print(f"{sum(tally.kills.values())}/{kills}: {PHASE_NAMES[hit]}", file=sys.stderr, flush=True)
        else:
            _compare(out, tally)
            shutil.rmtree(db)
    if not tally.faults and db.exists():
        _start([*arguments, "--db", str(db)], phase).wait()
        _compare(out, tally)
    return tally


def _compare(out: Path, tally: Tally) -> None:
    tally.databases += 1
    tally.faults += [fault for table in VOLATILE for fault in _differences(out, table)]
    print(f"a database is complete: {len(tally.faults)} differences", file=sys.stderr, flush=True)


def _kill_in(process: subprocess.Popen[bytes], phase: Path, target: str, skip: int, dice: random.Random) -> str:
    """Kills a process (its workers must end by themselves) in a phase; says in which, "" if it had ended.

    The first `skip` times that the phase comes it is let pass.
    """
    delay_s = dice.random() ** 3 * (2.0 if target in "sro" else 0.1)
    with phase.open("r+b") as file, mmap.mmap(file.fileno(), 1) as now:
        until, before = time.monotonic() + PATIENCE_S, b""
        while process.poll() is None and time.monotonic() < until:
            here = now[:1]
            if here != before:
                before = here
                skip -= here == target.encode()
                if skip < 0 and here == target.encode():
                    time.sleep(delay_s)
                    break
            time.sleep(0.0005)
        if process.poll() is not None:
            return ""
        hit = now[:1].decode()
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return hit


def _rows(db: Path, table: str) -> dict[str, dict[str, Any]]:
    import lancedb

    found = lancedb.connect(db).open_table(table).to_arrow().drop_columns(list(VOLATILE[table])).to_pylist()
    key = "source" if table == "documents" else "id"
    rows = {row[key]: row for row in found}
    if len(rows) != len(found):
        raise SystemExit(f"{db}: {len(found) - len(rows)} rows of {table} stand there twice")
    return rows


def _differences(out: Path, table: str) -> list[str]:
    clean, killed = (_rows(out / name, table) for name in ("clean", "killed"))
    faults = [f"{table} {key}: missing" for key in clean.keys() - killed.keys()]
    faults += [f"{table} {key}: too many" for key in killed.keys() - clean.keys()]
    for key in clean.keys() & killed.keys():
        columns = [name for name, value in clean[key].items() if value != killed[key][name]]
        faults += [f"{table} {key}: {', '.join(columns)} differ"] if columns else []
    return sorted(faults)


if __name__ == "__main__":
    typer.run(main)
