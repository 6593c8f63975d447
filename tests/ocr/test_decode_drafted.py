"""Drafts change no token, whatever they are; right ones save forward passes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_ingest.ocr.decode_loop import MOST_DRAFTED, Drafter
from rag_ingest.ocr.decode_sample import Sampling
from tests.small_model import expected, job, loop

GREEDY, WARM = Sampling(0.0, 1.0), Sampling(1.0, 0.95)
PAGES = [0, 2, 5, 8, 14, 16, 17, 18]


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@dataclass
class Foresees:
    """The page's own tokens, with so many of a hundred changed."""

    page: int
    wrong: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(3))

    def propose(self, written: Sequence[int], most: int) -> Sequence[int]:
        return [self._spoilt(token) for token in expected(self.page)[len(written) :][:most]]

    def _spoilt(self, token: int) -> int:
        return self.chance.randrange(262) if self.chance.randrange(100) < self.wrong else token


@dataclass
class Says:
    """The same thing at every turn."""

    tokens: Sequence[int]

    def propose(self, written: Sequence[int], most: int) -> Sequence[int]:
        return self.tokens


HOSTILE: list[Sequence[int]] = [
    [],
    [-1],
    [262, 5, 5],
    [10**12] * 40,
    [65] * 500,
    [258, 258, 258, 256],
    [259] * 15,
    tuple(range(200)),
    [65, -5, 65],
]
"""Nothing, what is no token, far too many, end tokens, image tokens."""


@pytest.mark.parametrize("fixed_shapes", [False, True])
def test_right_drafts_save_passes(fixed_shapes: bool) -> None:
    drafted = loop(4, fixed_shapes=fixed_shapes).run([job(page, drafter=Foresees(page)) for page in PAGES], GREEDY)
    for page, written in zip(PAGES, drafted, strict=True):
        assert written.tokens == expected(page)
        assert written.passes == -(-(len(written.tokens) - 1) // (MOST_DRAFTED + 1)), "a draft and the token after it"
        assert written.accepted == written.drafted


def test_wrong_drafts_cost_no_pass() -> None:
    jobs = [job(page, drafter=Foresees(page, wrong=100)) for page in PAGES]
    for page, written in zip(PAGES, loop(4).run(jobs, GREEDY), strict=True):
        assert written.tokens == expected(page)
        assert written.passes == len(written.tokens) - 1 - written.accepted


def test_no_drafter_and_an_empty_draft_are_one_token_a_pass() -> None:
    widths: list[int] = []
    decoder = loop(3)
    step = decoder.steppers[0].step

    def watched(tokens: Sequence[Sequence[int]], lengths: Sequence[int]) -> torch.Tensor:
        widths.extend(map(len, tokens))
        return step(tokens, lengths)

    decoder.steppers[0].step = watched  # type: ignore[method-assign]
    written = decoder.run([job(8), job(14, drafter=Says([])), job(9, drafter=Says([-1]))], GREEDY)
    assert [each.tokens for each in written] == [expected(page) for page in (8, 14, 9)]
    assert set(widths) == {1}
    assert all(each.passes == len(each.tokens) - 1 and not each.drafted for each in written)


@pytest.mark.parametrize("sampling", [GREEDY, WARM])
def test_hostile_drafts_change_nothing(sampling: Sampling) -> None:
    plain = loop(4).run([job(page, 30) for page in PAGES[:4]], sampling)
    for said in HOSTILE:
        drafters: list[Drafter | None] = [Says(said), Foresees(PAGES[1], wrong=30), None, Says(said)]
        jobs = [job(page, 30, drafter) for page, drafter in zip(PAGES[:4], drafters, strict=True)]
        assert [each.tokens for each in loop(4).run(jobs, sampling)] == [each.tokens for each in plain]


@pytest.mark.parametrize("said", [KeyError("lost"), None, "words", [65, 1.5]])
def test_an_error_of_a_drafter_costs_its_drafts_alone(said: Any, caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    class Fails:
        def propose(self, written: Sequence[int], most: int) -> Sequence[int]:
            nonlocal calls
            calls += 1
            if calls < 3:
                return Foresees(8).propose(written, most)[:4]
            if isinstance(said, Exception):
                raise said
            return said  # type: ignore[no-any-return]

    failed, other = loop(2).run([job(8, drafter=Fails()), job(14, drafter=Foresees(14))], GREEDY)
    assert (failed.tokens, other.tokens) == (expected(8), expected(14))
    assert (calls, failed.accepted) == (3, 8), "it is not asked again"
    assert other.accepted == other.drafted > 0
    assert len(caplog.messages) == 1


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(PAGES), st.integers(1, 40), st.sampled_from([-1, 0, 5, 30, 80])),
        min_size=1,
        max_size=7,
    ),
    st.integers(1, 5),
    st.sampled_from([1, 4, MOST_DRAFTED]),
    st.booleans(),
    st.sampled_from([GREEDY, WARM]),
    st.integers(1, 2),
)
def test_ragged_drafts_in_any_company_change_nothing(
    pages: list[tuple[int, int, int]], rows: int, most: int, fixed_shapes: bool, sampling: Sampling, lanes: int
) -> None:
    with torch.inference_mode():
        drafters = [Foresees(page, wrong) if wrong >= 0 else None for page, _, wrong in pages]
        jobs = [job(page, room, drafter) for (page, room, _), drafter in zip(pages, drafters, strict=True)]
        drafted = loop(rows, fixed_shapes=fixed_shapes, most_drafted=most, lanes=lanes).run(jobs, sampling)
        alone = [_alone(page, sampling)[:room] for page, room, _ in pages]
    assert [each.tokens for each in drafted] == alone
    # each pass adds a token to those accepted, but for the last one where an end token was drafted
    assert all(0 <= 1 + each.passes + each.accepted - len(each.tokens) <= 1 for each in drafted)


@cache
def _alone(page: int, sampling: Sampling) -> list[int]:
    return loop(1).run([job(page, 40)], sampling)[0].tokens
