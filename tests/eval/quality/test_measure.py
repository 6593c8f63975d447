from __future__ import annotations

import pytest

from eval.quality import MEASURES, arm_quality
from rag_ingest.errors import ConfigError

PAPER = """# Tides at the pier

The tide gauge at the northern pier was read every six minutes between March and October of that year.

| month | level |
|---|---|
| March | 1.25 |
| April | 1.31 |

Table 1. Mean sea level by month, in metres above the datum of the harbour office.

$$h(t) = \\sum_{k} a_k \\cos(\\omega_k t)$$

Both series were detrended by a moving average over forty days before any spectrum was calculated from them.
"""
NOTE = "Storm surges above two metres occurred on eleven days, most of them in a single week of early autumn.\n"
TRUTH = {"paper": PAPER, "note": NOTE}


def means(documents: dict[str, str]) -> dict[str, float | None]:
    return {name: measure["mean"] for name, measure in arm_quality(documents, TRUTH).items()}


def test_identity_is_one_everywhere() -> None:
    found = means(TRUTH)
    assert list(found) == list(MEASURES)
    assert found.pop("extra_tables") == 0.0
    assert set(found.values()) == {1.0}


def test_each_measure_says_what_it_rests_on() -> None:
    measured = arm_quality(TRUTH, TRUTH)
    assert measured["edit_similarity"]["documents"] == 2
    assert measured["edit_similarity"]["by_document"] == {"paper": 1.0, "note": 1.0}
    assert measured["teds"]["documents"] == measured["teds"]["items"] == 1
    assert measured["teds"]["by_document"] == {"paper": 1.0, "note": None}


FORMULA = {"formula_exact", "formula_similarity", "formula_rendered"}


@pytest.mark.parametrize(
    ("old", "new", "lowered"),
    [
        ("| April | 1.31 |\n", "", {"teds", "teds_structure"}),
        ("1.31", "1.13", {"teds"}),
        (
            "$$h(t) = \\sum_{k} a_k \\cos(\\omega_k t)$$\n",
            "",
            {"formula_exact", "formula_similarity", "formula_rendered"},
        ),
        ("a_k", "a_x", FORMULA),
        ("forty days", "fourty day", {"edit_similarity", "text_kept"}),
    ],
)
def test_a_fault_lowers_what_it_concerns_and_nothing_else(old: str, new: str, lowered: set[str]) -> None:
    assert old in PAPER
    found = means({**TRUTH, "paper": PAPER.replace(old, new)})
    assert {name for name, mean in found.items() if name != "extra_tables" and mean != 1.0} == lowered


def test_a_missing_document_counts_as_empty() -> None:
    measured = arm_quality({"paper": PAPER}, TRUTH)
    assert measured["edit_similarity"]["mean"] == 0.5
    assert measured["edit_similarity"]["by_document"]["note"] == 0.0
    assert measured["edit_similarity"]["low"] == 0.0


def test_a_table_that_the_truth_does_not_have_is_counted_apart() -> None:
    extra = "\n| a | b |\n|---|---|\n| 7 | 8 |\n"
    found = means({**TRUTH, "note": NOTE + extra})
    assert found["extra_tables"] == 0.5
    assert found["teds"] == found["edit_similarity"] == 1.0


def test_what_can_not_be_measured_has_a_reason() -> None:
    measured = arm_quality({"note": NOTE}, {"note": NOTE})
    assert measured["teds"]["mean"] is None
    assert measured["teds"]["reason"] == "the truth has no table"
    assert "KaTeX can set" in measured["formula_rendered"]["reason"]


def test_without_katex_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.quality.measure.load_katex", lambda: "no katex.min.js")
    measured = arm_quality(TRUTH, TRUTH)
    assert measured["formula_rendered"]["mean"] is None
    assert measured["formula_rendered"]["reason"] == "no katex.min.js"
    assert measured["formula_exact"]["mean"] == 1.0


def test_same_seed_same_interval() -> None:
    documents = {"paper": PAPER.replace("forty", "four"), "note": "Storm."}
    assert arm_quality(documents, TRUTH, seed=3) == arm_quality(documents, TRUTH, seed=3)


def test_no_common_document_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no document has a truth: a against note, paper"):
        arm_quality({"a": ""}, TRUTH)
