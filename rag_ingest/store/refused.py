"""What LanceDB says when an object store refuses, or can't be reached -> what it means, and what to do about it.

The texts are those of lancedb 0.40: of the store itself (S3's XML errors) inside those of Rust's object_store, printed
in one of two ways.
"""

from __future__ import annotations

import re

__all__ = ["explain_store"]

_ANSWER = re.compile(r"<Code>(?P<code>\w+)</Code>(?:\s*<Message>(?P<message>[^<]*)</Message>)?")
_STATUS = re.compile(r"status(?: code)?: (?P<status>[345]\d\d)\b")
_HOST = re.compile(r"\b(?P<host>https?://[^/\s\"')]+)")
_NO_CREDENTIALS = re.compile(r"Failed to get AWS credentials|CredentialsNotLoaded|TokenRequest|NoCredentials")
_NOT_REACHED = re.compile(r"error sending request|HttpError|HTTP error|ConnectError|operation timed out")
_NO_HTTP = "BadScheme"
_STALE_CREDENTIALS = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "RequestTimeTooSkewed")
_ELSEWHERE = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint")
_BUSY = ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "PreconditionFailed", "OperationAborted")


def explain_store(text: str) -> str:
    """What follows "can't be …: ", for an error under a URL; empty where it is none of the store's.

    Args:
        text: of the error.
    """
    answer, status = _ANSWER.search(text), _STATUS.search(text)
    if answer and answer["code"] == "NoSuchBucket":
        return "its bucket does not exist; make it, or mend the address (AWS_ENDPOINT too, where the store is not AWS)"
    if _NO_CREDENTIALS.search(text):
        return "no credentials for it were found; for S3 set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    code = (status["status"] if status else "", answer["code"] if answer else "")
    said = _said(answer) or code[0]
    if code[0] in ("401", "403") or code[1] in _STALE_CREDENTIALS:
        return f"its store refuses it ({said}); check the credentials and what they allow"
    if _NO_HTTP in text:
        return "its endpoint is http://, not https://; if that is meant, set AWS_ALLOW_HTTP=true"
    if code[1] in _ELSEWHERE or code[0] in ("301", "307"):
        return f"its store sends elsewhere ({said}); set AWS_REGION to the bucket's region, or mend AWS_ENDPOINT"
    if code[0].startswith("5") or code[0] in ("408", "409", "412", "429") or code[1] in _BUSY:
        return f"its store answers {said}; {_AGAIN}"
    if any(code) and code[0] != "404" and not code[1].startswith("NoSuch"):
        return f"its store answers {said}"
    if _NOT_REACHED.search(text):
        host = _HOST.search(text)
        return f"its store{' at ' + host['host'] if host else ''} can't be reached; {_AGAIN}"
    return ""


_AGAIN = "run the same again when it is back, nothing is half written"


def _said(answer: re.Match[str] | None) -> str:
    return ": ".join(filter(None, answer.groups())).rstrip(".") if answer else ""
