"""Files of crops: in a folder, or wherever fsspec can write; what it can't do is said before the first page."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import pytest

from rag_ingest import Config, ingest
from rag_ingest.errors import ConfigError
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.types import Figure, PageMarkdown

DOC = "d" * 64
FILE = f"figures/dd/{DOC}/f/0001-1.png"
PAGE = PageMarkdown(DOC, 1, "# x", "e", "f", figures=(Figure("image_1.png", image=b"crop", path=FILE),))


@pytest.mark.parametrize("remote", [False, True])
def test_a_crop_is_written_whole_read_and_removed(remote: bool, tmp_path: Path) -> None:
    files = FigureFiles(f"memory://{tmp_path.name}/kb/" if remote else str(tmp_path / "kb"))
    files.check()
    for image in (b"an earlier crop", b"crop"):
        page = PageMarkdown(DOC, 1, "# x", "e", "f", figures=(Figure("image_1.png", image=image, path=FILE),))
        assert files.write(page).figures == (Figure("image_1.png", path=FILE),)
    assert files.read(FILE) == b"crop"
    assert remote or [p.name for p in (tmp_path / "kb" / FILE).parent.iterdir()] == ["0001-1.png"]
    files.remove(["e" * 64, DOC])
    with pytest.raises(OSError, match=FILE):
        files.read(FILE)


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = FigureFiles(str(tmp_path))
    files.write(PAGE)
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        write(path, data[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        files.write(PAGE)
    assert files.read(FILE) == b"crop"


PLACES = [
    ("s3://b/kb", "s3fs"),
    ("s3+ddb://b/kb?ddbTableName=t", "s3fs"),
    ("gs://b/kb", "gcsfs"),
    ("az://b/kb", "adlfs"),
]


@pytest.mark.parametrize(("uri", "package"), [*PLACES, ("elsewhere://b/kb", "")])
def test_a_place_without_files_is_told_before_the_first_page(
    uri: str, package: str, corpus: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if package and find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ConfigError, match=rf"{package}.*figures\.keep=column"):
        ingest(corpus, uri, config=Config(engine="layout"))
    with caplog.at_level(logging.WARNING):
        FigureFiles(uri).remove([DOC])
    assert "stay" in caplog.text


def test_the_query_that_names_locks_is_no_part_of_a_path() -> None:
    assert FigureFiles("s3+ddb://b/kb/?ddbTableName=t").absolute("figures/x.png") == "s3://b/kb/figures/x.png"
