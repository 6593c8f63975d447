"""Opening PDFs: identity, metadata, and one clear line for each thing that is wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_ingest.errors import ConfigError, EncryptedSourceError, LoadError, UnsupportedSourceError
from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.types import Failure, Page, Source


def source(tmp_path, data, name="file.pdf"):
    file = tmp_path / name
    file.write_bytes(data)
    return Source(str(file), "pdf")


def test_the_same_bytes_have_the_same_identity_wherever_they_lie(loader, tmp_path, plain_pdf):
    one, two, other = (
        loader.open(source(tmp_path, data, name))
        for data, name in ((plain_pdf, "1.pdf"), (plain_pdf, "2.pdf"), (plain_pdf + b"%", "3.pdf"))
    )
    assert one.doc_id == two.doc_id != other.doc_id
    assert len(one.doc_id) == 64
    assert one.source != two.source
    assert all(isinstance(page, Page) for document in (one, two) for page in loader.pages(document, [1], image=False))


def test_what_the_file_says_about_itself(loader, tmp_path, pdf, at):
    data = pdf([at(50, 300, "x")], info="/Title(On  things\\001)/Author(A. Nonymous)/Keywords()")
    document = loader.open(source(tmp_path, data))
    assert (document.title, document.page_count) == ("On things", 1)
    assert document.metadata == {"author": "A. Nonymous", "page_size_pt": [300, 400]}
    assert json.loads(json.dumps(document.metadata)) == document.metadata


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (b"", LoadError, "file is empty"),
        (b"%PDF-1.7\n" + b"junk " * 100, UnsupportedSourceError, "not a PDF, or damaged beyond repair"),
        (b"hello", UnsupportedSourceError, "not a PDF, or damaged beyond repair"),
    ],
)
def test_what_can_not_be_opened_says_why_in_one_line(loader, tmp_path, data, error, reason):
    bad = source(tmp_path, data)
    with pytest.raises(error) as caught:
        loader.open(bad)
    assert str(caught.value) == f"{bad.uri}: {reason}"


def test_a_pdf_without_pages_a_missing_file_and_a_folder(loader, tmp_path, pdf):
    with pytest.raises(LoadError, match="no pages"):
        loader.open(source(tmp_path, pdf([])))
    with pytest.raises(LoadError, match="not found"):
        loader.open(Source(str(tmp_path / "gone.pdf"), "pdf"))
    with pytest.raises(LoadError, match="can't be read"):
        loader.open(Source(str(tmp_path), "pdf"))


@given(cut=st.integers(1, 1500))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_truncated_pdf_opens_or_says_why(loader, tmp_path, plain_pdf, cut):
    try:
        document = loader.open(source(tmp_path, plain_pdf[:-cut]))
    except UnsupportedSourceError:
        return
    numbers = range(1, document.page_count + 1)
    results = list(loader.pages(document, numbers, image=False))
    assert [r.number if isinstance(r, Page) else r.page for r in results] == list(numbers)


def test_a_file_that_goes_after_opening_fails_its_pages_only(loader, tmp_path, plain_pdf):
    gone = source(tmp_path, plain_pdf, "gone.pdf")
    document = loader.open(gone)
    loader.open(source(tmp_path, plain_pdf + b"%", "other.pdf"))  # so that no worker holds it open
    (tmp_path / "gone.pdf").unlink()
    results = list(loader.pages(document, [1, 2], image=False))
    assert [(type(r), r.page) for r in results] == [(Failure, 1), (Failure, 2)]


def test_a_file_replaced_under_the_same_name_is_read_anew(loader, tmp_path, pdf, at):
    for text in ("first", "second"):
        document = loader.open(source(tmp_path, pdf([at(50, 300, text)])))
        (page,) = loader.pages(document, [1], image=False)
        assert page.text_layer[0].text == text


@given(numbers=st.lists(st.integers(-2, 10), max_size=20))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_come_in_the_order_asked_for(several, tmp_path, plain_pdf, numbers):
    document = several.open(source(tmp_path, plain_pdf))
    results = list(several.pages(document, numbers, image=False))
    assert [r.number if isinstance(r, Page) else r.page for r in results] == numbers
    for number, result in zip(numbers, results, strict=True):
        if 1 <= number <= 7:
            assert result.text_layer[0].text == f"Page number {number}"
        else:
            assert result.reason == "no such page: the document has 7"


@pytest.fixture(scope="module")
def several():
    with PdfLoader(LoadOptions(workers=3)) as loader:
        yield loader


def test_a_page_too_narrow_to_render_fails_but_still_gives_its_text(loader, tmp_path, pdf, at):
    document = loader.open(source(tmp_path, pdf([at(1, 10, "x", 4)], page="/MediaBox[0 0 9 14400]")))
    (failure,) = loader.pages(document, [1])
    assert failure.reason == "page of 9 x 14400 pt would be 1 x 800 px: a side under 28 px"
    (page,) = loader.pages(document, [1], image=False)
    assert page.size_pt == (9, 14400)


def test_the_image_is_white_where_nothing_is_drawn(loader, tmp_path, pdf, at):
    document = loader.open(source(tmp_path, pdf([b"1 0 0 rg 0 0 150 400 re f"])))
    (page,) = loader.pages(document, [1])
    assert page.image.mode == "RGB"
    assert page.image.size == (600, 800)
    assert page.image.getpixel((100, 100)) == (255, 0, 0)
    assert page.image.getpixel((500, 100)) == (255, 255, 255)


@pytest.mark.real
def test_encrypted(real_data):
    encrypted = [f for f in sorted((real_data / "hard-pdfs").glob("*.pdf")) if b"/Encrypt" in f.read_bytes()]
    assert encrypted
    for file in encrypted:
        given_source = Source(str(file), "pdf")
        with PdfLoader(LoadOptions(workers=1)) as loader, pytest.raises(EncryptedSourceError) as caught:
            loader.open(given_source)
        assert str(caught.value) == f"{file}: password needed; give --password"
        with (
            PdfLoader(LoadOptions(workers=1, password="wrong")) as loader,
            pytest.raises(EncryptedSourceError, match="wrong password"),
        ):
            loader.open(given_source)
        with PdfLoader(LoadOptions(workers=1, password="1234")) as loader:
            assert all(isinstance(p, Page) for p in loader.pages(loader.open(given_source), [1]))


@pytest.mark.real
def test_the_hard_pdfs_open_and_render(real_data, loader):
    for file in sorted((real_data / "hard-pdfs").glob("*.pdf")):
        if b"/Encrypt" in file.read_bytes():
            continue
        document = loader.open(Source(str(file), "pdf"))
        for page in loader.pages(document, range(1, document.page_count + 1)):
            assert isinstance(page, Page), page
            assert max(page.image.size) == 800


@pytest.mark.parametrize(
    "wrong",
    [
        {"longest_edge_px": 27},
        {"longest_edge_px": 10_001},
        {"page_timeout_s": 0},
        {"page_timeout_s": float("nan")},
        {"worker_memory_mb": 1},
        {"workers": -1},
    ],
)
def test_options_are_checked(wrong):
    with pytest.raises(ConfigError, match=rf"load\.{next(iter(wrong))} is "):
        LoadOptions(**wrong)


def test_options_do_not_show_the_password():
    assert "sesame" not in repr(LoadOptions(password="sesame"))
    assert LoadOptions(workers=3).worker_count == 3
    assert 1 <= LoadOptions().worker_count <= 8
