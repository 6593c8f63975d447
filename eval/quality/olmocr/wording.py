"""The form in which olmOCR-bench compares texts: without emphasis, on one line, with plain quotes and dashes."""

from __future__ import annotations

import re
import unicodedata

_BREAK = re.compile(r"<br/?>")
_STRONG = (re.compile(r"\*\*(.*?)\*\*"), re.compile(r"__(.*?)__"))
_TAGS = re.compile(r"</?[bi]>")
_EMPHASIS = (re.compile(r"(\*\*|__)(.*?)\1"), re.compile(r"(\*|_)(.*?)\1"))
_SPACE = re.compile(r"\s+")
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a", "'"),
        **dict.fromkeys("\u201c\u201d\u201e", '"'),
        **dict.fromkeys("\u2013\u2014\u2011\u2012\u2212", "-"),
        "\uff3f": "_",
        "\u00b5": "\u03bc",
    }
)


def wording(text: str) -> str:
    """A text as it is compared. Emphasis does not reach over a line end."""
    text = _BREAK.sub(" ", text)
    for pattern in _STRONG:
        text = pattern.sub(r"\1", text)
    text = _TAGS.sub("", text)
    for pattern in _EMPHASIS:
        text = pattern.sub(r"\2", text)
    return unicodedata.normalize("NFC", _SPACE.sub(" ", text)).translate(_PLAIN)
