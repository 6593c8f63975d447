"""Listing a tar by headers that nobody trusts."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.errors import LoadError
from rag_ingest.load.arxiv_tar import Listing, list_pdfs
from tests.load.dumps import regular, special, tar_of

PAPERS = [regular(f"2301/2301.{n:05}.pdf", b"%PDF-1.4 " + b"x" * (n * 700)) for n in range(1, 6)]

FIRST = tar_of(PAPERS[:1])[:1536]  # header and content, no end mark


def listed(data: bytes, limit: int = 10**6) -> Listing:
    return list_pdfs(io.BytesIO(data), len(data), limit)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_each_member_is_where_the_listing_says(form):
    data = tar_of([special("2301", tarfile.DIRTYPE), *PAPERS], form)
    listing = listed(data)
    assert list(listing.members) == [info.name for info, _ in PAPERS]
    for info, content in PAPERS:
        member = listing.members[info.name]
        assert data[member.offset : member.offset + member.size] == content
    assert not listing.damage
    assert not listing.refused


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names(form):
    name = "2301/" + "a" * 300 + "/2301.00001.pdf"
    assert list(listed(tar_of([regular(name, b"%PDF")], form)).members) == [name]


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (regular("../../etc/2301.00001.pdf", b"x"), "leads out of the archive"),
        (regular("2301/../../2301.00001.pdf", b"x"), "leads out of the archive"),
        (regular("/etc/2301.00001.pdf", b"x"), "leads out of the archive"),
        (regular("C:/2301.00001.pdf", b"x"), "leads out of the archive"),
        (regular("..\\2301.00001.pdf", b"x"), "leads out of the archive"),
        (regular("2301/a\n2301.00001.pdf", b"x"), "characters that no paper's name has"),
        (regular("2301/\udcff.pdf", b"x"), "characters that no paper's name has"),
        (regular("x.tar!/2301.00001.pdf", b"x"), "characters that no paper's name has"),
        (special("2301/2301.00001.pdf", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
        (special("2301/2301.00001.pdf", tarfile.LNKTYPE, "2301/2301.00002.pdf"), "is a link"),
        (special("2301/2301.00001.pdf", tarfile.CHRTYPE), "device"),
        (special("2301/2301.00001.pdf", tarfile.FIFOTYPE), "device"),
        (regular("2301/2301.00001.pdf", b"x" * 2_000_001), "more than arxiv.max_member_mb"),
        (regular("2301/2301.00001.pdf", b""), "is empty"),
    ],
)
def test_a_bad_member_is_refused_and_costs_itself_alone(member, said):
    listing = listed(tar_of([PAPERS[1], member, PAPERS[2]]), 2_000_000)
    assert list(listing.members) == [PAPERS[1][0].name, PAPERS[2][0].name]
    (refused,) = listing.refused.values()
    assert said in refused.reason
    assert refused.name.isprintable()
    assert not listing.damage


def test_of_a_name_that_stands_there_twice_the_last_is_taken_as_tar_does():
    first, second = regular("2301/2301.00001.pdf", b"first"), regular("./2301/2301.00001.pdf", b"second")
    data = tar_of([first, PAPERS[1], second])
    listing = listed(data)
    assert list(listing.members) == [PAPERS[1][0].name, "2301/2301.00001.pdf"]
    member = listing.members["2301/2301.00001.pdf"]
    assert data[member.offset : member.offset + member.size] == b"second"
    assert listing.superseded == ["2301/2301.00001.pdf"]


def test_other_files_are_counted():
    others = [regular("2301/2301.00009.gz", b"x"), regular("README", b"x"), regular("2301/._2301.00001.pdf", b"x")]
    listing = listed(tar_of([*others, PAPERS[0]]))
    assert (list(listing.members), listing.others) == ([PAPERS[0][0].name], 3)


@given(cut=st.integers(0, 30_000))
@settings(deadline=None)
def test_a_tar_that_is_cut_anywhere_keeps_what_lies_before_and_says_so(cut):
    data = tar_of(PAPERS)
    cut = min(cut, len(data))
    whole = {name: m for name, m in listed(data).members.items() if m.offset + m.size <= cut}
    try:
        listing = listed(data[:cut])
    except LoadError:
        assert not whole
        return
    assert listing.members == whole
    end_mark = max(m.offset + m.size for m in listed(data).members.values()) // 512 * 512 + 2 * 512
    assert bool(listing.damage) == (cut < end_mark)


def test_a_damaged_header_in_the_middle_is_said():
    data = bytearray(tar_of(PAPERS))
    third = listed(bytes(data)).members["2301/2301.00003.pdf"].offset - 512
    data[third + 10] ^= 0xFF
    listing = listed(bytes(data))
    assert list(listing.members) == ["2301/2301.00001.pdf", "2301/2301.00002.pdf"]
    assert f"header at byte {third:,} is damaged" in listing.damage


@given(at=st.integers(0, 12_000), value=st.integers(0, 255))
@settings(deadline=None, max_examples=300)
def test_a_flipped_byte_never_hides_a_member_without_a_word(at, value):
    data = bytearray(tar_of(PAPERS))
    at = min(at, len(data) - 1)
    data[at] = value
    try:
        listing = listed(bytes(data))
    except LoadError:
        return
    everything = len(listing.members) + len(listing.refused) + listing.others + len(listing.superseded)
    assert everything == len(PAPERS) or listing.damage


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>" * 100, b"x" * 512])
def test_what_is_no_tar(data):
    with pytest.raises(LoadError, match="not a tar archive"):
        listed(data)


def hostile(info: tarfile.TarInfo, size_field: bytes) -> bytes:
    """A header whose size field is set to any bytes, its checksum right."""
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size_field
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % (sum(block))
    return bytes(block)


def test_a_negative_size_does_not_run_in_circles():
    bad = hostile(tarfile.TarInfo("2301/2301.00002.pdf"), b"\xff" * 12)
    listing = listed(FIRST + bad + b"\0" * 1024)
    assert list(listing.members) == ["2301/2301.00001.pdf"]
    assert "damaged" in listing.damage


def test_a_name_of_gigabytes_is_not_read():
    class Counting(io.BytesIO):
        most = 0

        def read(self, count=-1):
            Counting.most = max(Counting.most, count if count is not None else -1)
            return super().read(count)

    name = tarfile.TarInfo("././@LongLink")
    name.type = tarfile.GNUTYPE_LONGNAME
    data = FIRST + hostile(name, b"77777777777\0") + b"a" * 200_000
    listing = list_pdfs(Counting(data), len(data), 10**6)
    assert "no name needs" in listing.damage
    assert Counting.most <= 65_536


def test_names_on_names_do_not_exhaust_the_stack():
    name = tarfile.TarInfo("././@LongLink")
    name.type = tarfile.GNUTYPE_LONGNAME
    data = FIRST + hostile(name, b"00000000000\0") * 20_000
    assert "RecursionError" in listed(data).damage


def test_a_second_archive_behind_the_first_is_said():
    data = tar_of(PAPERS)
    assert "several tars" in listed(data + b"x" * 2**21).damage
    assert not listed(data + b"\0" * 10_240).damage
