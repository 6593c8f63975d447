"""The report in a real browser: it draws, opens and filters, says no error, and asks the network for nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from eval.report import render
from tests.eval.little_run import EVERYTHING, ROWS, many, results

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH (Debian: apt-get install chromium)"),
]


class Watched:
    """A page with everything that it complained about or asked for."""

    def __init__(self, browser: Browser, file: Path, scheme: str = "light") -> None:
        self.page: Page = browser.new_page(viewport={"width": 1360, "height": 900}, color_scheme=scheme)
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.address = file.as_uri()
        self.page.goto(self.address)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render(results(), EVERYTHING), encoding="utf-8")
    return file


@pytest.fixture
def report(browser: Browser, file: Path) -> Iterator[Watched]:
    """The report, opened; whatever a test does, nothing is complained about or loaded."""
    watched = Watched(browser, file)
    yield watched
    assert watched.said == []
    assert watched.requests == [watched.address]
    watched.page.close()


def shown(page: Page) -> Locator:
    """The questions that the filters leave; what opening one draws comes a moment after, so it is waited for."""
    return page.locator("details.q:visible")


def test_a_phone_can_read_plots_and_every_arm_without_the_page_moving_sideways(report: Watched) -> None:
    page = report.page
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    sizes = page.locator("#plot-budget text").evaluate_all("all => all.map(t => t.getBoundingClientRect().height)")
    assert min(size for size in sizes if size) >= 10, "not shrunk with the plot"
    assert page.evaluate("(l => l.scrollHeight <= l.clientHeight)(document.getElementById('legend'))")
    page.locator("details.q > summary").first.click()
    parts = page.locator(".passage > summary").first.locator("> *")
    expect(parts).to_have_count(4)
    assert all(part.is_visible() for part in parts.all()), "the paper's name as well"


def test_every_plot_has_marks_and_named_axes(report: Watched) -> None:
    page = report.page
    budgets, arms, strata = 3, 2, 3
    assert page.locator("#plot-budget .mark").count() == budgets * arms
    assert page.locator("#plot-budget .whisker").count() == budgets * arms
    assert page.locator("#plot-strata .mark").count() == strata * arms
    assert page.locator("#plot-losses rect.mark").count() >= arms
    assert page.locator("#plot-documents .mark").count() == len({row.question.doc for row in EVERYTHING})
    for plot, unit in (
        ("budget", "retrieved tokens"),
        ("strata", "within 1,024 tokens"),
        ("losses", "share of questions"),
        ("documents", "difference in recall"),
    ):
        assert unit in (page.locator(f"#plot-{plot} svg").text_content() or "")
        assert page.locator(f"#plot-{plot} svg").get_attribute("aria-label")


def test_no_label_of_a_plot_is_cut_off(report: Watched) -> None:
    outside = report.page.evaluate(
        """() => [...document.querySelectorAll(".plots svg")].flatMap((svg) => {
            const frame = svg.getBoundingClientRect();
            return [...svg.querySelectorAll("text")].filter((text) => {
                const box = text.getBoundingClientRect();
                return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
            }).map((text) => text.textContent);
        })"""
    )
    assert outside == []


def test_a_question_opens_and_shows_evidence_and_what_was_retrieved(report: Watched) -> None:
    page = report.page
    first = shown(page).nth(0)
    assert first.locator(".detail").count() == 0, "drawn when it is opened, not before"
    first.locator("> summary").focus()
    page.keyboard.press("Enter")
    assert "the gauge drifted </script><b>twice</b> & more" in first.locator(".evidence").inner_text()
    assert "missed by the ranking" in first.locator("details.arm[data-arm=plain] > summary").inner_text()
    assert "Rank 31 holds the evidence" in first.locator("details.arm[data-arm=plain]").inner_text()
    better = first.locator("details.arm[data-arm=better]")
    expect(better.locator(".passage")).to_have_count(2)
    expect(better.locator(".passage.holds")).to_have_count(1)
    assert "</script>" in better.locator(".passage.holds .text").inner_text()
    assert {"gauge", "drifted", "twice"} <= set(better.locator(".passage.holds mark").all_inner_texts())


def test_a_table_question_shows_row_column_and_value(report: Watched) -> None:
    report.page.locator("details.q > summary").nth(1).click()
    evidence = shown(report.page).nth(1).locator(".evidence").inner_text()
    assert all(part in evidence for part in ("Maren Lock", "Night", "6.7", "doc0, page 1"))


def test_filters_choose_questions(report: Watched) -> None:
    page = report.page
    assert shown(page).count() == len(ROWS["plain"]) == 24
    page.select_option("#f-stratum", "table")
    assert shown(page).count() == 6
    assert page.locator("#f-count").inner_text() == "6 of 24 questions"
    page.select_option("#f-stratum", "")
    page.select_option("#f-arm", "better")
    page.select_option("#f-outcome", "hit")
    assert shown(page).count() == sum(not row.reason for row in ROWS["better"])
    page.select_option("#f-outcome", "splitter")
    assert shown(page).count() == sum(row.reason == "splitter" for row in ROWS["better"])
    page.select_option("#f-outcome", "")
    page.fill("#f-text", "DOC11 yes")
    assert shown(page).count() == 2
    page.fill("#f-text", "no such words")
    assert shown(page).count() == 0


def test_arms_differ_where_one_of_them_answers(report: Watched) -> None:
    report.page.select_option("#f-outcome", "differ")
    pairs = zip(ROWS["plain"], ROWS["better"], strict=True)
    assert shown(report.page).count() == sum(bool(a.reason) != bool(b.reason) for a, b in pairs)


def test_choosing_questions_and_arms_redraws(report: Watched) -> None:
    page = report.page
    assert page.locator(".group:visible").get_attribute("data-group") == "all"
    page.click("#groups button[value=table]")
    assert page.locator(".group:visible").get_attribute("data-group") == "table"
    assert page.locator("tr.test:visible").count() == 1
    page.click("#legend button[value=better]")
    assert page.locator("#legend button[value=better]").get_attribute("aria-pressed") == "false"
    assert page.locator("#plot-budget .mark").count() == 3
    page.click("#legend button[value=plain]")
    assert "No arm is chosen" in page.locator("#plot-budget").inner_text()


def test_dark_mode_is_dark(browser: Browser, file: Path) -> None:
    brightness = []
    for scheme in ("light", "dark"):
        watched = Watched(browser, file, scheme)
        colour = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness.append(sum(int(part) for part in colour[4:-1].split(",")))
        watched.page.close()
    assert brightness[0] > 600 > 150 > brightness[1]


def test_a_large_run_stays_usable(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "large.html"
    file.write_text(render(*many(12, 500)), encoding="utf-8")
    watched = Watched(browser, file)
    page = watched.page
    assert shown(page).count() == 500
    assert page.locator("#legend button[aria-pressed=true]").count() == 8, "plots start with the best arms"
    last = page.locator("details.q").nth(499)
    last.locator("> summary").click()
    expect(last.locator("details.arm")).to_have_count(12)
    expect(last.locator(".passage")).to_have_count(0)
    last.locator("details.arm > summary").nth(7).click()
    expect(last.locator(".passage").first).to_be_visible()
    assert watched.said == []
    page.close()
