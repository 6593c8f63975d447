"""Crops of figures as files in the knowledge base's folder, or under its URI."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag_ingest.errors import ConfigError
from rag_ingest.types import PageMarkdown

__all__ = ["FigureFiles"]

log = logging.getLogger(__name__)

_S3_WITH_LOCKS = "s3+ddb://"
"""LanceDB's name for S3 where DynamoDB keeps two writers apart; files need no locks."""


class FigureFiles:
    """Files are written before the ledger's row that names them, so that what a row names is there.

    Args:
        uri: of the knowledge base.
    """

    def __init__(self, uri: str) -> None:
        if uri.startswith(_S3_WITH_LOCKS):  # the query names the table of locks
            uri = f"s3://{uri.removeprefix(_S3_WITH_LOCKS).partition('?')[0]}"
        self.uri = uri.rstrip("/") if "://" in uri else str(Path(uri).expanduser().absolute())

    def check(self) -> None:
        """Whether files can be kept there, as far as this machine can tell.

        Raises:
            ConfigError: fsspec does not know such a place, or lacks a package for it.
        """
        if "://" in self.uri:
            self._remote()

    def write(self, page: PageMarkdown) -> PageMarkdown:
        """Writes the crops that have a path; the page comes back without their bytes.

        Raises:
            OSError: a file can't be written.
        """
        for figure in page.figures:
            if figure.image and figure.path:
                self._write(figure.path, figure.image)
        figures = (replace(figure, image=b"") if figure.path else figure for figure in page.figures)
        return replace(page, figures=tuple(figures))

    def write_absolute(self, page: PageMarkdown) -> PageMarkdown:
        """Writes the crops likewise; the page's paths come back absolute, for those who have no knowledge base."""
        written = self.write(page)
        figures = (replace(figure, path=self.absolute(figure.path)) for figure in written.figures)
        return replace(written, figures=tuple(figures))

    def absolute(self, path: str) -> str:
        """Where a crop lies; an empty path stays empty, and an absolute one, which came with a node, as it is."""
        return f"{self.uri}/{path}" if path and not _is_absolute(path) else path

    def relative(self, path: str) -> str:
        """The other way round; the path of a file elsewhere stays as it is."""
        return path.removeprefix(f"{self.uri}/")

    def read(self, path: str) -> bytes:
        """A crop.

        Raises:
            OSError: it is not there.
        """
        if "://" not in self.uri or _is_absolute(path):
            return Path(self.uri, path).read_bytes()
        files, root = self._remote()
        return bytes(files.cat_file(f"{root}/{path}"))

    def remove(self, doc_ids: Iterable[str]) -> None:
        """Removes every crop of these documents; those that have none cost nothing."""
        folders = [f"figures/{doc_id[:2]}/{doc_id}" for doc_id in doc_ids]
        if "://" not in self.uri:
            for folder in folders:
                _remove_folder(Path(self.uri, folder))
            return
        try:
            files, root = self._remote()
        except ConfigError as e:  # a knowledge base without files of crops is not held up by it
            log.warning("files of crops, if there are any, stay: %s", e)
            return
        for folder in folders:
            if files.exists(f"{root}/{folder}"):
                files.rm(f"{root}/{folder}", recursive=True)

    def keep_only(self, doc_id: str, fingerprint: str, paths: Collection[str]) -> None:
        """Removes what one engine's crops of a document left there, but for these paths."""
        folder = f"figures/{doc_id[:2]}/{doc_id}/{fingerprint}"
        kept = {path.rpartition("/")[2] for path in paths if path.startswith(f"{folder}/")}
        if "://" not in self.uri:
            local = Path(self.uri, folder)
            for file in local.iterdir() if local.is_dir() else ():
                if file.name not in kept:
                    file.unlink()
            return
        files, root = self._remote()
        if files.exists(f"{root}/{folder}"):
            for name in files.ls(f"{root}/{folder}", detail=False):
                if name.rpartition("/")[2] not in kept:
                    files.rm(name)

    def _write(self, path: str, image: bytes) -> None:
        if "://" not in self.uri:
            target = Path(self.uri, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.{os.getpid()}")  # a killed process leaves no half file
            partial.write_bytes(image)
            partial.replace(target)
            return
        files, root = self._remote()
        files.makedirs(f"{root}/{path.rpartition('/')[0]}", exist_ok=True)
        files.pipe_file(f"{root}/{path}", image)

    def _remote(self) -> tuple[Any, str]:
        import fsspec

        try:
            files, root = fsspec.core.url_to_fs(self.uri)
        except (ImportError, ValueError, OSError) as e:
            reason = _lacking(self.uri) if isinstance(e, ImportError) else str(e)
            raise ConfigError(
                f"no files of crops at {self.uri}: {reason}; to keep them in the table: --set figures.keep=column"
            ) from e
        return files, str(root).rstrip("/")


def _lacking(uri: str) -> str:
    """The package that fsspec would need, which its error does not name."""
    from fsspec.registry import known_implementations

    known = known_implementations.get(uri.partition("://")[0], {})
    package = str(known.get("class", "fsspec")).partition(".")[0]
    wanted = "'rag-ingest[s3]'" if package == "s3fs" else package
    return f"package {package!r} is not installed (pip install {wanted})"


def _is_absolute(path: str) -> bool:
    return "://" in path or Path(path).is_absolute()


def _remove_folder(folder: Path) -> None:
    import shutil

    if folder.is_dir():
        shutil.rmtree(folder)
