"""A dump against its manifest: what fits is read, what doesn't is said, and each is hashed once."""

from __future__ import annotations

import hashlib

import fsspec
import pytest

from rag_ingest.errors import ConfigError
from rag_ingest.load import arxiv_dumps
from rag_ingest.load.archive_file import md5_of
from rag_ingest.load.arxiv_manifest import read_manifest
from tests.load.dumps import found, regular, tar_of, write_manifest


def test_the_manifest_is_checked(dump, make, tmp_path):
    file = write_manifest(tmp_path, dump)
    assert len(found(make(), dump)[0]) == 3
    write_manifest(tmp_path, dump, md5sum="0" * 32)
    sources, (failure,) = found(make(), dump)
    assert not sources
    assert failure.source == str(dump)
    assert f"its md5 is {hashlib.md5(dump.read_bytes()).hexdigest()}, by its manifest {'0' * 32}" in failure.reason
    assert "download it again, or set arxiv.check_md5=false" in failure.reason
    assert len(found(make(check_md5=False), dump)[0]) == 3
    write_manifest(tmp_path, dump, size="17")
    assert "by its manifest 17" in found(make(), dump)[1][0].reason
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    file.rename(elsewhere / "m.xml")
    assert "by its manifest 17" in found(make(manifest=str(elsewhere / "m.xml")), dump)[1][0].reason
    with pytest.raises(ConfigError, match=r"arxiv\.manifest = .*gone.*not found"):
        found(make(manifest=str(tmp_path / "gone.xml")), dump)


def test_a_dump_that_fits_its_manifest_is_hashed_once(dump, make, tmp_path, monkeypatch):
    hashed = []
    monkeypatch.setattr(arxiv_dumps, "md5_of", lambda archive: hashed.append(archive) or md5_of(archive))
    write_manifest(tmp_path, dump)
    assert [len(found(make(), dump)[0]) for _ in range(2)] == [3, 3]
    assert hashed == [str(dump)]
    flipped = bytearray(dump.read_bytes())
    flipped[600] ^= 1
    dump.write_bytes(flipped)
    assert "its md5 is" in found(make(), dump)[1][0].reason
    write_manifest(tmp_path, dump, md5sum="0" * 32)  # the manifest may be another one, too
    assert "its md5 is" in found(make(), dump)[1][0].reason
    assert len(hashed) == 3


def test_a_cache_that_cannot_be_costs_no_dump(dump, make, tmp_path):
    write_manifest(tmp_path, dump)
    (tmp_path / "cache").write_text("in the way")
    assert len(found(make(), dump)[0]) == 3
    (tmp_path / "cache").unlink()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "arxiv-md5.sqlite").write_text("no database, though it has the name of one")
    assert len(found(make(), dump)[0]) == 3


@pytest.mark.parametrize(
    ("wrong", "why"), [({"filename": "pdf/other.tar"}, "does not name it"), ({"md5sum": ""}, "has no md5 of it")]
)
def test_what_a_manifest_cannot_check_is_read_with_a_word(dump, make, tmp_path, caplog, wrong, why):
    write_manifest(tmp_path, dump, **wrong)
    assert [len(found(make(), dump)[0]) for _ in range(2)] == [3, 3]
    (told,) = [line for line in caplog.messages if "without a check of its md5" in line]
    assert told == f"{dump}: read without a check of its md5: its manifest {why}"
    caplog.clear()
    assert len(found(make(check_md5=False), dump)[0]) == 3
    assert not caplog.messages


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><arXivPDF><file><filename>&a;</filename></file></arXivPDF>'


@pytest.mark.parametrize("content", ["", "<arXivPDF>", "<html></html>", BOMB, "\0\0"])
def test_a_broken_manifest_beside_a_dump_costs_that_dump(dump, make, tmp_path, content):
    (tmp_path / "arXiv_pdf_manifest.xml").write_text(content)
    sources, (failure,) = found(make(), dump)
    assert not sources
    assert "arXiv_pdf_manifest.xml beside it" in failure.reason


def test_entries_of_a_manifest(dump, tmp_path):
    (entry,) = read_manifest(write_manifest(tmp_path, dump).read_bytes()).values()
    assert (entry.filename, entry.size, entry.papers) == (dump.name, dump.stat().st_size, 3)
    assert entry.md5 == hashlib.md5(dump.read_bytes(), usedforsecurity=False).hexdigest()


def test_a_remote_manifest(contents, make, tmp_path):
    fs = fsspec.filesystem("memory")
    tar = tmp_path / "arXiv_pdf_2301_001.tar"
    tar.write_bytes(tar_of([regular(n, c) for n, c in contents.items()]))
    fs.pipe("/checked/arXiv_pdf_2301_001.tar", tar.read_bytes())
    for wrong, count in (({}, 3), ({"md5sum": "1" * 32}, 0)):
        fs.pipe("/checked/arXiv_pdf_manifest.xml", write_manifest(tmp_path, tar, **wrong).read_bytes())
        assert len(found(make(), "memory://checked/arXiv_pdf_2301_001.tar")[0]) == count
    fs.rm("/checked", recursive=True)
