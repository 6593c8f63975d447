"""A dump's papers: found, filtered, opened and read without unpacking; and everything that can be wrong with one."""

from __future__ import annotations

import hashlib
import tarfile

import fsspec
import pytest

from rag_ingest.errors import LoadError
from rag_ingest.load.arxiv import ArxivLoader
from rag_ingest.load.arxiv_options import ArxivOptions
from rag_ingest.load.discover import find_sources
from rag_ingest.load.stamp import stamp_at
from rag_ingest.types import Container, Failure, Page, Source
from tests.load.dumps import NAMES, found, names, record, regular, special, tar_of, write_metadata


def test_a_dump_is_found_by_folder_glob_and_name(dump, make):
    for path in (dump, dump.parent, f"{dump.parent}/arXiv_*.tar"):
        assert list(find_sources([path])) == [Source(str(dump), "arxiv", stamp_at(str(dump)))]
    assert isinstance(make(), Container)


def test_each_paper_is_read_as_its_pdf_alone_would_be(dump, make, inner, tmp_path, contents):
    loader = make()
    sources, failures = found(loader, dump)
    assert not failures
    assert names(sources) == NAMES
    for name, source in zip(NAMES, sources, strict=True):
        alone = tmp_path / "alone.pdf"
        alone.write_bytes(contents[name])
        expected = inner.open(Source(str(alone), "pdf"))
        again = list(inner.pages(expected, [2, 1], image=True))
        document = loader.open(source)
        assert document.source == f"{dump}!/{name}"
        assert document.doc_id == expected.doc_id == hashlib.sha256(contents[name]).hexdigest()
        assert (document.page_count, document.title) == (2, "In the file")
        pages = list(loader.pages(document, [2, 1], image=True))
        assert [(p.number, p.text_layer) for p in pages] == [(p.number, p.text_layer) for p in again]
        assert all(a.image.tobytes() == b.image.tobytes() for a, b in zip(pages, again, strict=True))


def test_metadata_is_joined(dump, make, tmp_path):
    papers = [record("2301.00001", title="First\n  of all"), record("astro-ph/0001001", license=None, doi=None)]
    loader = make(metadata=str(write_metadata(tmp_path / "meta.json", *papers)))
    first, second, third = (loader.open(source) for source in found(loader, dump)[0])
    assert first.title == "First of all"
    assert first.metadata["categories"] == ["cs.CL", "cs.LG", "stat.ML"]
    assert first.metadata["authors"] == "A. Author; B. Böhm Jr.; C. van Dam"
    assert (first.metadata["year"], first.metadata["version"]) == (2022, 2)
    assert first.metadata["page_size_pt"] == [300, 400]  # what the PDF says stays
    assert (second.title, second.metadata["arxiv_id"], second.metadata["year"]) == ("In the file", "2301.00002", 2023)
    assert "authors" not in second.metadata
    assert third.metadata["arxiv_id"] == "astro-ph/0001001"
    assert not {"license", "doi"} & set(third.metadata)


def test_filters_choose_before_anything_is_read(dump, make, tmp_path, monkeypatch):
    papers = [record("2301.00001"), record("2301.00002", categories="hep-ph", versions=[])]
    metadata = str(write_metadata(tmp_path / "meta.json", *papers))
    monkeypatch.setattr("rag_ingest.load.arxiv.pieces", None)  # reading a paper would fail
    assert names(found(make(metadata=metadata, categories=("cs.*",)), dump)[0]) == NAMES[:1]
    assert names(found(make(metadata=metadata, categories=("hep-ph", "cs.LG")), dump)[0]) == NAMES[:2]
    assert names(found(make(year_to=2000), dump)[0]) == NAMES[2:]
    assert names(found(make(metadata=metadata, year_from=2022, year_to=2022), dump)[0]) == NAMES[:1]
    sources, failures = found(make(metadata=metadata, licenses=("cc0",)), dump)
    assert (sources, failures) == ([], [])


def test_a_paper_is_named_by_its_own_uri_and_filters_leave_it(dump, make):
    uri = f"{dump}!/{NAMES[1]}"
    (source,) = find_sources([uri])
    assert source == Source(uri, "arxiv")
    loader = make(year_to=1999)
    assert list(loader.sources(source)) == [source]
    assert loader.open(source).metadata["arxiv_id"] == "2301.00002"
    (gone,) = find_sources([f"{dump.parent}/gone.tar!/{NAMES[0]}"])
    assert (type(gone), gone.reason) == (Failure, "no such file or folder")
    with pytest.raises(LoadError, match="no such PDF in the dump"):
        loader.open(Source(f"{dump}!/2301/2301.09999.pdf", "arxiv"))
    with pytest.raises(LoadError, match="papers are opened one by one"):
        loader.open(Source(str(dump), "arxiv"))


def test_bad_members_are_failures_and_cost_themselves_alone(tmp_path, make, contents):
    good = NAMES[0]
    dump = tmp_path / "dump.tar"
    bad = [
        regular("../2301.00007.pdf", b"%PDF"),
        special("2301/2301.00008.pdf", tarfile.SYMTYPE, "/etc/passwd"),
        regular("2301/2301.00009.pdf", b"%PDF" + b"x" * 2**20),
        regular("2301/2301.00010.pdf", b"not a PDF at all"),
    ]
    dump.write_bytes(tar_of([*bad, regular(good, contents[good])]))
    loader = make(max_member_mb=1)
    sources, failures = found(loader, dump)
    assert names(sources) == ["2301/2301.00010.pdf", good]
    assert [(f.source.rpartition("!/")[2], f.stage, f.page) for f in failures] == [
        ("../2301.00007.pdf", "load", None),
        ("2301/2301.00008.pdf", "load", None),
        ("2301/2301.00009.pdf", "load", None),
    ]
    for failure in failures:  # asked for again, by its own name
        (again,) = find_sources([failure.source])
        assert again.uri == failure.source
        with pytest.raises(LoadError) as caught:
            loader.open(again)
        assert str(caught.value) == f"{failure.source}: {failure.reason}"
    with pytest.raises(LoadError, match="not a PDF, or damaged") as caught:
        loader.open(sources[0])
    assert str(caught.value).startswith(sources[0].uri)
    assert loader.open(sources[1]).page_count == 2


def test_all_versions_of_a_paper_are_given_the_latest_first(tmp_path, make, contents):
    content = contents[NAMES[0]]
    dump = tmp_path / "dump.tar"
    members = ["2301/2301.00001v2.pdf", NAMES[1], "2301/2301.00001v10.pdf", NAMES[0], "2301/2301.00001v9.pdf"]
    dump.write_bytes(tar_of([regular(name, content) for name in members]))
    loader = make()
    sources, _ = found(loader, dump)
    assert names(sources) == [NAMES[1], *(f"2301/2301.00001{version}.pdf" for version in ("v10", "v9", "v2", ""))]
    assert loader.open(sources[1]).metadata["version"] == 10
    metadata = str(write_metadata(tmp_path / "meta.json", record("2301.00001", versions=[{"version": "v9"}])))
    known, _ = found(make(metadata=metadata), dump)
    assert [name[-8:-4] for name in names(known)[1:]] == ["1v10", "01v9", "0001", "01v2"]  # one without is the latest


def test_a_name_that_tells_no_paper_is_read_unless_it_must_pass_a_filter(tmp_path, make, contents):
    dump = tmp_path / "dump.tar"
    dump.write_bytes(tar_of([regular("papers/mine.pdf", contents[NAMES[0]])]))
    loader = make()
    sources, _ = found(loader, dump)
    assert "arxiv_id" not in loader.open(sources[0]).metadata
    assert found(make(year_from=2000), dump) == ([], [])


def test_a_dump_that_is_cut_gives_what_lies_before_and_a_failure(dump, make):
    data = dump.read_bytes()
    dump.write_bytes(data[: data.index(b"0001/astro-ph0001001.pdf") + 700])
    loader = make()
    sources, (failure,) = found(loader, dump)
    assert names(sources) == NAMES[:2]
    assert failure.source == str(dump)
    assert "download it again" in failure.reason
    assert all(loader.open(source).page_count == 2 for source in sources)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html>not found</html>" * 50, "not a PDF or image"),
        (tar_of([regular("2301/readme.txt", b"x")]), "holds no PDF (1 other files)"),
        (b"", "file is empty"),
    ],
)
def test_what_is_no_dump(tmp_path, make, data, said):
    dump = tmp_path / "dump.tar"
    dump.write_bytes(data)
    items = [i for s in find_sources([dump]) for i in (make().sources(s) if isinstance(s, Source) else [s])]
    assert [type(item) for item in items] == [Failure]
    assert items[0].reason.startswith(said)


def test_a_tar_of_another_name_says_what_to_do(dump, tmp_path):
    (tmp_path / "dump.dat").write_bytes(dump.read_bytes())
    (failure,) = find_sources([tmp_path / "dump.dat"])
    assert "must end in .tar" in failure.reason


def test_pages_outlive_their_copy_and_notice_a_changed_dump(dump, make, contents, pdf, at):
    loader = make()
    sources, _ = found(loader, dump)
    documents = [loader.open(source) for source in sources]
    loader._copies.close()  # as if many others had been opened since
    assert len(documents) == 3
    for document in documents:
        assert [type(page) for page in loader.pages(document, [1], image=False)] == [Page]
    loader._copies.close()
    changed = {**contents, NAMES[1]: pdf([at(50, 300, "other")])}
    dump.write_bytes(tar_of([regular(n, c) for n, c in changed.items() if n != NAMES[2]]))
    results = [list(loader.pages(document, [1, 2], image=False)) for document in documents]
    assert [type(item) for item in results[0]] == [Page, Page]
    for document, failures in zip(documents[1:], results[1:], strict=True):
        assert [(f.page, f.source, f.doc_id) for f in failures] == [
            (n, document.source, document.doc_id) for n in (1, 2)
        ]
    assert "has changed" in results[1][0].reason
    assert "no such PDF" in results[2][0].reason


def test_a_page_that_fails_names_the_paper(dump, make):
    loader = make()
    document = loader.open(found(loader, dump)[0][0])
    (failure,) = loader.pages(document, [9], image=False)
    assert (failure.source, failure.page) == (document.source, 9)


def test_no_file_is_left(dump, inner, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with ArxivLoader(ArxivOptions(), inner) as loader:
        for _ in range(4):
            for source in found(loader, dump)[0]:
                list(loader.pages(loader.open(source), [1], image=False))
        assert 0 < len(list(folder.glob("*/*"))) <= 5
    assert not list(folder.iterdir())


def test_a_remote_dump_is_read_in_parts(contents, make, monkeypatch):
    fs = fsspec.filesystem("memory")
    cat, read = type(fs).cat_file, []

    def counted(self, path, start=None, end=None, **kwargs):
        read.append(end - start)
        return cat(self, path, start, end, **kwargs)

    monkeypatch.setattr(type(fs), "cat_file", counted)
    large = regular("2301/2301.00003.pdf", contents[NAMES[0]] + b"%" * 3_000_000)
    data = tar_of([*(regular(n, c) for n, c in contents.items()), large])
    fs.pipe("/dumps/arXiv_pdf_2301_001.tar", data)
    loader = make()
    (tar,) = find_sources(["memory://dumps"])
    assert tar.media == "arxiv"
    sources, failures = found(loader, "memory://dumps/arXiv_pdf_2301_001.tar")
    assert not failures
    assert len(sources) == 4
    document = loader.open(sources[0])
    assert document.source == f"memory://dumps/arXiv_pdf_2301_001.tar!/{NAMES[0]}"
    assert all(isinstance(page, Page) for page in loader.pages(document, [1, 2], image=False))
    assert sum(read) == 1 + len(contents[NAMES[0]])  # one byte to see whether parts are sent
    (again,) = find_sources([document.source])
    assert (again.uri, again.media) == (sources[0].uri, sources[0].media)
    fs.rm("/dumps", recursive=True)
    with pytest.raises(LoadError, match="not found"):
        loader.open(sources[1])


def test_a_server_that_sends_whole_files_only_is_not_asked_for_each_paper(contents, make, monkeypatch):
    fs = fsspec.filesystem("memory")
    data = tar_of([regular(n, c) for n, c in contents.items()])
    fs.pipe("/whole/arXiv_pdf_2301_001.tar", data)
    monkeypatch.setattr(type(fs), "cat_file", lambda self, path, start=None, end=None, **kwargs: data)
    sources, (failure,) = found(make(), "memory://whole/arXiv_pdf_2301_001.tar")
    assert not sources
    assert failure.reason == "its server sends no parts of files; copy the dump to a disk or a store"
    fs.rm("/whole", recursive=True)


def test_alone_it_reads_through_a_loader_of_its_own(dump):
    with ArxivLoader() as loader:
        sources, _ = found(loader, dump)
        assert loader.open(sources[0]).page_count == 2
