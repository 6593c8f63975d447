"""Events come out whole, however the network cut them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.http.events import EventReader

DATA = st.text().map(lambda text: text.replace("\n", " ").replace("\r", " ").encode())


def read(body: bytes, cuts: list[int]) -> list[bytes]:
    reader, events = EventReader(), []
    places = sorted(cut % (len(body) + 1) for cut in cuts)
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        events += reader.feed(body[start:end])
    return events


@given(st.lists(DATA, max_size=5), st.sampled_from([b"\n", b"\r\n"]), st.lists(st.integers(0, 10_000), max_size=8))
def test_every_event_once_and_whole_wherever_it_is_cut(events: list[bytes], end: bytes, cuts: list[int]) -> None:
    body = b"".join(b"data: " + data + end + end for data in events)
    assert read(body, cuts) == events


def test_comments_names_and_ids_are_left_out_and_lines_of_one_event_joined() -> None:
    body = b": ping\n\nevent: message\nid: 7\nretry: 10\ndata:a\ndata: b\n\n\n\ndata: c\n\n"
    assert read(body, []) == [b"a\nb", b"c"]


def test_line_separators_of_unicode_end_no_line() -> None:
    body = "data: one\u2028two\u0085three\x0bfour\n\n".encode()
    assert read(body, [9]) == ["one\u2028two\u0085three\x0bfour".encode()]


def test_an_event_that_the_end_cuts_is_none() -> None:
    assert read(b'data: {"a": 1}\n\ndata: {"a": 2}\n', []) == [b'{"a": 1}']
    reader = EventReader()
    reader.feed(b"data: 12\nda")
    assert reader.held == 4
