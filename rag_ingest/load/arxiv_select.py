"""Which papers are wanted, by what is known before they are read."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from rag_ingest.load.arxiv_licenses import license_asked, license_fits
from rag_ingest.load.arxiv_options import ArxivOptions


class Selection:
    """The filters of `ArxivOptions`; a paper must pass all of them."""

    def __init__(self, options: ArxivOptions) -> None:
        self._first, self._last = options.year_from, options.year_to or 9999
        self._categories = [pattern.strip().lower() for pattern in options.categories]
        self._licenses = [license_asked(name) for name in options.licenses]

    @property
    def narrows(self) -> bool:
        """False when every paper is wanted, so that nothing need be known."""
        return bool(self._first or self._last < 9999 or self._categories or self._licenses)

    def wants(self, fields: Mapping[str, Any]) -> bool:
        """Whether a paper passes; `fields` as `paper_fields` gave them. What is not known passes no filter."""
        if not self._first <= fields.get("year", 0) <= self._last:
            return False
        if self._categories and not any(self._fits(category) for category in fields.get("categories", ())):
            return False
        return not self._licenses or license_fits(fields.get("license", ""), self._licenses)

    def _fits(self, category: str) -> bool:
        """`cs` stands for the archive: every `cs.…`."""
        category = category.lower()
        archive = category.partition(".")[0]
        return any(fnmatchcase(category, pattern) or archive == pattern for pattern in self._categories)
