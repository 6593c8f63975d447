"""Records found by identifier without being held in memory, and what they say of a paper."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.errors import ConfigError
from rag_ingest.load.arxiv_ids import parse_id
from rag_ingest.load.arxiv_metadata import MetadataIndex
from rag_ingest.load.arxiv_paper import paper_fields, paper_title
from tests.load.dumps import record, write_metadata

NAME = parse_id("2301.00001")


def test_records_by_identifier(tmp_path):
    papers = ["0704.0001", "2301.00001", "astro-ph/0001001", "math/0309136"]
    file = write_metadata(tmp_path / "meta.json", *[record(paper, title=f"On {paper}") for paper in papers])
    index = MetadataIndex(file, tmp_path / "cache")
    assert index.papers == 4
    for paper in reversed(papers):
        assert index.record(paper)["title"] == f"On {paper}"
    assert index.record("2301.00002") is None
    assert index.record("' OR 1=1 --") is None
    index.close()
    index.close()


def test_the_index_is_made_once_and_again_when_the_file_changes(tmp_path):
    file, cache = tmp_path / "meta.json", tmp_path / "cache"
    write_metadata(file, record("2301.00001"))
    MetadataIndex(file, cache).close()
    (made,) = cache.iterdir()
    first = made.stat().st_ino, made.stat().st_mtime_ns
    MetadataIndex(file, cache).close()
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == first
    write_metadata(file, record("2301.00001", title="New"), record("2301.00002"))
    index = MetadataIndex(file, cache)
    assert (index.papers, index.record("2301.00001")["title"]) == (2, "New")
    index.close()
    assert [path.name for path in cache.iterdir()] == [made.name]


def test_a_broken_index_is_made_again(tmp_path):
    file, cache = write_metadata(tmp_path / "meta.json", record("2301.00001")), tmp_path / "cache"
    MetadataIndex(file, cache).close()
    (made,) = cache.iterdir()
    for content in (b"", b"no database at all" * 100):
        made.write_bytes(content)
        index = MetadataIndex(file, cache)
        assert index.record("2301.00001")
        index.close()
    with sqlite3.connect(made) as database:
        database.execute("UPDATE made_of SET format = 0")
    database.close()
    MetadataIndex(file, cache).close()


def test_gzip_is_unpacked_once(tmp_path):
    plain = write_metadata(tmp_path / "meta.json", record("2301.00001"), record("2301.00002"))
    packed = tmp_path / "meta.json.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for _ in range(2):
        index = MetadataIndex(packed, tmp_path / "cache")
        assert index.record("2301.00002")["id"] == "2301.00002"
        index.close()
    packed.write_bytes(packed.read_bytes()[:100])
    with pytest.raises(ConfigError, match="can't be read"):
        MetadataIndex(packed, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.part"))


def test_damaged_lines_cost_themselves_alone(tmp_path):
    late = {**record("2301.00003"), "id": None}
    lines = [
        json.dumps(record("2301.00001")),
        "{broken",
        '{"title": "id comes last", "id": "2301.00002"}',
        json.dumps(late),
        "",
        "[1, 2]",
        '{"id": "2301.00004", "title": ',
        json.dumps(record("2301.00005")),
    ]
    file = tmp_path / "meta.json"
    file.write_text("\r\n".join(lines))
    index = MetadataIndex(file, tmp_path)
    for paper in ("2301.00001", "2301.00002", "2301.00005"):
        assert index.record(paper)["id"] == paper
    assert index.record("2301.00004") is None
    assert index.unread == 3
    index.close()


def test_a_line_without_end_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("rag_ingest.load.arxiv_metadata._MAX_LINE", 2**16)
    file = tmp_path / "meta.json"
    good = json.dumps(record("2301.00001")).encode()
    file.write_bytes(b'{"id": "2301.00009", "x": "' + b"a" * 2**22 + b'"}\n' + good + b"\n")
    tracemalloc.start()
    index = MetadataIndex(file, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert index.record("2301.00001")
    assert index.record("2301.00009") is None
    assert index.unread == 1
    assert peak < 2**21
    index.close()


@pytest.mark.parametrize("content", ["", "[]", "id,title\n2301.00001,x\n"])
def test_what_is_no_metadata_says_so(tmp_path, content):
    file = tmp_path / "meta.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match="holds no paper"):
        MetadataIndex(file, tmp_path / "cache")
    with pytest.raises(ConfigError, match=r"gone\.json.*No such file"):
        MetadataIndex(tmp_path / "gone.json", tmp_path / "cache")


def test_a_cache_that_can_not_be_written_says_so(tmp_path):
    file = write_metadata(tmp_path / "meta.json", record("2301.00001"))
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ConfigError, match=r"indexed in .*cache"):
        MetadataIndex(file, tmp_path / "cache")


def test_a_file_that_changes_under_the_index_gives_nothing_wrong(tmp_path):
    file = write_metadata(tmp_path / "meta.json", record("2301.00001"), record("2301.00002"))
    index = MetadataIndex(file, tmp_path)
    content = file.read_bytes()
    with file.open("r+b") as same:
        same.write(content[7:])
    os.utime(file)
    assert index.record("2301.00002") is None
    index.close()


def test_the_fields_of_a_paper():
    assert paper_fields(NAME, record("2301.00001")) == {
        "arxiv_id": "2301.00001",
        "version": 2,
        "year": 2022,  # of the first version, not of the identifier
        "published": "2022-12-30",
        "authors": "A. Author; B. Böhm Jr.; C. van Dam",
        "categories": ["cs.CL", "cs.LG", "stat.ML"],
        "abstract": "We look at things and find $x^2$.",
        "license": "http://creativecommons.org/licenses/by/4.0/",
        "doi": "10.1000/182",
        "journal_ref": "J. Thing 1 (2023) 2-3",
    }
    assert paper_title(record("2301.00001")) == "Of things that are long"


def test_the_version_of_the_member_wins():
    assert paper_fields(parse_id("2301.00001v1"), record("2301.00001"))["version"] == 1


def test_a_paper_without_a_record_has_its_identifier_and_year():
    assert paper_fields(NAME, None) == {"arxiv_id": "2301.00001", "year": 2023}
    assert paper_fields(parse_id("hep-th/9107001v2"), None) == {
        "arxiv_id": "hep-th/9107001",
        "version": 2,
        "year": 1991,
    }


def test_authors_without_a_parsed_list():
    assert paper_fields(NAME, record("2301.00001", authors_parsed=None))["authors"] == record("x")["authors"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(record("x"), anything)))
def test_a_record_of_any_shape_gives_fields_of_the_right_types(found):
    fields = paper_fields(NAME, found)
    assert fields["arxiv_id"] == "2301.00001"
    assert isinstance(fields["year"], int)
    assert all(isinstance(one, str) for one in fields.get("categories", []))
    for name in ("authors", "abstract", "license", "published", "doi", "journal_ref"):
        assert isinstance(fields.get(name, ""), str)
    assert isinstance(paper_title(found), str)
    json.dumps(fields)
