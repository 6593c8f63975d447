"""Each guard on what it is for, and on what it must let be."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw, ImageFont

from rag_ingest.ocr.blank import is_blank
from rag_ingest.ocr.checks import BADNESS, agreement, guards, judge
from rag_ingest.ocr.scripts import foreign_script
from rag_ingest.types import Page, PageMarkdown, TextLine, Word

ENGLISH = "The drift of the gauge was read twice a day and noted in the book of the station."
RUSSIAN = "Показания прибора снимались дважды в день и заносились в журнал станции наблюдателем."
CHINESE = "本文提出了一种新的方法用于测量漂移并在多个数据集上进行了验证结果表明该方法优于现有方法且计算量更小"


def page(*lines: str, layer: bool = True) -> Page:
    boxes = tuple(TextLine(line, (10.0, 20.0 * n, 300.0, 20.0 * n + 10)) for n, line in enumerate(lines))
    return Page("d", 1, None, boxes if layer else None, (600.0, 800.0))


def worded(text: str, n: int) -> TextLine:
    """A line whose words have boxes, as the loader gives them."""
    words = tuple(Word(w, (10.0 + 9 * i, 20.0 * n, 18.0 + 9 * i, 20.0 * n + 9)) for i, w in enumerate(text.split()))
    return TextLine(text, (10.0, 20.0 * n, 300.0, 20.0 * n + 9), words=words)


def read(markdown: str, **changes: object) -> PageMarkdown:
    return replace(PageMarkdown("d", 1, markdown, "lightonocr", "f"), **changes)  # type: ignore[arg-type]


def verdict(markdown: str, on: Page | None = None, scripts: tuple[str, ...] = (), **changes: object) -> str:
    judged = judge(on or page(), read(markdown, **changes), guards(scripts))
    json.dumps(dict(judged.checks))
    return str(judged.checks["verdict"])


@pytest.mark.parametrize("markdown", ["", "  \n", "#", "```\n```", "<table><tr><td></td></tr></table>", "$$ $$", "---"])
def test_empty(markdown: str) -> None:
    assert verdict(markdown) == "empty"


@pytest.mark.parametrize("markdown", ["7", "![image](image_1.png)", "# A", ENGLISH])
def test_a_little_is_not_empty(markdown: str) -> None:
    assert verdict(markdown) == "ok"


@pytest.mark.parametrize(
    "echo",
    [
        "system\nuser\nassistant\n# Title",
        "assistant\nThe text",
        "<|im_start|>user",
        "I'm sorry, I can't assist with that image.",
        "Here is the transcription of the page:\n\nThe text",
        "Sure! Here's the markdown:\n# Title",
    ],
)
def test_prompt_echo(echo: str) -> None:
    assert verdict(echo) == "prompt-echo"
    assert verdict(echo, page(*echo.split("\n"))) == "ok", "it stands on the page"
    assert verdict(f"# Prompts\n\n{ENGLISH}\n\n{echo}") == "ok", "it does not begin the page"


def test_system_design_is_no_echo() -> None:
    for text in ("System design\n\nUser studies", "Assistant professors", "Here is the main theorem.", "Sure bets"):
        assert verdict(text) == "ok"


def test_truncated_and_loop() -> None:
    assert verdict(ENGLISH, finish_reason="length") == "truncated"
    assert verdict(ENGLISH, finish_reason="length", checks={"loop": {"start": 3}}) == "loop"
    assert verdict("\n".join([ENGLISH] * 9)) == "loop"
    assert verdict("\n".join([ENGLISH] * 9), page(*[ENGLISH] * 9)) == "ok", "the page itself repeats"


def test_wrong_script_by_the_text_layer() -> None:
    assert verdict(RUSSIAN, page(ENGLISH)) == "wrong-script"
    assert verdict(CHINESE, page(ENGLISH)) == "wrong-script"
    assert verdict(ENGLISH, page(CHINESE)) == "wrong-script"
    assert verdict(RUSSIAN, page(RUSSIAN)) == "ok"
    assert verdict(ENGLISH, page(RUSSIAN + ENGLISH)) == "ok"
    assert verdict(RUSSIAN, page(layer=False)) == "ok", "nothing says otherwise"
    assert verdict(RUSSIAN, page("short")) == "ok"
    garbled = RUSSIAN.encode("cp1251").decode("latin-1")
    assert verdict(RUSSIAN, page(garbled)) == "ok", "a text layer in a wrong encoding is no witness"


def test_wrong_script_by_configuration() -> None:
    assert verdict(RUSSIAN, page(layer=False), scripts=("Latin",)) == "wrong-script"
    assert verdict(RUSSIAN, page(layer=False), scripts=("Latin", "Cyrillic")) == "ok"
    assert verdict(CHINESE, page(layer=False), scripts=("Hiragana",)) == "ok", "Japanese is written with Han"


def test_formulas_are_no_foreign_script() -> None:
    greek = "αβγδ εζηθ ικλμ νξοπ ρστυ " * 4
    assert foreign_script(ENGLISH + greek, ENGLISH) is None
    assert foreign_script(CHINESE + r"$\alpha = \operatorname{softmax}(xyz)$ " * 20, CHINESE) is None


def test_the_worst_verdict_is_kept_with_all_facts() -> None:
    judged = judge(page(ENGLISH), read(RUSSIAN, finish_reason="length", checks={"new_tokens": 3}), guards())
    assert judged.checks["verdict"] == "truncated"
    assert (judged.checks["new_tokens"], judged.checks["script"]) == (3, "Cyrillic")
    assert BADNESS["truncated"] > BADNESS["wrong-script"] > BADNESS["ok"] == BADNESS["blank"] == 0


def test_the_text_layer_as_witness() -> None:
    story = [f"{ENGLISH} On day {n} it stood at {n * 37 + 100} hectopascal." for n in range(12)]
    on = replace(page(), text_layer=tuple(worded(line, n) for n, line in enumerate(story)))
    whole = "\n\n".join(story)
    judged = judge(on, read(whole), guards())
    assert (judged.checks["verdict"], judged.checks["witness_recall"], agreement(judged)) == ("ok", 1.0, 1.0)
    assert verdict("\n\n".join(story[:9]), on) == "doubtful"
    assert verdict("\n\n".join(story[:3]), on) == "contradicted"
    assert verdict("\n\n".join(story[:3]), on, finish_reason="length") == "truncated"
    assert judge(on, read("\n\n".join(story[:3])), guards(text_layer=False)).checks == {"verdict": "ok"}
    assert judge(page("one word"), read(whole), guards()).checks["witness"], "says why it was not asked"


def paper(colour: str = "white", size: tuple[int, int] = (1190, 1540)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_blank_pages() -> None:
    noisy = Image.blend(paper(), Image.effect_noise((1190, 1540), 60).convert("RGB"), 0.3)
    shaded = Image.linear_gradient("L").resize((1190, 1540)).point(lambda v: 120 + v // 2)
    for blank in (paper(), paper("black"), paper("#e8d9b0"), noisy, shaded):
        assert is_blank(blank)


@pytest.mark.parametrize("text", ["7", "1", "iii", "This page intentionally left blank"])
def test_a_page_with_only_a_page_number_is_not_blank(text: str) -> None:
    for paint, background in (("black", "white"), ("white", "black"), ("#555555", "#e8d9b0")):
        image = paper(background)
        ImageDraw.Draw(image).text((590, 1440), text, fill=paint, font=ImageFont.load_default(20))
        assert not is_blank(image)


def test_what_is_too_small_for_a_page_is_not_judged() -> None:
    assert not is_blank(paper(size=(149, 400)))
    assert is_blank(paper(size=(150, 400)))
