"""Which papers are wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.errors import ConfigError
from rag_ingest.load.arxiv_licenses import LICENSES, license_asked, license_fits
from rag_ingest.load.arxiv_options import ArxivOptions
from rag_ingest.load.arxiv_select import Selection

FIELDS = {"year": 2022, "categories": ["cs.CL", "stat.ML"], "license": "http://creativecommons.org/licenses/by-sa/4.0/"}
URLS = {
    "by": "http://creativecommons.org/licenses/by/4.0/",
    "by-sa": "https://creativecommons.org/licenses/by-sa/4.0/",
    "by-nc-sa": "http://creativecommons.org/licenses/by-nc-sa/3.0/",
    "by-nc-nd": "http://creativecommons.org/licenses/by-nc-nd/4.0/",
    "cc0": "http://creativecommons.org/publicdomain/zero/1.0/",
    "public-domain": "http://creativecommons.org/licenses/publicdomain/",
    "arxiv": "http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
}


def wants(**options) -> bool:
    if "categories" in options or "licenses" in options:
        options["metadata"] = "meta.json"
    return Selection(ArxivOptions(**options)).wants(FIELDS)


def test_nothing_asked_for_is_everything():
    assert not Selection(ArxivOptions()).narrows
    assert wants()


@pytest.mark.parametrize(
    ("categories", "wanted"),
    [
        (("cs.CL",), True),
        (("stat.ML",), True),  # a cross-list
        (("cs.*",), True),
        (("CS.cl",), True),
        (("cs",), True),
        (("cs.LG",), False),
        (("cs.LG", "stat.*"), True),
        (("c",), False),
        (("math.*", "hep-ph"), False),
    ],
)
def test_categories(categories, wanted):
    assert wants(categories=categories) == wanted


@pytest.mark.parametrize(
    ("years", "wanted"),
    [
        ({"year_from": 2022}, True),
        ({"year_from": 2023}, False),
        ({"year_to": 2022}, True),
        ({"year_to": 2021}, False),
        ({"year_from": 2022, "year_to": 2022}, True),
    ],
)
def test_years(years, wanted):
    assert wants(**years) == wanted


def test_a_paper_must_pass_every_filter():
    assert wants(categories=("cs.CL",), licenses=("by-sa",), year_from=2020)
    assert not wants(categories=("cs.CL",), licenses=("by",), year_from=2020)
    assert not wants(categories=("math.*",), licenses=("by-sa",))


@given(st.sets(st.sampled_from(sorted(LICENSES))), st.sampled_from(sorted(URLS)))
def test_a_licence_fits_its_own_name_and_no_other(asked, name):
    assert license_fits(URLS[name], [license_asked(one) for one in asked]) == (name in asked)
    assert license_asked(f"CC-{name}") in (license_asked(name), "")


def test_parts_of_licence_urls():
    assert license_fits(URLS["by"], [license_asked("by/4.0")])
    assert license_fits(URLS["by"], [license_asked(URLS["by"])])
    assert license_fits(URLS["by-sa"], [license_asked("http://creativecommons.org/licenses/by-sa/4.0/")])
    assert not license_fits(URLS["by-sa"], [license_asked("sa/4.0")])
    assert not license_fits("", [license_asked(name) for name in LICENSES])


def test_what_is_not_known_passes_no_filter():
    alone = {"arxiv_id": "2301.00001", "year": 2023}
    assert not Selection(ArxivOptions(metadata="m", categories=("cs.*",))).wants(alone)
    assert not Selection(ArxivOptions(metadata="m", licenses=("by",))).wants(alone)
    assert Selection(ArxivOptions(year_from=2023)).wants(alone)
    assert not Selection(ArxivOptions(year_from=2023)).wants({})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"year_from": 1990}, "arxiv.year_from is 1990"),
        ({"year_to": 20}, "arxiv.year_to is 20"),
        ({"year_from": 2023, "year_to": 2022}, "later than"),
        ({"max_member_mb": 0}, "arxiv.max_member_mb"),
        ({"metadata": "s3://bucket/meta.json"}, "local file"),
        ({"metadata": "m", "licenses": ("gpl",)}, "known are by, by-sa"),
        ({"categories": ("cs.*",)}, "arxiv.categories needs arxiv.metadata"),
        ({"licenses": ("by",)}, "arxiv.licenses needs arxiv.metadata"),
    ],
)
def test_options_are_checked(wrong, said):
    with pytest.raises(ConfigError, match=said):
        ArxivOptions(**wrong)
