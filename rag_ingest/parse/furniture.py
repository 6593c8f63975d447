"""Page furniture: running headers, footers, page numbers, stamps. Found by recurrence and by place.

What is taken must recur at the edges of pages (digits folded, recognition errors allowed for) and nowhere else, count
up with the pages, or say by its own form what it is. A heading of the paper, a table, a formula and a figure never are.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from rag_ingest.parse.alike import alike
from rag_ingest.parse.edges import MAX_EDGE, Edge, edges_by_page, middle_keys, plain
from rag_ingest.parse.numbering import is_section_title, is_usual_name, read_number
from rag_ingest.parse.page_numbers import in_sequence, read_page_number
from rag_ingest.parse.sheets import Cut, Part, Sheet

_TAGGED = re.compile(
    r"<(header|footer|page[-_ ]?(?:number|header|footer))\b[^>]*>.*?</\1>|"
    r"<!--\s*Page(?:Header|Footer|Number)\b.*?-->",
    re.IGNORECASE | re.DOTALL,
)
_STAMP = re.compile(
    r"arXiv:\s?(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?"
    r"(?:\s+\[[\w.-]+\])?(?:\s+\d{1,2}\s+[A-Z][a-z]{2,8}\s+\d{4})?",
    re.IGNORECASE,
)
_PERIODICAL = re.compile(
    r"\b(?:journal|proceedings|transactions|conference|vol(?:ume|\.)|issn|doi|preprint|arxiv|copyright|downloaded)\b|[©®]",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(
    r"\b(?:journal|proceedings|transactions|conference|vol(?:ume|\.)|issn|doi|preprint|arxiv|copyright|downloaded|rights|"
    r"licen[sc]ed?|published|publish(?:er|ing)|peer[- ]review|confidential|permission|all uses)\b|https?:|www\.|[©®]",
    re.IGNORECASE,
)
_ABSTRACT = re.compile(r"abstract\b|summary$|摘要", re.IGNORECASE)
_CLAUSE, _LONG = 5, 14
_NUMBERING = "0123456789 .,|-–—ivxlc"
_TITLE_WORDS = 4
_FRONT_PAGES = 2
_MIN_PAGES = 3
_MIN_LETTERS = 4
_SURE_LETTERS = 12
_DENSE = 0.3
_BACK = 2
"""Pages to look back for a similar text: headers of odd and even pages alternate."""


def find_furniture(sheets: Sequence[Sheet]) -> list[Cut]:
    """What to leave out of the document, without overlaps, in page order."""
    edges = edges_by_page(sheets)
    parts = [part for i, sheet in enumerate(sheets) for part in _declared(i, sheet, edges[i])]
    parts += _counted(edges, sheets)
    taken = set(parts)
    middle = Counter(key for sheet in sheets[1:] for key in middle_keys(sheet))
    clusters = sorted(_clusters(edges), key=_depth)
    alternating = _alternating(clusters)
    for cluster in clusters:
        if _is_furniture(cluster, middle, taken, edges, alternating) and not _is_all_there_is(cluster, sheets, taken):
            kept = [_front_title(cluster, sheets), *_section_headings(cluster)]
            new = [edge.part for edge in cluster if edge not in kept]
            taken.update(new)
            parts += new
    return _disjoint(set(parts) - set(_held(edges, set(parts))))


def _declared(index: int, sheet: Sheet, edges: Sequence[Edge]) -> list[Part]:
    """What says what it is: `<page_number>3</page_number>`, arXiv's stamp on the first page."""
    found = []
    for block in sheet.blocks:
        if block.end - block.start > MAX_EDGE or block.kind not in ("paragraph", "heading", "html", "quote"):
            continue
        text = sheet.text[block.start : block.end]
        tagged = text[0] == "<" and _TAGGED.fullmatch(text) and not (index == 0 and "<h1" in text.lower())
        if tagged or (index == 0 and _STAMP.fullmatch(plain(text))):
            found.append(Part(index, block.start, block.end))
    if index == 0:
        found += [edge.part for edge in edges if edge.line and _STAMP.fullmatch(plain(edge.text))]
    return found


def _counted(edges: Sequence[Sequence[Edge]], sheets: Sequence[Sheet]) -> list[Part]:
    seen = []
    for i, found in enumerate(edges):
        for edge in found:
            printed = None if "[^" in edge.text else read_page_number(plain(edge.text))
            if printed and not (edge.heading and printed.style == "roman"):
                seen.append((i, printed, edge.part))
    kept = in_sequence(((i, printed) for i, printed, _ in seen), [sheet.number for sheet in sheets])
    return [part for i, printed, part in seen if (i, printed) in kept]


def _clusters(edges: Sequence[Sequence[Edge]]) -> list[list[Edge]]:
    """Candidates with equal keys, or similar ones on pages close by."""
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for i, found in enumerate(edges):
        for edge in found:
            leader.setdefault(edge.key, edge.key)
            for before in (e for page in edges[max(0, i - _BACK) : i] for e in page):
                if before.top == edge.top and before.key != edge.key and alike(before.key, edge.key):
                    leader[find(before.key)] = find(edge.key)
    groups: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in (edge for found in edges for edge in found):
        if sum(c.isalpha() for c in edge.key) >= _MIN_LETTERS:
            groups[find(edge.key)].append(edge)
    return list(groups.values())


def _alternating(clusters: Sequence[Sequence[Edge]]) -> set[tuple[bool, int]]:
    """(top or bottom, page) of outermost texts that two pages, or more, have with another page between them."""
    found: set[tuple[bool, int]] = set()
    for cluster in clusters:
        pages = sorted({edge.part.sheet for edge in cluster})
        steps = {b - a for a, b in pairwise(pages)}
        if steps == {2} and not any(edge.depth for edge in cluster):
            found.update((edge.top, edge.part.sheet) for edge in cluster)
    return found


def _is_furniture(
    cluster: Sequence[Edge],
    middle: Counter[str],
    taken: set[Part],
    edges: Sequence[Sequence[Edge]],
    alternating: set[tuple[bool, int]],
) -> bool:
    pages = sorted({edge.part.sheet for edge in cluster})
    if len(edges) < _MIN_PAGES or len(pages) < 2:
        return False
    if len(pages) < _MIN_PAGES and not _counts_up(cluster):
        odd_and_even = pages[1] - pages[0] == 2 and all((e.top, e.part.sheet) in alternating for e in cluster)
        if not odd_and_even or (cluster[0].top, pages[0] + 1) not in alternating:
            return False
    if len(pages) < _DENSE * (pages[-1] - pages[0] + 1):
        return False
    headings = [edge for edge in cluster if edge.heading]
    if _are_sections([plain(edge.text) for edge in headings]):
        return False
    if 4 * sum(middle[key] for key in {edge.key for edge in cluster}) > len(pages):
        return False
    if _reads_like_text(cluster):
        return False
    letters = max(sum(c.isalpha() for c in edge.key) for edge in cluster)
    if letters >= _SURE_LETTERS and not headings:
        return True
    bare = sum(_outermost(edge, taken, edges[edge.part.sheet]) for edge in cluster)
    return bare >= 0.7 * len(cluster)


def _is_all_there_is(cluster: Sequence[Edge], sheets: Sequence[Sheet], taken: set[Part]) -> bool:
    """Without it most of its pages would be empty: it is their text."""
    own = {edge.part for edge in cluster}
    pages = {part.sheet for part in own}
    emptied = 0
    for page in pages:
        parts = (Part(page, block.start, block.end) for block in sheets[page].blocks)
        emptied += all(part in own or part in taken for part in parts)
    return 2 * emptied > len(pages)


def _reads_like_text(cluster: Sequence[Edge]) -> bool:
    """Sentences that differ, be it in a number, or that something else stands before."""
    texts = [plain(edge.text) for edge in cluster]
    if any(_BOILERPLATE.search(text) for text in texts):
        return False
    sentences = [len(t.split()) >= _LONG or (len(t.split()) >= _CLAUSE and t[-1] in ".!?:;,") for t in texts]
    if 2 * sum(sentences) < len(texts):
        return False
    bare = Counter(text.casefold().strip(_NUMBERING) for text in texts)
    same = max(bare.values()) >= 0.7 * len(texts)
    return not same or sum(edge.depth > 0 for edge in cluster) > 0.3 * len(cluster)


def _are_sections(titles: Sequence[str]) -> bool:
    """Headings of the paper: usual names; numbers that stay the same, so that they don't count pages."""
    if any(is_usual_name(title) for title in titles):
        return True
    return len(set(titles)) < _MIN_PAGES and any(read_number(title) for title in titles)


def _counts_up(cluster: Iterable[Edge]) -> bool:
    """The same words with a number that goes up with the pages."""
    steps = [{int(n) - edge.part.sheet for n in re.findall(r"(?<!\d)\d{1,4}(?!\d)", edge.text)} for edge in cluster]
    return bool(steps) and bool(set.intersection(*steps))


def _outermost(edge: Edge, taken: set[Part], page: Sequence[Edge]) -> bool:
    """Nothing but furniture stands between it and the page's edge."""
    return all(
        other.part in taken
        for other in page
        if other.top == edge.top and not other.line and not edge.line and other.depth < edge.depth
    )


def _depth(cluster: Sequence[Edge]) -> float:
    return sum(edge.depth for edge in cluster) / len(cluster)


def _front_title(cluster: Sequence[Edge], sheets: Sequence[Sheet]) -> Edge | None:
    """The member on the first page that is the paper's title, which the running header repeats."""
    front = [edge for edge in cluster if edge.part.sheet == 0 and not _PERIODICAL.search(edge.text)]
    titles = _front_headings(sheets[0])
    for edge in front:
        if edge.heading:
            later = [title for start, title in titles if start > edge.part.start]
            return None if any(len(title.split()) >= _TITLE_WORDS for title in later) else edge
    if titles or not any(_ABSTRACT.match(plain(sheets[0].text[b.start : b.start + 40])) for b in sheets[0].blocks):
        return None
    bare = [edge for edge in front if edge.top and not any(c.isdigit() for c in edge.text)]
    return max(bare, key=lambda edge: len(edge.key), default=None)


def _section_headings(cluster: Sequence[Edge]) -> list[Edge]:
    """Members that are the heading which a running header of one section or chapter repeats."""
    headings = [edge for edge in cluster if edge.heading]
    if 2 * len(headings) < len(cluster):
        return headings
    return headings[:1] if headings[0].part.sheet >= _FRONT_PAGES else []


def _front_headings(sheet: Sheet) -> list[tuple[int, str]]:
    """Headings of the first page that could be the title, up to the first section."""
    found = []
    for block in sheet.blocks:
        if block.kind == "heading":
            if is_section_title(block.title):
                break
            found.append((block.start, block.title))
    return found


def _held(edges: Sequence[Sequence[Edge]], parts: set[Part]) -> Iterator[Part]:
    """Lines that text stands before, so that they are inside their paragraph."""
    for page in edges:
        lines = {(edge.top, edge.depth): edge.part for edge in page if edge.line}
        for (top, depth), part in lines.items():
            if any(lines.get((top, outer)) not in parts for outer in range(depth)):
                yield part


def _disjoint(parts: Iterable[Part]) -> list[Cut]:
    """A line inside a block that is taken whole adds nothing."""
    found: list[Part] = []
    for part in sorted(set(parts), key=lambda p: (p.sheet, p.start, -p.end)):
        last = found[-1] if found else None
        if last and last.sheet == part.sheet and part.start < last.end:
            continue
        found.append(part)
    return [Cut(part, "furniture") for part in found]
