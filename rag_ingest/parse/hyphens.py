"""A word that a line's end broke: whether its hyphen belongs to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

HYPHENS = "-\u2010\u2011\u00ad"
_SOFT = "\u00ad"
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010\u2011][^\W\d_]+)*")
_LEFT = re.compile(rf"([^\W_]+(?:[-\u2010\u2011.][^\W_]+)*)[{HYPHENS}]$")
_RIGHT = re.compile(r"[^\W_]+")
_TAIL = 80
_KEEPS = "self non well quasi pseudo"
_MAY_KEEP = (
    "state cross half all ex anti multi pre post semi sub inter intra co meta mid low high long short large small fine "
    "coarse one two three four five six first second third single double full real time data model task domain user "
    "open end near far on off in out up ill so re un bi tri micro macro hyper super ultra over under"
)
_DROPS = "more fore over ever times thing things where body self selves ward wards wise stand standing"
_KEEPING, _PERHAPS, _CLOSED = (frozenset(words.split()) for words in (_KEEPS, _MAY_KEEP, _DROPS))
_MIN_WORD = 4


class Vocabulary:
    """The words of a document: what a broken word is compared with."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: Counter[str] = Counter()
        for text in texts:
            for word in _WORD.findall(text):
                folded = word.casefold().replace("\u2010", "-").replace("\u2011", "-")
                self._words[folded] += 1

    def __getitem__(self, word: str) -> int:
        return self._words[word.casefold()]


def is_broken_word(before: str, after: str) -> bool:
    """True when `before` ends in a hyphen right behind a letter or digit, and `after` begins with one.

    "pre- and post-training" is no broken word: its hyphen hangs on purpose.
    """
    right = _RIGHT.match(after)
    if not right or not _LEFT.search(before[-_TAIL:]):
        return False
    return right[0] not in ("and", "or", "to", "und", "oder", "et", "ou", "y", "o", "bis")


def drops_hyphen(before: str, after: str, vocabulary: Vocabulary) -> bool:
    """Whether the word that `before` ends with and `after` goes on with is written without its hyphen.

    The document's own spelling decides; where it has none, only lower-case words lose their hyphen, and not behind
    what usually keeps one ("self-", "non-", "state-of-the-").
    """
    left_found, right_found = _LEFT.search(before[-_TAIL:]), _RIGHT.match(after)
    if not left_found or not right_found:
        return False
    left, right = left_found[1], right_found[0]
    if not left[-1].isalpha() or not right[0].islower() or not right.isalpha():
        return False
    if before[-1] == _SOFT:
        return True
    whole = vocabulary[left + right]
    hyphenated = vocabulary[f"{left}-{right}"]
    if whole or hyphenated:
        return whole > hyphenated
    return _looks_whole(left, right, vocabulary)


def _looks_whole(left: str, right: str, vocabulary: Vocabulary) -> bool:
    if not (left.isalpha() and left.islower()) or left in _KEEPING or len(left) < 2:
        return False
    if right in _CLOSED:
        return True
    if left in _PERHAPS:
        return len(right) < _MIN_WORD or vocabulary[right] < 2
    both = len(left) >= _MIN_WORD and len(right) >= _MIN_WORD
    return not (both and vocabulary[left] > 1 and vocabulary[right] > 1)
