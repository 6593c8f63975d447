"""Atoms of one section -> drafts of chunks: greedy to the target, the last two balanced, breaks where glue is weak."""

from __future__ import annotations

import math
from collections.abc import Callable

from rag_ingest.split.atoms import INSEPARABLE, LEAD_IN, Atom, size
from rag_ingest.split.context import BARE, Context, ContextBuilder, titles_above
from rag_ingest.split.cutting import cut_prefix
from rag_ingest.split.draft import Draft
from rag_ingest.split.expand import NEVER_CUT, PROTECTED, Expander
from rag_ingest.split.meter import Meter
from rag_ingest.split.options import Limits
from rag_ingest.types import TokenCounter

_UNDERFILLED = 0.4
_STRETCH = 1.1
_FEW = 3
_COUNTABLE = 8


class Packer:
    """Packs the atoms of one section after the other."""

    def __init__(
        self,
        text: str,
        count: TokenCounter,
        meter: Meter,
        limits: Limits,
        contexts: ContextBuilder,
        *,
        never_cut: bool = False,
    ) -> None:
        self._text = text
        self._count = count
        self._meter = meter
        self._limits = limits
        self._contexts = contexts
        self._expander = Expander(text)
        self._never_cut = never_cut

    def pack(self, atoms: list[Atom], caption_of: Callable[[Atom], str]) -> list[Draft]:
        """Drafts that hold the atoms, in order.

        Args:
            atoms: of one section.
            caption_of: the caption of a table's atom.
        """
        drafts: list[Draft] = []
        pending = atoms[::-1]
        while pending:
            drafts.append(self._next(pending, caption_of))
        return drafts

    def _next(self, pending: list[Atom], caption_of: Callable[[Atom], str]) -> Draft:
        """Takes one draft's atoms off `pending` (last first), taking atoms apart or cutting them where it must."""
        slack = 0
        while True:
            leads = _leads(pending)
            content = pending[-1 - len(leads)]
            lead_tokens = sum([lead.tokens + 1 for lead in leads]) if leads else 0
            context, room = self._context(leads, content, lead_tokens, slack)
            if lead_tokens + content.tokens > room:
                if (lead_tokens >= room or _stays_whole(content)) and self._recount(pending, len(leads) + 1):
                    continue
                whole = self._exact(leads, content, slack)
                if whole:
                    del pending[-len(leads) - 1 :]
                    return whole
                if leads and lead_tokens >= room:  # headings longer than the budget
                    pending[-1] = pending[-1]._replace(lead=False, glue=0.0)
                    continue
                if self._refine(pending, len(leads), room - lead_tokens, caption_of):
                    continue
                taken = [*leads, content]
                draft = self._oversize(taken, context, leads, content)
            else:
                taken = self._choose(pending, len(leads), room, slack, caption_of)
                draft = self._draft(taken, context, leads, content)
                if draft.tokens > self._limits.largest:
                    if self._raise(pending, len(taken), draft, context) or self._recount(pending, len(taken)):
                        continue
                    slack += max(1, draft.tokens - self._limits.largest)
                    if len(taken) == len(leads) + 1:
                        self._correct(pending, len(leads), draft.own_tokens - lead_tokens)
                    continue
            del pending[-len(taken) :]
            return draft

    def _raise(self, pending: list[Atom], n: int, draft: Draft, context: Context) -> bool:
        """Raises the estimates among the first `n` atoms by what the draft of them was larger; False when none was."""
        atoms = pending[-n:]
        estimated = sum(atom.tokens for atom in atoms if not atom.counted)
        excess = draft.tokens - self._contexts.cost(context.text) - sum(atom.tokens for atom in atoms)
        if excess <= 0 or not estimated:
            return False
        share = 1 + excess / estimated
        pending[-n:] = [a if a.counted else a._replace(tokens=math.ceil(share * a.tokens)) for a in atoms]
        return True

    def _recount(self, pending: list[Atom], n: int) -> bool:
        """Counts those of the first `n` atoms whose tokens are estimates; False when there were none."""
        changed = False
        for at in range(len(pending) - n, len(pending)):
            atom = pending[at]
            if not atom.counted:
                pending[at] = self._counted(atom)
                changed = True
        return changed

    def _counted(self, atom: Atom) -> Atom:
        return atom._replace(tokens=self._meter.counted(self._text[atom.start : atom.end], atom.tokens), counted=True)

    def _context(self, leads: list[Atom], content: Atom, lead_tokens: int, slack: int) -> tuple[Context, int]:
        """The richest context that leaves room for the first content, and that room in tokens."""
        first = leads[0] if leads else content
        variants = self._contexts.variants(titles_above(leads, content), first.repeat)
        room = self._limits.largest - self._contexts.cost(variants[0].text) - slack
        if lead_tokens + content.tokens <= room:
            return variants[0], room
        rooms = [self._limits.largest - self._contexts.cost(v.text) - slack for v in variants]
        rooms[-1] = max(1, rooms[-1])
        half = self._limits.largest // 2
        roomy = [i for i, room in enumerate(rooms[:-1]) if room - lead_tokens >= max(1, half)]
        for i, room in enumerate(rooms):
            bare = i == len(rooms) - 1
            if bare and roomy and (first.repeat or not _stays_whole(content)):
                break
            if lead_tokens + content.tokens <= room:
                return variants[i], room
            if roomy and not first.repeat and not _stays_whole(content):
                break
        best = roomy[0] if roomy else len(variants) - 1
        return variants[best], rooms[best]

    def _exact(self, leads: list[Atom], content: Atom, slack: int) -> Draft | None:
        """A draft without context of a piece to be kept whole, when its sum says that it is too large but it is not."""
        if slack or not _stays_whole(content) or content.repeat or content.tokens > self._limits.largest:
            return None
        draft = self._draft([*leads, content], BARE, leads, content)
        return draft if draft.tokens <= self._limits.largest else None

    def _oversize(self, taken: list[Atom], context: Context, leads: list[Atom], content: Atom) -> Draft:
        for kept in (context, BARE):
            draft = self._draft(taken, kept, leads, content)
            if draft.tokens <= self._limits.largest:
                return draft
        draft = self._draft(taken, context, leads, content)
        reason = f"{content.kind} that can't be cut: {draft.tokens} of {self._limits.largest} tokens"
        return draft._replace(oversize=reason)

    def _refine(self, pending: list[Atom], leads: int, room: int, caption_of: Callable[[Atom], str]) -> bool:
        """Replaces the content atom by smaller ones; False when it can't be made to fit `room`."""
        at = len(pending) - 1 - leads
        content = pending[at]
        parts = self._parts(content, caption_of)
        if not parts and room > 0 and content.kind != "formula" and not self._is_kept(content):
            parts = self._cut(content, self._share(content, room, at))
        if not parts:
            return False
        pending[at : at + 1] = parts[::-1]
        return True

    def _parts(self, atom: Atom, caption_of: Callable[[Atom], str]) -> list[Atom]:
        """The parts of an atom; of one that makes two chunks or three they are counted, so that these come out even."""
        if self._is_kept(atom):
            return []
        parts = self._expander.expand(atom, caption_of(atom))
        if atom.counted and atom.tokens <= _FEW * self._limits.largest and len(parts) <= _COUNTABLE * _FEW:
            parts = [self._counted(part) for part in parts]
        return parts

    def _is_kept(self, atom: Atom) -> bool:
        return self._never_cut and atom.kind in NEVER_CUT

    def _share(self, content: Atom, room: int, after: int) -> int:
        """Half of a last piece rather than all but a crumb."""
        if after == 0 and room < content.tokens <= 2 * room - 2:
            return min(room, content.tokens // 2 + 1)
        return room

    def _cut(self, atom: Atom, room: int) -> list[Atom]:
        found = cut_prefix(self._text, atom.start, atom.end, atom.tokens, room, self._count)
        if found is None:
            return []
        cut, tokens = found
        piece = self._text[atom.start : cut]
        rest = self._text[cut : atom.end]
        start = cut + len(rest) - len(rest.lstrip())
        head = atom._replace(end=atom.start + len(piece.rstrip()), tokens=tokens, glue=0.0, lead=False, counted=True)
        tail_tokens = max(1, tokens * size(rest) // size(piece))
        tail = atom._replace(
            start=start, tokens=tail_tokens, lead=False, form="sentence", repeat=atom.inner, counted=False
        )
        return [head._replace(form="sentence"), tail]

    def _correct(self, pending: list[Atom], leads: int, tokens: int) -> None:
        at = len(pending) - 1 - leads
        pending[at] = pending[at]._replace(tokens=max(tokens, pending[at].tokens))

    def _choose(
        self, pending: list[Atom], leads: int, room: int, slack: int, caption_of: Callable[[Atom], str]
    ) -> list[Atom]:
        """The atoms of the next draft: as many as come closest to the ideal fill, at the cheapest break."""
        target = min(self._limits.target, room)
        left = _ahead(pending, 2 * target) + slack
        if left <= min(room, target * _STRETCH):
            return pending[::-1]
        ideal = left / 2 if left <= 2 * target else target
        taken, total = 0, 0
        best, best_cost = leads + 1, INSEPARABLE
        while taken < len(pending):
            atom = pending[-1 - taken]
            if total + atom.tokens > room and taken > leads:
                if self._worth_opening(pending, taken, total, target):
                    if atom.kind in PROTECTED and not atom.counted:
                        pending[-1 - taken] = self._counted(atom)
                        continue
                    if self._open(pending, taken, room - total, caption_of):
                        continue
                break
            total += atom.tokens + 1
            taken += 1
            if taken > leads:
                cost = abs(ideal - total) + atom.glue * target if taken < len(pending) else abs(ideal - total)
                if cost <= best_cost and (cost < INSEPARABLE or taken == leads + 1):
                    best, best_cost = taken, cost
        return pending[: -best - 1 : -1]

    def _worth_opening(self, pending: list[Atom], taken: int, total: int, target: int) -> bool:
        """Whether to take the next atom apart rather than to leave a draft small or a caption alone."""
        atom, before = pending[-1 - taken], pending[-taken]
        if atom.tokens > self._limits.largest:
            return total < _UNDERFILLED * target or before.glue >= LEAD_IN
        return total < _UNDERFILLED * target and atom.kind not in PROTECTED

    def _open(self, pending: list[Atom], taken: int, room: int, caption_of: Callable[[Atom], str]) -> bool:
        at = len(pending) - 1 - taken
        atom = pending[at]
        parts = self._parts(atom, caption_of)
        if not parts and atom.kind != "formula" and atom.tokens > self._limits.largest and not self._is_kept(atom):
            parts = self._cut(atom, room - 1)
        if not parts:
            return False
        pending[at : at + 1] = parts[::-1]
        return True

    def _draft(self, taken: list[Atom], context: Context, leads: list[Atom], content: Atom) -> Draft:
        start, end = taken[0].start, taken[-1].end
        text = self._text[start:end]
        tokens = self._count(f"{context.text}\n{text}" if context.text else text)
        return Draft(
            start=start,
            end=end,
            context=context.text,
            tokens=tokens,
            own_tokens=max(1, tokens - self._contexts.cost(context.text)),
            above=titles_above(leads, content),
            path=content.path,
            continues=taken[0].repeat is not None,
            lead=context.lead,
        )


def _ahead(pending: list[Atom], enough: int) -> int:
    """Tokens still to come, counted no further than `enough`."""
    total = 0
    for atom in reversed(pending):
        total += atom.tokens + 1
        if total > enough:
            break
    return total


def _stays_whole(atom: Atom) -> bool:
    return atom.kind in PROTECTED and atom.form in ("block", "item", "row")


def _leads(pending: list[Atom]) -> list[Atom]:
    """The headings and furniture at the front, in order; at least one atom always remains."""
    n = 0
    while n < len(pending) - 1 and pending[-1 - n].lead:
        n += 1
    return pending[: -n - 1 : -1] if n else []
