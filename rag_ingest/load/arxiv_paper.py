"""What is known of a paper: arXiv's metadata record, or its identifier alone, as `SourceDocument.metadata` has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from rag_ingest.load.arxiv_ids import ArxivId

_RECORD_ALONE = ("authors", "categories", "abstract", "license", "doi", "journal_ref")
"""Fields that no identifier tells."""

_FIELDS = ("version", "year", "published", *_RECORD_ALONE)


def has_record(fields: Mapping[str, Any]) -> bool:
    """Whether arXiv's metadata had the paper."""
    return bool(fields.get("arxiv_id")) and any(fields.get(name) for name in _RECORD_ALONE)


def is_told_more(before: Mapping[str, Any], now: Mapping[str, Any], *, same_file: bool = True) -> bool:
    """Whether arXiv's metadata says of a paper what is not on record, or says it otherwise.

    Never where `now` comes without arXiv's record, or what is on record is of another paper, which has the same PDF:
    what was known stays.

    Args:
        before: `SourceDocument.metadata` as it was put down.
        now: that of the paper as it was opened.
        same_file: both are of one file; of two with the same content each has a version of its own.
    """
    if not has_record(now) or before.get("arxiv_id") != now["arxiv_id"]:
        return False
    return any(now.get(name) != before.get(name) for name in _FIELDS if same_file or name != "version")


def paper_title(record: Mapping[str, Any]) -> str:
    """The title on one line, TeX as it stands; empty where there is none."""
    return _line(record.get("title"))


def paper_fields(name: ArxivId, record: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of one paper; what is not known has no key.

    Args:
        name: from the member's name; its version, if any, wins over the latest that the record has.
        record: a line of `arxiv-metadata-oai-snapshot.json`; None where arXiv's metadata has no such paper.

    Returns:
        `arxiv_id` (str) and `year` (int, of the first version's date, else of the identifier); where known `version`
        (int), `authors` ("A. B; C. D"), `categories` (list of str, the primary one first), `abstract`, `license` (URL),
        `published` ("YYYY-MM-DD"), `doi` and `journal_ref`.
    """
    record = record or {}
    versions = [one for one in _list(record.get("versions")) if isinstance(one, Mapping)]
    published = _date(versions[0].get("created")) if versions else None
    fields: dict[str, Any] = {
        "arxiv_id": name.paper,
        "version": name.version or _latest(versions),
        "year": published.year if published else name.year,
        "published": published.strftime("%Y-%m-%d") if published else None,
        "authors": _authors(record),
        "categories": _line(record.get("categories")).split(),
        "abstract": _line(record.get("abstract")),
        "license": _line(record.get("license")),
        "doi": _line(record.get("doi")),
        "journal_ref": _line(record.get("journal-ref")),
    }
    return {key: value for key, value in fields.items() if value}


def _latest(versions: list[Mapping[str, Any]]) -> int | None:
    numbers = [_line(one.get("version")).removeprefix("v") for one in versions]
    return max((int(number) for number in numbers if number.isascii() and number.isdigit()), default=None)


def _date(text: object) -> datetime | None:
    """Of `Mon, 2 Apr 2007 19:18:42 GMT`."""
    try:
        return parsedate_to_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _authors(record: Mapping[str, Any]) -> str:
    """`authors_parsed` holds [last name, first names, suffix] of each; `authors` is one text of many styles."""
    names = []
    for parsed in _list(record.get("authors_parsed")):
        last, first, suffix = ([_line(part) for part in _list(parsed)] + ["", "", ""])[:3]
        names.append(" ".join(part for part in (first, last, suffix) if part))
    return "; ".join(name for name in names if name) or _line(record.get("authors"))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _line(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
