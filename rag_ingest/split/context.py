"""What a chunk repeats so that it can be read, and found, on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rag_ingest.split.atoms import Atom, Repeat
from rag_ingest.split.options import Limits
from rag_ingest.types import TokenCounter

_JOIN = " > "
_PATH_SHARE = 0.25
_CAPTION_SHARE = 0.2
_RICH_SHARE = 0.45


class Context(NamedTuple):
    """What a chunk repeats; `lead` is the same without what it repeats of a table's rows."""

    text: str
    lead: str


BARE = Context("", "")


@dataclass(slots=True)
class ContextBuilder:
    """Makes contexts and remembers what they cost.

    Attributes:
        parts: the option `context`.
    """

    count: TokenCounter
    limits: Limits
    parts: Sequence[str]
    _costs: dict[str, int] = field(default_factory=dict)
    _paths: dict[tuple[str, ...], str] = field(default_factory=dict)
    _captions: dict[str, str] = field(default_factory=dict)
    _variants: dict[tuple[tuple[str, ...], Repeat | None], tuple[Context, ...]] = field(default_factory=dict)

    def cost(self, context: str) -> int:
        """Tokens of a context and of the line end behind it."""
        if not context:
            return 0
        if context not in self._costs:
            self._costs[context] = self.count(context + "\n")
        return self._costs[context]

    def path(self, titles: tuple[str, ...]) -> str:
        """Titles joined, the outermost left out until the rest takes no more than a quarter of the budget."""
        if "headings" not in self.parts:
            return ""
        if titles not in self._paths:
            kept = titles
            while kept and self.cost(_JOIN.join(kept)) > _PATH_SHARE * self.limits.largest:
                kept = kept[1:]
            self._paths[titles] = _JOIN.join(kept)
        return self._paths[titles]

    def _short(self, caption: str) -> str:
        """A caption's beginning, as long as it takes no more than its share of the budget; whole words."""
        allowed = _CAPTION_SHARE * self.limits.largest
        if caption not in self._captions:
            short = caption
            while short and (cost := self.cost(short)) > allowed:
                short = short[: int(len(short) * min(0.95, allowed / cost))].rpartition(" ")[0]
            self._captions[caption] = short
        return self._captions[caption]

    def variants(self, titles: tuple[str, ...], repeat: Repeat | None) -> tuple[Context, ...]:
        """Contexts from the richest to none: the caption goes first, then the path, the table's header last."""
        key = titles, repeat
        if key not in self._variants:
            texts = self._texts(titles, repeat)
            self._variants[key] = tuple([Context(text, _without_header(text, repeat)) for text in texts])
        return self._variants[key]

    def _texts(self, titles: tuple[str, ...], repeat: Repeat | None) -> Iterator[str]:
        path = self.path(titles)
        if repeat:
            header, above = (repeat.header, repeat.above) if "headers" in self.parts else ("", "")
            caption = repeat.caption if "captions" in self.parts else ""
            rich = _lines(path, self._short(caption), header, above) if caption else ""
            if rich and self.cost(rich) <= _RICH_SHARE * self.limits.largest:
                yield rich
            yield _lines(path, header, above)
            yield _lines(header, above)
            yield header
        else:
            yield path
        yield ""


def titles_above(leads: Sequence[Atom], first: Atom) -> tuple[str, ...]:
    """The path for the context of a chunk: above its own headings, where it begins with headings."""
    if not leads and first.kind != "heading":
        return first.path
    above = [lead.path[:-1] for lead in leads if lead.kind == "heading"]
    if first.kind == "heading":
        above.append(first.path[:-1])
    if not above:
        return first.path
    common = above[0]
    for path in above[1:]:
        same = 0
        while same < min(len(common), len(path)) and common[same] == path[same]:
            same += 1
        common = common[:same]
    return common


def _without_header(context: str, repeat: Repeat | None) -> str:
    if repeat is None:
        return context
    return "\n".join(line for line in context.split("\n") if line not in (repeat.header, repeat.above))


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
