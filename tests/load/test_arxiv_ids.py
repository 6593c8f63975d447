"""Identifiers of papers, and the names of their members."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.load.arxiv_ids import id_of_member, parse_id

ARCHIVES = ["astro-ph", "cond-mat", "hep-th", "math", "q-bio", "cs", "nlin", "physics"]

months = st.integers(1, 12)
old_months = st.tuples(st.integers(1992, 2006), months) | st.tuples(st.just(1991), st.integers(7, 12))
four_digit_months = st.tuples(st.integers(2008, 2014), months) | st.tuples(st.just(2007), st.integers(4, 12))
versions = st.none() | st.integers(1, 99)


@st.composite
def papers(draw: st.DrawFn) -> tuple[str, int, int, int | None]:
    """(identifier without version, year, month, version) of any scheme."""
    scheme = draw(st.sampled_from(["old", "four", "five"]))
    if scheme == "old":
        year, month = draw(old_months)
        paper = f"{draw(st.sampled_from(ARCHIVES))}/{year % 100:02}{month:02}{draw(st.integers(1, 999)):03}"
    elif scheme == "four":
        year, month = draw(four_digit_months)
        paper = f"{year % 100:02}{month:02}.{draw(st.integers(1, 9999)):04}"
    else:
        year, month = draw(st.tuples(st.integers(2015, 2060), months))
        paper = f"{year % 100:02}{month:02}.{draw(st.integers(1, 99999)):05}"
    return paper, year, month, draw(versions)


@given(papers())
def test_an_identifier_and_its_member_name_say_the_same(paper):
    text, *_, version = paper
    found = parse_id(text if version is None else f"{text}v{version}")
    assert found is not None
    assert (found.paper, found.year, found.month, found.version) == paper
    assert id_of_member(found.member_name) == found
    assert id_of_member(f"./any/folder/{found.member_name.rpartition('/')[2]}") == found
    assert parse_id(str(found)) == parse_id(f"arXiv:{found}") == found


@given(st.text(max_size=30) | st.from_regex(r"[a-z-]{0,8}/?\d{3,10}(\.\d{1,6})?(v\d*)?", fullmatch=True))
def test_any_text_is_an_identifier_or_none(text):
    found = parse_id(text)
    assert found is None or parse_id(str(found)) == found
    id_of_member(text)


@pytest.mark.parametrize(
    ("member", "paper"),
    [
        ("2301/2301.00001.pdf", "2301.00001"),
        ("0704/0704.0001.pdf", "0704.0001"),
        ("1412/1412.9999v3.PDF", "1412.9999v3"),
        ("0001/astro-ph0001001.pdf", "astro-ph/0001001"),
        ("0309/math.GT0309136.pdf", "math/0309136"),
        ("0309/math0309136v2.pdf", "math/0309136v2"),
        ("9107/hep-th9107001.pdf", "hep-th/9107001"),
    ],
)
def test_members(member, paper):
    assert str(id_of_member(member)) == paper


@pytest.mark.parametrize(
    "text",
    [
        "2301.0001",  # four digits where there are five
        "0704.00001",  # and the other way round
        "1501.0001",
        "2313.00001",  # no month
        "0703.0001",  # before the scheme
        "astro-ph/0704001",  # behind its own
        "hep-th/9106001",
        "0001001",  # an old number without its archive
        "2301.00001v0",
        "٢٣٠١.٠٠٠٠١",
        "",
    ],
)
def test_what_is_no_identifier(text):
    assert parse_id(text) is None


def test_the_subject_class_is_no_part_of_the_identifier():
    for text in ("math.GT/0309136", "math/0309136", "math.GT0309136", " arXiv:math/0309136 "):
        assert str(parse_id(text)) == "math/0309136"
