"""Two arms on the same questions, in every group: the difference, how sure it is, and what the questions could show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eval.statistics import bootstrap, holm, power, sign_flip

TOGETHER = ("prose", "table")
"""Strata that are also reported as one group: an engine that writes no TeX can't be expected to match formulas."""


def groups(strata: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What is reported together: all strata, prose and table where there are both beside others, and each alone."""
    both = {" and ".join(TOGETHER): TOGETHER} if set(TOGETHER) < set(strata) else {}
    return {"all": tuple(strata), **both, **{name: (name,) for name in strata}}


@dataclass(frozen=True, slots=True)
class Pair:
    """One question in two arms.

    Attributes:
        doc: of the question's evidence; what resampling draws and flips.
        stratum: kind of evidence.
        own: value of the arm.
        base: value of what it is compared with.
    """

    doc: str
    stratum: str
    own: float
    base: float


def compare(pairs: Sequence[Pair], strata: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """A record for each group that has questions; `p_holm` is adjusted over the strata, None for other groups.

    Args:
        pairs: one a question.
        strata: of the dataset, in the order of reporting.
        seed: of resampling.
    """
    tests = {name: tested([p for p in pairs if p.stratum in members], seed) for name, members in groups(strata).items()}
    tests = {name: found for name, found in tests.items() if found}
    adjusted = holm({name: found["p"] for name, found in tests.items() if name in strata})
    return [{"group": name, **found, "p_holm": adjusted.get(name)} for name, found in tests.items()]


def tested(pairs: Sequence[Pair], seed: int) -> dict[str, Any]:
    """Difference with its interval, questions won and lost, p and the smallest difference that would show; {} if none.

    Args:
        pairs: one a question.
        seed: of resampling.
    """
    if not pairs:
        return {}
    docs, differences = [p.doc for p in pairs], [p.own - p.base for p in pairs]
    return {
        "questions": len(pairs),
        "documents": len(set(docs)),
        "difference": asdict(bootstrap(differences, docs, seed=seed)),
        "won": sum(d > 0 for d in differences),
        "lost": sum(d < 0 for d in differences),
        "p": sign_flip(differences, docs, seed=seed),
        "smallest": power(differences, docs, seed=seed).smallest,
    }


def over_arms(comparisons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same records with `p_arms`: Holm over all arms of a group, for who picks the best arm of many."""
    found: dict[tuple[str, str], float] = {}
    for group in dict.fromkeys(c["group"] for c in comparisons):
        family = holm({c["arm"]: c["p"] for c in comparisons if c["group"] == group})
        found |= {(arm, group): p for arm, p in family.items()}
    return [{**c, "p_arms": found[c["arm"], c["group"]]} for c in comparisons]
