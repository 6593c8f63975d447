"""Whether a page's text layer can be believed, and which of its lines are running text."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from rag_ingest.types import Word

LEAST_WORDS = 20
"""A layer of fewer words (characters, where there are no spaces) says too little: one is a twentieth of it."""

INVISIBLE_SHARE = 0.5
"""More of the letters in no colour: another recogniser's reading of a scan."""

BAD_SHARE = 0.05
"""More characters without meaning (private use, replacement): fonts without a mapping to Unicode."""

LONG_WORD = 30
LONG_SHARE = 0.3
"""More letters in words as long as that: the spaces are missing. Addresses and DOIs stay under it."""

SINGLE_SHARE = 0.6
"""More words of one letter: the letters are placed one by one."""

LEAST_LETTERS = 150
LIKENESS = 0.7
"""Cosine of the letters' frequencies in distinct words with English, below which a font has a code of its own.

European languages reach 0.85 and more; letters shifted by three, as fonts with identity encoding give, 0.45.
"""

LINE_WORDS = 5
"""Labels in figures are shorter; lines of the narrowest columns are longer."""

LEAST_ROWS = 5
"""On a page of fewer lines none is taken for a running header or footer."""

WORD_GAP = 1.5
"""Heights of a word; a wider gap ends a line."""

DOUBLE_SHIFT_PT = 1.0
"""The same word within one to two points is drawn twice; no print is so small that it stands there twice."""

STANDING = 1.5
"""Heights over widths of a word of three letters and more; upright ones stay under 1."""

_ENGLISH = dict(zip("etaoinshrdlcumwfgypbvkjxqz", (
    12.7, 9.1, 8.2, 7.5, 7.0, 6.7, 6.3, 6.1, 6.0, 4.3, 4.0, 2.8, 2.8, 2.4, 2.4, 2.2, 2.0, 2.0, 1.9, 1.5, 1.0, 0.8,
    0.15, 0.15, 0.1, 0.07,
), strict=True))  # fmt: skip
"""Letters in percent (Lewand, Cryptological Mathematics, 2000)."""
_MOJIBAKE = re.compile("Ã[\u0080-¿ƒ‚„†‡ˆŠ‹Œ]|â€|Â[\u0080-¿]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_ADDRESS = re.compile(r"https?:|www\.|doi|@|(?:[.·…_-]){4}", re.IGNORECASE)


def usable(words: Sequence[Word]) -> str:
    """Why the layer can't be a witness, in one word; empty when it can.

    Returns:
        "empty"; "invisible" (drawn in no colour: some OCR of the scan); "wrong-encoding"; "no-spaces"; "letters-apart";
        "few-words"; or "".
    """
    texts = [word.text for word in words if any(map(str.isalnum, word.text))]
    if not texts and not any(word.text.strip() for word in words):
        return "empty"
    if _share(words, lambda word: not word.visible) > INVISIBLE_SHARE:
        return "invisible"
    if _wrong_encoding([word.text for word in words]):
        return "wrong-encoding"
    if _share(words, _too_long) > LONG_SHARE:
        return "no-spaces"
    if sum(max(1, len(_UNSPACED.findall(text))) for text in texts) < LEAST_WORDS:
        return "few-words"
    spelt = [text for text in texts if text.isalpha() and not _UNSPACED.search(text)]
    if len(spelt) >= LEAST_WORDS and sum(len(text) == 1 for text in spelt) > SINGLE_SHARE * len(spelt):
        return "letters-apart"
    return ""


def shown(words: Sequence[Word]) -> list[Word]:
    """The visible words, each once: some files draw a text twice, one upon the other, for a bolder face."""
    kept: list[Word] = []
    places: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for word in words:
        x, y = (math.floor(side / DOUBLE_SHIFT_PT) for side in word.bbox[:2])
        known = places[word.text]
        if word.visible and not (known and any((x + dx, y + dy) in known for dx in (-1, 0, 1) for dy in (-1, 0, 1))):
            kept.append(word)
            known.add((x, y))
    return kept


def body(words: Sequence[Word], *, figures: bool) -> list[bool]:
    """Which words must stand in a faithful Markdown: upright, and not on the page's first or last row.

    Args:
        words: of one page, in content order; `shown`.
        figures: the Markdown holds pictures; lines of less than `LINE_WORDS` words may be inside them.
    """
    must = [False] * len(words)
    lines = _lines(words)
    rows = sorted((words[line[0]].bbox[1], words[line[0]].bbox[3]) for line in lines)
    turned = 2 * sum(map(_stands, words)) > len(words)  # the whole page lies on its side
    top, bottom = (rows[0][1], rows[-1][0]) if len(rows) > LEAST_ROWS else (-math.inf, math.inf)
    for line in lines:
        middle = sum(words[line[0]].bbox[1::2]) / 2
        if not top < middle < bottom or (figures and not _is_prose([words[at].text for at in line])):
            continue
        for at in line:
            must[at] = turned or not _stands(words[at])
    return must


def _is_prose(line: Sequence[str]) -> bool:
    """Long enough, and not the numbers along an axis; unspaced text is counted by its characters."""
    spelt = sum(max(1, len(_UNSPACED.findall(text))) for text in line if any(map(str.isalpha, text)))
    return spelt >= LINE_WORDS


def _lines(words: Sequence[Word]) -> list[list[int]]:
    """Words that follow each other on one row, close by."""
    lines: list[list[int]] = []
    for at, word in enumerate(words):
        if lines and _follows(words[lines[-1][-1]], word):
            lines[-1].append(at)
        else:
            lines.append([at])
    return lines


def _follows(before: Word, after: Word) -> bool:
    height = max(before.bbox[3] - before.bbox[1], after.bbox[3] - after.bbox[1], 1.0)
    shared = min(before.bbox[3], after.bbox[3]) - max(before.bbox[1], after.bbox[1])
    gap = max(after.bbox[0] - before.bbox[2], before.bbox[0] - after.bbox[2])
    return shared > 0 and gap < WORD_GAP * height


def _stands(word: Word) -> bool:
    """Written up or down the page: a figure's axis, or a notice in the margin."""
    left, top, right, bottom = word.bbox
    return len(word.text) > 2 and bottom - top > STANDING * (right - left) and not _UNSPACED.search(word.text)


def _share(words: Sequence[Word], wanted: Callable[[Word], bool]) -> float:
    """Of the characters, in words of that kind."""
    return sum(len(w.text) for w in words if wanted(w)) / max(1, sum(len(w.text) for w in words))


def _too_long(word: Word) -> bool:
    text = word.text
    return len(text) >= LONG_WORD and not _ADDRESS.search(text) and not _UNSPACED.search(text)


def _wrong_encoding(texts: Sequence[str]) -> bool:
    text = " ".join(texts)
    if sum(map(_meaningless, text)) > BAD_SHARE * len(text):
        return True
    if len(_MOJIBAKE.findall(text)) > BAD_SHARE * len(texts):
        return True
    folded = unicodedata.normalize("NFKD", " ".join(set(texts))).lower()
    letters = Counter(char for char in folded if char in _ENGLISH)
    if letters.total() < max(LEAST_LETTERS, 0.5 * sum(map(str.isalpha, folded))):
        return False  # another script, or hardly any text
    dot = sum(count * _ENGLISH[char] for char, count in letters.items())
    return dot < LIKENESS * math.hypot(*letters.values()) * math.hypot(*_ENGLISH.values())


def _meaningless(char: str) -> bool:
    return char == "\ufffd" or (not char.isascii() and unicodedata.category(char) in ("Co", "Cn", "Cc"))
