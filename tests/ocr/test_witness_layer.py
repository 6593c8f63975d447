"""Text layers that can't be a witness, and those that can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.ocr.witness import page_words, usable
from rag_ingest.types import Page, Source, Word

ENGLISH = (
    "Retrieval over scientific papers needs a faithful text because every lost sentence is a lost answer. We measure "
    "how much of the page was kept and how much of the output was invented, for each of the models that we compare."
)
OTHERS = {
    "german": "Die Ergebnisse der Untersuchung zeigen, dass das vorgeschlagene Verfahren besser abschneidet als "
    "die bisher verwendeten Modelle, obwohl weniger Daten benötigt werden und die Laufzeit geringer ist.",
    "polish": "Wyniki przeprowadzonych badań wskazują, że zaproponowana metoda działa znacznie lepiej niż dotychczas "
    "stosowane modele, chociaż wymaga mniejszej liczby danych oraz krótszego czasu obliczeń na komputerze.",
    "finnish": "Tutkimuksen tulokset osoittavat, että ehdotettu menetelmä toimii selvästi paremmin kuin aikaisemmin "
    "käytetyt mallit, vaikka se tarvitsee vähemmän aineistoa ja laskenta on nopeampaa kuin ennen tällä alalla. "
    "Lisäksi menetelmä soveltuu hyvin myös muihin tehtäviin, joita on tutkittu aiemmin.",
    "turkish": "Araştırmanın sonuçları, önerilen yöntemin daha az veri gerektirmesine ve daha kısa sürede çalışmasına "
    "rağmen bugüne kadar kullanılan modellerden belirgin biçimde daha iyi sonuç verdiğini göstermektedir. Ayrıca "
    "yöntem diğer görevlere de kolayca uygulanabilir ve yeni verilerle geliştirilebilir.",
    "russian": "Результаты исследования показывают, что предложенный метод работает значительно лучше, чем модели, "
    "которые использовались раньше, хотя он требует меньше данных и меньше времени для вычислений на практике.",
    "chinese": "研究结果表明，所提出的方法明显优于以往使用的模型，尽管它需要的数据更少，计算时间也更短。",
    "thai": "ผลการวิจัยแสดงให้เห็นว่าวิธีการที่เสนอมีประสิทธิภาพดีกว่าแบบจำลองที่ใช้กันอยู่ในปัจจุบันอย่างชัดเจน " * 6,
    "table": "Model 0.961 0.955 0.88 2.73 " * 5,
    "addresses": " ".join(
        f"{n}. Doe J. https://doi.org/10.1000/journal.pone.00{n}/supplementary/material" for n in range(9)
    ),
}  # fmt: skip


def words_of(text: str, *, visible: bool = True) -> list[Word]:
    return [Word(word, (10, 10 * at, 60, 10 * at + 8), visible) for at, word in enumerate(text.split())]


@pytest.mark.parametrize("name", OTHERS)
def test_other_languages_tables_and_references_can_be_used(name: str):
    assert usable(words_of(OTHERS[name])) == ""


def test_english_can_be_used():
    assert usable(words_of(ENGLISH)) == ""


SHIFTED = "".join(chr(ord(char) - 29) if char.isalpha() else char for char in ENGLISH)
"""As a font with identity encoding and no mapping to Unicode gives it."""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("Scanned with a phone", "few-words"),
        (ENGLISH.replace(" ", ""), "no-spaces"),
        (". ".join(sentence.replace(" ", "") for sentence in ENGLISH.split(". ")), "no-spaces"),
        (" ".join(ENGLISH.replace(" ", "")), "letters-apart"),
        (SHIFTED, "wrong-encoding"),
        ("\ue001\ue002\ue003 \ue004 " * 20, "wrong-encoding"),
        ("\ufffd\ufffd\ufffd of the \ufffd " * 20, "wrong-encoding"),
        (OTHERS["german"].replace("ö", "Ã¶").replace("ie", "Ã¼e") + " Ã¤hnlich Ã¶fter", "wrong-encoding"),
    ],
)
def test_layers_of_no_use_are_named(text: str, reason: str):
    assert usable(words_of(text)) == reason


def test_a_layer_in_no_colour_is_some_recognisers():
    assert usable(words_of(ENGLISH, visible=False)) == "invisible"
    assert usable([*words_of(ENGLISH), *words_of("watermark", visible=False)]) == ""


@pytest.fixture(scope="module")
def first_page(real_data: Path) -> Iterator[object]:
    with PdfLoader(LoadOptions(workers=1)) as loader:

        def read(file: str, number: int = 1) -> Page:
            document = loader.open(Source(str(real_data / file), "pdf"))
            [page] = loader.pages(document, [number], image=False)
            assert isinstance(page, Page)
            return page

        yield read


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("hard-pdfs/invisible_text_layer.pdf", "invisible"),
        ("hard-pdfs/ocr_test.pdf", "empty"),
        ("hard-pdfs/right_to_left_01.pdf", ""),
        ("hard-pdfs/multi_page.pdf", ""),
        ("ohr-bench/pdfs/manual/DSA-278777.pdf", "invisible"),
        ("papers/1706.03762/paper.pdf", ""),
        ("papers/9802040/paper.pdf", ""),
    ],
)
def test_real_layers(first_page, file: str, reason: str):
    assert usable(page_words(first_page(file))) == reason
