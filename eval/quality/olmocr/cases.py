"""Test cases of olmOCR-bench, one a line of a JSONL file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from eval.quality.olmocr.wording import wording
from rag_ingest.errors import ConfigError

_COMMENTS = frozenset({"checked", "url"})
"""Fields that say where a case came from."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One expectation of one page.

    Attributes:
        pdf: path below `pdfs/`.
        page: 1-based.
        max_diffs: how many characters may differ.
    """

    pdf: str
    page: int
    id: str
    type: str
    max_diffs: int = 0

    def __post_init__(self) -> None:
        if not self.pdf or not self.id:
            raise ConfigError("pdf and id must not be empty")
        if not isinstance(self.max_diffs, int) or self.max_diffs < 0:
            raise ConfigError(f"max_diffs = {self.max_diffs!r}: must be a number of characters, 0 or more")

    def _word(self, *names: str, required: bool = True) -> None:
        """Brings texts into the normal form that they are looked for in."""
        for name in names:
            text = wording(getattr(self, name))
            if required and not text.strip():
                raise ConfigError(f"{name} must not be empty")
            object.__setattr__(self, name, text)


@dataclass(frozen=True, kw_only=True)
class TextCase(Case):
    """A text is on the page, or is not ("present", "absent").

    Attributes:
        first_n: only within so many characters from the start.
        last_n: only within so many up to the end; with both, in what they hold together.
    """

    text: str
    case_sensitive: bool = True
    first_n: int | None = None
    last_n: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._word("text")


@dataclass(frozen=True, kw_only=True)
class OrderCase(Case):
    """One text stands before another."""

    before: str
    after: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._word("before", "after")
        if self.max_diffs > min(len(self.before), len(self.after)) // 2:
            raise ConfigError(f"max_diffs = {self.max_diffs}: more than half of the text")


@dataclass(frozen=True, kw_only=True)
class TableCase(Case):
    """A table has a cell, and around it what is named; an empty name is not looked at.

    Attributes:
        up: text of a cell right above; `down`, `left`, `right` likewise.
        top_heading: of a heading anywhere above, or else of the topmost cell; `left_heading` likewise.
    """

    cell: str
    up: str = ""
    down: str = ""
    left: str = ""
    right: str = ""
    top_heading: str = ""
    left_heading: str = ""
    ignore_markdown_tables: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._word("cell")
        self._word("up", "down", "left", "right", "top_heading", "left_heading", required=False)


@dataclass(frozen=True, kw_only=True)
class MathCase(Case):
    """A formula, in TeX, is on the page.

    Attributes:
        ignore_dollar_delimited: looks only within brackets.
    """

    math: str
    ignore_dollar_delimited: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.math.strip():
            raise ConfigError("math must not be empty")


@dataclass(frozen=True, kw_only=True)
class BaselineCase(Case):
    """A page has text that is not broken; or, with `max_length`, hardly any.

    Attributes:
        max_length: letters and digits that a blank page may have.
        max_repeats: how often the last one to five characters may repeat.
    """

    max_length: int | None = None
    max_length_skips_image_alt_tags: bool = False
    max_repeats: int = 30
    check_disallowed_characters: bool = True


TYPES: Mapping[str, type[Case]] = {
    "present": TextCase,
    "absent": TextCase,
    "order": OrderCase,
    "table": TableCase,
    "math": MathCase,
    "baseline": BaselineCase,
}


def read_cases(path: Path) -> Iterator[Case]:
    """Cases of a JSONL file, in order; empty lines are skipped.

    Raises:
        ConfigError: a line is no case; the message names file and line.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield _case(json.loads(line))
        except (ConfigError, TypeError, ValueError) as e:
            raise ConfigError(f"{path}:{number} is no test of olmOCR-bench: {e}") from e


def _case(row: Any) -> Case:
    if not isinstance(row, dict):
        raise ConfigError("not an object")
    kind = TYPES.get(row.get("type", ""))
    if kind is None:
        raise ConfigError(f"unknown type {row.get('type')!r} (known: {', '.join(TYPES)})")
    known = {field.name for field in fields(kind)}
    unknown = sorted(set(row) - known - _COMMENTS)
    if unknown:
        raise ConfigError(f"unknown field {', '.join(unknown)}")
    return kind(**{name: value for name, value in row.items() if name in known})
