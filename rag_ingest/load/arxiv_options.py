"""What can be set about arXiv dumps; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from rag_ingest.errors import ConfigError
from rag_ingest.load.arxiv_licenses import LICENSES, license_asked

FIRST_YEAR = 1991
"""arXiv's first."""


@dataclass(frozen=True, kw_only=True)
class ArxivOptions:
    """Which papers of a dump are read, and what is joined to them. A filter that is empty or 0 lets all through.

    Attributes:
        metadata: arXiv's metadata as JSON lines (Kaggle's `arxiv-metadata-oai-snapshot.json`), `.gz` allowed; a local
            file, of which an index is made once. Empty: what is known of a paper is its identifier.
        manifest: `arXiv_pdf_manifest.xml`; empty takes the one beside the dump, if any.
        check_md5: a dump that differs from its manifest is not read.
        categories: of which a paper must have one, cross-lists included: "cs.CL", "cs.*", "cs" (the same), "hep-ph".
        year_from: first year, of the first version's date, else of the identifier; 1991 or later.
        year_to: last year.
        licenses: of which a paper must have one: "by", "by-sa", "by-nc-sa", "by-nc-nd", "cc0", "public-domain",
            "arxiv", or a part of the URL that has a slash, such as "by/4.0".
        max_member_mb: a larger member is refused; > 0.
        cache: folder for the index of the metadata, and for what is known of dumps that fit their manifest; empty:
            `rag-ingest` in the user's cache folder.
    """

    metadata: str = ""
    manifest: str = ""
    check_md5: bool = True
    categories: tuple[str, ...] = ()
    year_from: int = 0
    year_to: int = 0
    licenses: tuple[str, ...] = ()
    max_member_mb: int = 200
    cache: str = ""

    def __post_init__(self) -> None:
        for name, year in (("year_from", self.year_from), ("year_to", self.year_to)):
            if year and not FIRST_YEAR <= year <= 9999:
                raise ConfigError(f"arxiv.{name} is {year}; it must be {FIRST_YEAR} or later, or 0 for any")
        if self.year_from and self.year_to and self.year_from > self.year_to:
            raise ConfigError(f"arxiv.year_from is {self.year_from}, later than arxiv.year_to = {self.year_to}")
        if self.max_member_mb < 1:
            raise ConfigError(f"arxiv.max_member_mb is {self.max_member_mb}; it must be 1 or more")
        if "://" in self.metadata:
            raise ConfigError("arxiv.metadata must be a local file: single lines of it are read all the time")
        for asked in self.licenses:
            if not license_asked(asked):
                raise ConfigError(
                    f"arxiv.licenses has {asked!r}; known are {', '.join(LICENSES)}, or a part of the URL with a slash"
                )
        for name in ("categories", "licenses"):
            if getattr(self, name) and not self.metadata:
                raise ConfigError(f"arxiv.{name} needs arxiv.metadata: a dump alone doesn't tell them")
