"""Two arms of two runs, or of one, on the questions that both were asked: `python -m eval compare A B`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.comparison import Pair, compare
from eval.records import Run, load
from eval.summary import comparison_table
from rag_ingest.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Spec:
    """What is compared.

    Attributes:
        run: the folder.
        arm: one of its arms; "" for whichever the other side names, else for all.
    """

    run: Run
    arm: str


def parse(spec: str) -> Spec:
    """`DIR` or `DIR:ARM`; the folder ends at the first colon before which there is one.

    Raises:
        ConfigError: no such folder, no run in it, or no such arm.
    """
    if Path(spec).is_dir():
        return Spec(load(Path(spec)), "")
    parts = spec.split(":")
    heads = [":".join(parts[:i]) for i in range(1, len(parts))]
    folder = next((head for head in heads if head and Path(head).is_dir()), None)
    if folder is None:
        raise ConfigError(f"no folder {parts[0]!r}: give a folder that a run wrote, or FOLDER:ARM")
    run, arm = load(Path(folder)), spec[len(folder) + 1 :]
    run.of(arm)
    return Spec(run, arm)


def versus(own: Spec, base: Spec, measure: str = "") -> Iterator[str]:
    """Lines of the table of each pair of arms, `own` less `base`.

    Args:
        own: the new one.
        base: what it is held against.
        measure: as in rows.parquet; recall at the primary budget unless given.

    Raises:
        ConfigError: other datasets, no common arm or question, or the measure was not taken in both.
    """
    _same_dataset(own.run, base.run)
    measure = measure or _primary(own.run, base.run)
    _taken(own.run, measure)
    _taken(base.run, measure)
    for own_arm, base_arm in _arms(own, base):
        pairs, notes = _pairs(own.run.of(own_arm), base.run.of(base_arm), measure)
        tests = compare(pairs, list(own.run.results["dataset"]["questions"]), own.run.results["suite"]["seed"])
        yield f"{own_arm} ({own.run.folder}) less {base_arm} ({base.run.folder}), {measure}"
        yield from notes
        yield from comparison_table(tests)
        yield ""


def _same_dataset(own: Run, base: Run) -> None:
    names = [run.results["dataset"]["name"] for run in (own, base)]
    if names[0] != names[1]:
        raise ConfigError(f"{own.folder} asked dataset {names[0]!r} but {base.folder} {names[1]!r}: nothing to compare")


def _primary(own: Run, base: Run) -> str:
    budgets = [run.results["suite"]["primary_budget"] for run in (own, base)]
    if budgets[0] != budgets[1]:
        raise ConfigError(
            f"primary budgets differ ({budgets[0]} and {budgets[1]} tokens): choose with --measure recall@BUDGET"
        )
    return f"recall@{budgets[0]}"


def _taken(run: Run, measure: str) -> None:
    known = list(run.results["method"]["measures"])
    if measure not in known:
        raise ConfigError(f"no measure {measure!r} in {run.folder} (measures: {', '.join(known)})")


def _arms(own: Spec, base: Spec) -> list[tuple[str, str]]:
    """Which arms are held against each other; same names unless both sides say otherwise."""
    if own.arm and base.arm:
        return [(own.arm, base.arm)]
    name = own.arm or base.arm
    if not name and own.run.folder.resolve() == base.run.folder.resolve():
        raise ConfigError(f"the same run twice: name two arms, FOLDER:ARM (arms: {', '.join(own.run.arms)})")
    wanted = [name] if name else own.run.arms
    common = [arm for arm in wanted if arm in own.run.arms and arm in base.run.arms]
    if not common:
        raise ConfigError(
            f"no arm of the same name in both: name them, FOLDER:ARM ({own.run.folder}: {', '.join(own.run.arms)}; "
            f"{base.run.folder}: {', '.join(base.run.arms)})"
        )
    return [(arm, arm) for arm in common]


def _pairs(
    own: Mapping[str, Mapping[str, Any]], base: Mapping[str, Mapping[str, Any]], measure: str
) -> tuple[list[Pair], list[str]]:
    """(pairs of the questions that are the same on both sides, what was left out)."""
    common = [question for question in own if question in base]
    same = [q for q in common if own[q]["question_digest"] == base[q]["question_digest"]]
    if not same:
        why = f"all {len(common)} were worded or answered otherwise" if common else "other questions were asked"
        raise ConfigError(f"no common questions: {why}")
    notes = []
    if len(common) < max(len(own), len(base)):
        alone = [len(side) - len(common) for side in (own, base)]
        notes.append(f"left out: {alone[0]} questions of the first alone, {alone[1]} of the second alone")
    if len(same) < len(common):
        notes.append(f"left out: {len(common) - len(same)} questions whose wording or evidence differs")
    return [Pair(own[q]["doc"], own[q]["stratum"], own[q][measure], base[q][measure]) for q in same], notes
