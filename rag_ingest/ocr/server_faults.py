"""What follows from a request for a page that failed for good."""

from __future__ import annotations

from typing import Final

from rag_ingest.errors import OcrError
from rag_ingest.http import RequestFailed
from rag_ingest.ocr.ladder import Then

_BUSY: Final = frozenset({429, 502, 503, 504})


def where_to(error: OcrError) -> Then:
    """Where a page goes whose request failed for good.

    A server that is busy (429, 502 to 504), or that drops the connection, has said nothing about the page.
    """
    from httpx import ConnectTimeout

    failed = error.__cause__
    if not isinstance(failed, RequestFailed):
        return "again"
    if failed.timed_out:
        return "nowhere" if isinstance(failed.__cause__, ConnectTimeout) else "smaller"
    if failed.status is None or failed.status in _BUSY:
        return "nowhere"
    if failed.status == 413:
        return "smaller"
    return "again" if failed.status == 200 else "elsewhere"


def refuses_to_stream(error: OcrError) -> bool:
    """Whether the server won't have one of the words that ask for a stream."""
    failed = error.__cause__
    return isinstance(failed, RequestFailed) and failed.status in {400, 422} and "stream" in failed.reason
