"""What is drawn: the cut distribution, with a page's own numbers, whatever else is decided and whatever is drafted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.ocr.decode_loop import Drafter, Written
from rag_ingest.ocr.decode_sample import LIKELIEST, Sampling, page_draws
from tests.small_model import expected, job, loaded, loop, prompts

HOT = Sampling(1.5, 0.9)


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def cut(scores: torch.Tensor, how: Sampling) -> torch.Tensor:
    """The distribution by its definition: the likeliest tokens until they weigh `top_p`, one row of scores."""
    likely = (scores.double() / how.temperature).softmax(-1)
    order = likely.argsort(descending=True, stable=True)
    enough = int((likely[order].cumsum(0) < how.top_p).sum()) + 1
    kept = torch.zeros_like(likely)
    kept[order[:enough]] = likely[order[:enough]]
    return kept / kept.sum()


def scores(seed: int, places: int, vocabulary: int, spread: float) -> torch.Tensor:
    return spread * torch.randn(places, vocabulary, generator=torch.Generator().manual_seed(seed))


def test_temperature_0_takes_the_likeliest() -> None:
    some = scores(0, 5, 300, 3.0)
    assert torch.equal(Sampling(0.0, 0.9).choose(some, torch.rand(5)), some.argmax(-1))


@given(st.integers(0, 10**6), st.sampled_from([3, 90, 300, 1000]), st.sampled_from([0.3, 3.0]), st.floats(0.05, 1.0))
@settings(max_examples=40, deadline=None)
def test_a_place_is_decided_alone_and_within_the_cut(seed: int, vocabulary: int, spread: float, top_p: float) -> None:
    how, some, draws = Sampling(0.8, top_p), scores(seed, 4, vocabulary, spread), page_draws(str(seed), 4)
    chosen = how.choose(some, draws)
    for place in range(4):
        alone = slice(place, place + 1)
        assert torch.equal(how.choose(some[alone], draws[alone]), chosen[alone])
        assert cut(some[place], how)[chosen[place]] > 0 or top_p > 0.999, "rounding may keep one more at the edge of 1"


def test_equal_scores_are_decided_alone_as_well() -> None:
    """In bfloat16 many scores are equal; here those at the edge of the ones that are sorted first."""
    how, draws = Sampling(1.0, (LIKELIEST - 1.5) / 400), torch.linspace(0.01, 0.999, 50)
    equal, unsure = torch.zeros(50, 400), torch.zeros(1, 400)
    equal[:, 200:300] += 0.25 * torch.eye(50, 100)
    chosen = how.choose(equal, draws)
    beside = how.choose(torch.cat([equal, unsure]), torch.cat([draws, draws[:1]]))
    assert torch.equal(beside[:-1], chosen)
    falling = [cut(row, how) for row in equal.double()]
    assert [int(token) for token in chosen] == [
        int(law.argsort(descending=True, stable=True)[int((law.sort(descending=True).values.cumsum(0) <= draw).sum())])
        for law, draw in zip(falling, draws.tolist(), strict=True)
    ]


@pytest.mark.parametrize(("vocabulary", "spread"), [(40, 1.0), (300, 3.0), (300, 0.2)])
def test_draws_follow_the_cut_distribution(vocabulary: int, spread: float) -> None:
    some, count = scores(1, 1, vocabulary, spread), 40_000
    chosen = HOT.choose(some.expand(count, -1), page_draws("a", count))
    law = cut(some[0], HOT)
    assert (int((law > 0).sum()) > LIKELIEST) == (spread < 1), "both ways of sorting are tried"
    seen = torch.bincount(chosen, minlength=vocabulary)
    assert int(seen[law == 0].sum()) == 0
    kept = law > 0
    square = float(((seen[kept] - count * law[kept]) ** 2 / (count * law[kept])).sum())
    degrees = int(kept.sum()) - 1
    assert abs(square - degrees) < 4 * math.sqrt(2 * degrees)


def test_fewer_numbers_are_the_first_of_more() -> None:
    for count in (1, 7, 15, 16, 17, 100):
        assert torch.equal(page_draws("k", count), page_draws("k", 500)[:count])
    assert not torch.equal(page_draws("k", 9), page_draws("l", 9))


@dataclass
class Says:
    """Proposes the same answer at the same place, whatever was written."""

    answer: Sequence[int]

    def propose(self, written: Sequence[int], most: int) -> Sequence[int]:
        return self.answer[len(written) :][:most]


def sampled(seeds: int, drafted: bool) -> list[tuple[int, Written]]:
    pages = [(page, seed) for page in (16, 17, 18) for seed in range(seeds)]
    drafters: list[Drafter | None] = [Says(expected(page)) if drafted else None for page, _ in pages]
    jobs = [job(page, 16, drafter, f"{seed}:{page}") for (page, seed), drafter in zip(pages, drafters, strict=True)]
    return [(page, each) for (page, _), each in zip(pages, loop(8, length=128).run(jobs, HOT), strict=True)]


def uniform(pages: Sequence[tuple[int, Written]], how: Sampling) -> torch.Tensor:
    """Where each token lies in the distribution that the plain model gives it: even in 0..1 where it follows that.

    Tokens stand in the order of their numbers here, and not by likelihood as they do for the sampler.
    """
    places, spread = [], torch.Generator().manual_seed(9)
    words = loaded().model.get_input_embeddings()
    for page, written in pages:
        embeds = torch.cat([prompts()[page], words(torch.tensor(written.tokens[:-1], dtype=torch.long))])
        said = loaded().model(inputs_embeds=embeds[None]).logits[0, prompts()[page].shape[0] - 1 :]
        for row, token in zip(said, written.tokens, strict=True):
            law = cut(row, how)
            below = float(law[:token].sum())
            places.append(below + float(law[token]) * float(torch.rand(1, generator=spread)))
    return torch.tensor(places)


def unevenness(places: torch.Tensor) -> float:
    """Standard deviations by which the counts of 20 equal bins exceed what chance makes of them."""
    bins, count = torch.histc(places, 20, 0, 1), len(places)
    square = float(((bins - count / 20) ** 2).sum()) / (count / 20)
    return (square - 19) / math.sqrt(2 * 19)


def test_sampling_with_drafts_follows_the_distribution_of_the_model() -> None:
    drafted = sampled(30, drafted=True)
    assert sum(written.accepted for _, written in drafted) > 50
    assert sum(written.drafted - written.accepted for _, written in drafted) > 50
    places = uniform(drafted, HOT)
    assert len(places) > 800
    assert unevenness(places) < 4
    assert unevenness(uniform(drafted, Sampling(0.8, 0.9))) > 8, "another temperature is noticed"
    assert [w.tokens for _, w in drafted] == [w.tokens for _, w in sampled(30, drafted=False)]


def test_a_page_draws_the_same_whatever_the_batch() -> None:
    jobs = [job(page, 20) for page in (14, 16, 17, 18, 5)]
    together = [each.tokens for each in loop(5).run(jobs, HOT)]
    assert [each.tokens for each in loop(2).run(reversed(jobs), HOT)] == together[::-1]
    assert [each.tokens for each in loop(1).run([job(16, 20, key="1:16")], HOT)] != [together[1]]
