"""A second look: a cross-encoder reads question and passage together and orders the first few anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eval.metrics import Passage
from eval.progress import track
from eval.retrieval import Ranker
from rag_ingest.embed.rerank import CrossEncoderReranker


def reranked(ranker: Ranker, model: str, depth: int) -> Ranker:
    """The same ranking with its first `depth` passages in the order of a cross-encoder's scores, equal ones as before.

    Args:
        ranker: of the arm's mode.
        model: a folder, or a name on the hub, that sentence-transformers opens as a CrossEncoder.
        depth: passages a question.

    Raises:
        ModelError: it can't be opened.
    """
    reranker = CrossEncoderReranker(model)
    reranker.load()

    def rank(questions: Sequence[str]) -> Iterator[list[Passage]]:
        rankings = zip(questions, ranker(questions), strict=True)
        for question, ranked in track(rankings, "reranking", len(questions), "questions"):
            scores = reranker.scores(question, [passage.text for passage in ranked[:depth]])
            order = sorted(range(len(scores)), key=lambda i: -scores[i])
            yield [ranked[i] for i in order] + list(ranked[depth:])

    return rank
