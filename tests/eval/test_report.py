"""Comparisons pair the same questions; the report is one page that needs nothing else; the files can be read again."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eval.comparison import groups
from eval.records import load
from eval.report import render, write
from eval.report.page import embed
from eval.runner import against_baseline
from eval.summary import sentences, summary
from rag_ingest.errors import ConfigError
from tests.eval.little_run import EVERYTHING, GROUPS, ROWS, STRATA, SUITE, many, results


def test_comparison_is_paired_and_by_group() -> None:
    found = {c["group"]: c for c in against_baseline(SUITE, STRATA, ROWS)}
    assert set(found) == set(GROUPS)
    assert (found["prose"]["won"], found["prose"]["lost"], found["prose"]["difference"]["mean"]) == (12, 0, 1.0)
    assert (found["table"]["won"], found["table"]["lost"], found["table"]["difference"]["mean"]) == (0, 6, -1.0)
    assert found["formula"]["p"] == 1.0
    assert found["all"]["questions"] == len(ROWS["plain"])
    both = found["prose and table"]
    assert both["questions"] == found["prose"]["questions"] + found["table"]["questions"]
    assert both["p_holm"] is None
    assert all(found[s]["p_holm"] >= found[s]["p"] for s in ("prose", "table", "formula"))
    assert all(c["p_arms"] == c["p"] for c in found.values()), "one arm has nothing to be adjusted for"


def test_p_values_are_adjusted_for_the_number_of_arms() -> None:
    found = many(5, 40)[0]["comparisons"]
    everything = [c for c in found if c["group"] == "all"]
    assert len(everything) == 4
    least = min(everything, key=lambda c: c["p"])
    assert least["p_arms"] == pytest.approx(min(1.0, 4 * least["p"]))


def test_other_strata_make_other_groups() -> None:
    assert list(groups(("text", "chart"))) == ["all", "text", "chart"]
    assert groups(("prose", "table"))["all"] == ("prose", "table")
    assert list(groups(("prose", "table"))) == ["all", "prose", "table"], "all of it needs no second name"


def test_unpaired_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        against_baseline(SUITE, STRATA, {"plain": ROWS["plain"], "better": ROWS["better"][:-1]})


class Outline(HTMLParser):
    """Collects tags, what they point to, and what the scripts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script":
            self.scripts.append(data)


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    return found


def test_report_stands_alone_and_escapes() -> None:
    page = render(results(), EVERYTHING)
    found = outline(page)
    assert found.targets == ["data:,"], "the icon, so that no browser asks for one"
    assert not {"img", "iframe"} & set(found.tags)
    assert not re.search(r"https?://(?!www\.w3\.org)", page)
    assert "default-src 'none'" in page
    assert found.tags.count("script") == 2, "no text of a passage ends the script that holds it"
    assert "/x/&lt;y&gt;.pdf" in page


def test_the_data_in_the_page_is_whole() -> None:
    data = json.loads(outline(render(results(), EVERYTHING)).scripts[0])
    assert [q["id"] for q in data["questions"]] == [row.question.id for row in ROWS["plain"]]
    first = data["questions"][0]
    assert first["question"] == "is a <b> & c?"
    assert "</script>" in first["golds"][0]["evidence"][0][1]
    shown = [data["texts"][number] for number in first["arms"]["better"]["shown"]]
    assert [doc for doc, _, _ in shown] == ["doc99", "doc0"]
    assert first["arms"]["better"]["hits"] == [2]
    assert data["texts"][first["arms"]["plain"]["best"]][0] == "doc0", "what would have answered is there as well"


def test_the_same_passage_stands_in_the_page_once() -> None:
    page = render(results(), EVERYTHING)
    assert page.count("nothing of the kind") == 1


@pytest.mark.parametrize("text", ["</script>", "<!--", "&amp;", "\u2028", 'say "x" \\ y', "é ∑"])
def test_embedded_json_survives_any_text(text: str) -> None:
    embedded = embed({"text": text})
    assert json.loads(embedded) == {"text": text}
    assert not set("<>&\u2028") & set(embedded)


def test_the_quality_of_the_markdown_stands_beside() -> None:
    made = results()
    made["arms"][0]["quality"] = {
        "teds": {"mean": 0.625, "low": 0.5, "high": 0.75, "items": 4},
        "formula_rendered": {"mean": None, "low": None, "high": None, "reason": "no KaTeX"},
    }
    page = render(made, EVERYTHING)
    assert "TEDS" in page
    assert "0.625<small>0.50 – 0.75</small>" in page
    assert "formulas, as set" not in page, "what no arm has needs no column"
    assert "TEDS" not in render(results(), EVERYTHING)


def test_another_measure_and_an_arm_that_was_left_out_are_shown() -> None:
    made = results()
    made["method"]["measures"]["lcs@2"] = "As published."
    for arm in made["arms"]:
        for found in arm["groups"].values():
            found["lcs@2"] = {"mean": 0.875, "low": 0.5, "high": 1.0}
    made["skipped"] = [{"name": "peer", "reason": "package 'x' is not installed"}]
    page = render(made, EVERYTHING)
    assert 'title="As published.">lcs@2</th>' in page
    assert "0.875<small>0.50 – 1.00</small>" in page
    assert "<dt>peer</dt><dd>package &#39;x&#39; is not installed</dd>" in page


def test_a_large_run_makes_a_page_that_can_be_sent() -> None:
    page = render(*many(12, 500))
    assert len(page) < 5_000_000


def test_summary_has_a_line_an_arm_and_group() -> None:
    lines = summary(results()).splitlines()
    heads = [i for i, line in enumerate(lines) if "ceiling" in line]
    assert [lines[i].split(",")[0] for i in heads] == list(GROUPS)
    prose = heads[list(GROUPS).index("prose")]
    assert lines[prose].split()[3:6] == ["@512", "@1024", "@2048"]
    assert lines[prose + 1].split()[:4] == ["plain", "0.000", "0.000", "0.000"]
    assert lines[prose + 1].endswith("baseline")
    assert "+1.000 [+1.00, +1.00]" in lines[prose + 2]


def test_the_sentences_say_who_won_and_how_sure_that_is() -> None:
    said = sentences(results())
    assert "better finds the evidence of 50 % of 24 questions" in said[0]
    assert "baseline plain finds 25 %" in said[0]
    assert "+25.0 points" in said[1]
    assert "true difference of" in said[2]
    unsure = results()
    unsure["comparisons"][0] |= {"p": 0.4, "p_arms": 0.4, "smallest": None, "documents": 3}
    assert "no difference is established" in sentences(unsure)[1]
    assert "3 documents are too few" in sentences(unsure)[2]


def test_ground_truth_is_a_ceiling_and_no_winner() -> None:
    made = many(3, 40)[0]
    means = {arm["name"]: arm["groups"]["all"]["recall@1024"] for arm in made["arms"]}
    means["arm 1"]["mean"], means["arm 2"]["mean"] = 0.6, 0.9
    assert "arm 2 finds the evidence of 90 %" in sentences(made)[0]
    made["arms"][2]["engine"] = "ground-truth"
    assert "arm 1 finds the evidence of 60 %" in sentences(made)[0]
    assert "The ceiling with ground-truth Markdown, arm 2: 90 %." in sentences(made)
    made["arms"][0]["engine"] = "ground-truth"
    assert "arm 2 finds the evidence of 90 %" in sentences(made)[0], "against a baseline that reads the same"
    made["arms"][0]["engine"], means["arm 2"]["mean"] = "textlayer", 0.1
    assert "No more is found with ground-truth Markdown, arm 2: 10 %." in sentences(made)


def test_an_arm_alone_is_told_without_a_difference() -> None:
    suite = SUITE.model_copy(update={"arms": SUITE.arms[:1]})
    alone = results(suite, {"plain": ROWS["plain"]})
    assert sentences(alone) == ["plain finds the evidence of 25 % of 24 questions on 12 documents within 1,024 tokens."]
    assert "<!doctype html>" in render(alone, ROWS["plain"])


def test_files_hold_what_was_measured(tmp_path: Path) -> None:
    write(results(), EVERYTHING, tmp_path / "new")
    run = load(tmp_path / "new")
    assert run.results == json.loads(json.dumps(results()))
    assert [(row["arm"], row["question_id"]) for row in run.rows] == [(r.arm, r.question.id) for r in EVERYTHING]
    assert {row["recall@1024"] for row in run.rows} == {0.0, 1.0}
    assert {row["first_rank"] for row in run.rows} == {2, 31, None}
    missed = [json.loads(line) for line in (tmp_path / "new" / "misses.jsonl").read_text().splitlines()]
    assert [(m["question_id"], m["reason"]) for m in missed] == [
        (r.question.id, r.reason) for r in EVERYTHING if r.reason
    ]
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no run"):
        load(tmp_path)
    write(results(), EVERYTHING, tmp_path)
    (tmp_path / "rows.parquet").write_bytes(b"no parquet")
    with pytest.raises(ConfigError, match="damaged"):
        load(tmp_path)
