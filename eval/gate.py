"""Conditions that a run must meet, for continuous integration: `python -m eval gate SUITE --min recall@1024=0.70`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag_ingest.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Condition:
    """A measure's mean must be at least this.

    Attributes:
        measure: as in `results["method"]["measures"]`.
        least: 0.0 to 1.0.
    """

    measure: str
    least: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A condition held against an arm.

    Attributes:
        line: what a person reads.
    """

    met: bool
    line: str


def parse(text: str) -> Condition:
    """`MEASURE=NUMBER`.

    Raises:
        ConfigError: it is not of that form, or the number is not between 0 and 1.
    """
    measure, _, number = text.partition("=")
    try:
        least = float(number)
    except ValueError:
        least = -1.0
    if not measure.strip() or not 0 <= least <= 1:
        raise ConfigError(f"condition {text!r}: write MEASURE=NUMBER with a number from 0 to 1, e.g. recall@1024=0.70")
    return Condition(measure.strip(), least)


def check(
    results: Mapping[str, Any], conditions: Sequence[Condition], arms: Sequence[str], group: str
) -> list[Outcome]:
    """Every condition against every arm.

    Args:
        results: of a run.
        conditions: one or more.
        arms: names; none means all but the baseline, or the baseline where it is alone.
        group: of questions.

    Raises:
        ConfigError: an arm, group or measure that the run has not, or all arms that count were left out of it.
    """
    known = {arm["name"]: arm for arm in results["arms"]}
    skipped = {arm["name"]: arm["reason"] for arm in results["skipped"]}
    for name in arms or (skipped if len(known) == 1 else ()):
        if name in skipped:
            raise ConfigError(f"arm {name!r} was left out of the run: {skipped[name]}")
    check_names(conditions, arms, measures=results["method"]["measures"], known_arms=known)
    rest = [name for name in known if name != results["suite"]["baseline"]]
    chosen = list(arms) or rest or list(known)
    for name in chosen:
        _known(group, known[name]["groups"], "group")
    return [_held(condition, known[name], group) for name in chosen for condition in conditions]


def check_names(
    conditions: Sequence[Condition], arms: Sequence[str], *, measures: Collection[str], known_arms: Collection[str]
) -> None:
    """Refuses names that a run will not have, before it is run.

    Raises:
        ConfigError: an unknown arm or measure.
    """
    for name in arms:
        _known(name, known_arms, "arm")
    for condition in conditions:
        _known(condition.measure, measures, "measure")


def _known(name: str, names: Collection[str], kind: str) -> None:
    if name not in names:
        raise ConfigError(f"no {kind} {name!r} in this run ({kind}s: {', '.join(names)})")


def _held(condition: Condition, arm: Mapping[str, Any], group: str) -> Outcome:
    found = arm["groups"][group][condition.measure]
    met = found["mean"] >= condition.least
    place = f"{arm['name']}, {group}, {arm['groups'][group]['questions']} questions"
    value = f"{condition.measure} {found['mean']:.3f} [{found['low']:.2f}, {found['high']:.2f}]"
    return Outcome(met, f"{'ok  ' if met else 'FAIL'} {place}: {value}, wanted {condition.least:.3f}")
