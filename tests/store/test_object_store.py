"""A database in an object store: what goes wrong there is said in one line, and its lease costs no more with time.

The texts are what lancedb 0.40 said of a real server (eval/object_store.py), shortened.
"""

from __future__ import annotations

import logging
from pathlib import Path

import lancedb
import pytest

from rag_ingest.errors import StoreError
from rag_ingest.store import lease
from rag_ingest.store.lease import TableLease
from rag_ingest.store.trouble import explain

CONNECTING = (
    'Invalid input, Failed to connect to namespace: IO {{ source: Generic {{ store: "S3", source: ListRequest {{ '
    "source: RetryError(RetryErrorImpl {{ method: GET, uri: Some(http://127.0.0.1:5599/bucket?list-type=2&prefix=kb), "
    "retries: 0, max_retries: 3, elapsed: 3.5ms, retry_timeout: 180s, inner: {} }}) }} }} }}"
)
ANSWER = (
    r'Status {{ status: {}, body: Some("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Error><Code>{}</Code>'
    r'<Message>{}</Message><RequestId>O4CUwRuL</RequestId></Error>") }}'
)
GONE = (
    "Http(HttpError { kind: Connect, source: reqwest::Error { kind: Request, source: hyper_util::client::legacy::Error("
    'Connect, ConnectError("tcp connect error", 127.0.0.1:5599, Os { code: 111, kind: ConnectionRefused })) } })'
)
BAD_SCHEME = "Http(HttpError { kind: Unknown, source: reqwest::Error { kind: Builder, source: BadScheme } })"
READING = (
    "lance error: LanceError(IO): Generic S3 error: Error performing list request: Error performing GET "
    "http://127.0.0.1:5599/bucket?list-type=2&prefix=kb%2Fchunks.lance%2F_versions%2F in 407.9ms, {}, "
    "/root/.cargo/x.rs:1:9"
)
REFUSED = (
    'Server returned non-2xx status code: 403 Forbidden: <?xml version="1.0" encoding="utf-8"?>\n<Error>'
    "<Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
)
SAID = {
    CONNECTING.format(ANSWER.format(404, "NoSuchBucket", "The bucket does not exist")): "its bucket does not exist",
    CONNECTING.format(
        ANSWER.format(403, "SignatureDoesNotMatch", "No match.")
    ): "SignatureDoesNotMatch: No match); check",
    CONNECTING.format(ANSWER.format(503, "SlowDown", "Too fast.")): "answers SlowDown: Too fast; run the same again",
    CONNECTING.format(GONE): "its store at http://127.0.0.1:5599 can't be reached; run the same again",
    CONNECTING.format(BAD_SCHEME): "AWS_ALLOW_HTTP=true",
    READING.format("after 3 retries - HTTP error: error sending request"): "can't be reached; run the same again",
    READING.format(REFUSED): "refuses it (AccessDenied: Access Denied); check the credentials",
    CONNECTING.format(ANSWER.format(400, "ExpiredToken", "Old.")): "refuses it (ExpiredToken: Old); check the cred",
    CONNECTING.format(ANSWER.format(301, "PermanentRedirect", "There.")): "There); set AWS_REGION",
    CONNECTING.format(ANSWER.format(400, "AuthorizationHeaderMalformed", "eu-west-1.")): "eu-west-1); set AWS_REGION",
    CONNECTING.format(ANSWER.format(400, "InvalidArgument", "No.")): "its store answers InvalidArgument: No",
    'IO { source: "Failed to get AWS credentials: CredentialsNotLoaded(…)" }': "no credentials for it were found",
    "lance error: Not found: kb/chunks.lance/data/01.lance": "data/01.lance is missing; delete chunks.lance",
}


@pytest.mark.parametrize("text", SAID)
def test_what_the_store_says_becomes_one_line_with_a_way_out(text: str) -> None:
    told = explain("s3://bucket/kb can't be opened", RuntimeError(text))
    assert told.startswith("s3://bucket/kb can't be opened: ")
    assert SAID[text] in told
    assert "\n" not in told
    assert ".rs:" not in told
    assert "xml" not in told


def test_the_table_of_leases_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "KEPT_VERSIONS", 8)
    db = lancedb.connect(tmp_path)
    for _ in range(30):
        one = TableLease(db, "db", 0.1)
        one.acquire(0)
        one.release()
    table = db.open_table("leases")
    assert table.version > 60
    assert len(table.list_versions()) < 40


def test_an_answer_that_is_lost_is_no_other_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = TableLease(lancedb.connect(tmp_path), "db", 30)
    written = one._taken
    monkeypatch.setattr(one, "_taken", lambda token: written(token) and False)
    one.acquire(0)
    one.check()
    one.release()


def test_a_lease_that_cannot_be_given_back_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: object) -> bool:
        raise StoreError("s3://bucket/kb can't be written: its store can't be reached")

    one = TableLease(lancedb.connect(tmp_path), "db", 30)
    one.acquire(0)
    monkeypatch.setattr(one, "_update", gone)
    with caplog.at_level(logging.WARNING):
        one.release()
    assert "until the lease runs out, 30 s at most: s3://bucket/kb can't be written" in caplog.text


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "ExpiredToken"), (301, "PermanentRedirect"), (400, "InvalidArgument"), (404, "NoSuchKey")],
)
def test_again_is_not_advised_where_it_would_not_help(status: int, code: str) -> None:
    said = CONNECTING.format(ANSWER.format(status, code, "No."))
    assert "again" not in explain("s3://bucket/kb can't be opened", RuntimeError(said))


def test_a_lease_that_was_given_back_is_not_told_as_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone() -> None:
        raise StoreError("s3://bucket/kb can't be written: its store can't be reached")

    db = lancedb.connect(tmp_path)
    one, next_one = TableLease(db, "db", 30), TableLease(db, "db", 30)
    one.acquire(0)
    monkeypatch.setattr(one, "_clean", gone)
    with caplog.at_level(logging.WARNING):
        one.release()
    next_one.acquire(0)
    next_one.release()
    assert not caplog.records
