"""A cross-encoder: its scores, the order that they give, and what is said where there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rag_ingest.embed.bundled import bundled_model_folder
from rag_ingest.embed.rerank import CrossEncoderReranker
from rag_ingest.errors import ModelError
from rag_ingest.types import SearchHit, Span
from tests.cross_encoder import make_cross_encoder

TEXTS = ["red fox", "blue whale", "green tree", "red tree", "grey stone"]
CONTEXTS = ["", "whale", "", "stone > fox", ""]
HITS = [
    SearchHit(f"c{n}", "d", "/d.pdf", "", text, context, (), (), 1.0 - n / 10, Span(n, n), metadata={"year": 2020})
    for n, (text, context) in enumerate(zip(TEXTS, CONTEXTS, strict=True))
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("reranker"), " ".join(TEXTS).split())


def logits(model: Path, query: str, passages: list[str]) -> list[float]:
    """By transformers alone, a pair at a time."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModelForSequenceClassification.from_pretrained(model)
    with torch.no_grad():
        return [float(network(**tokenizer(query, text, return_tensors="pt")).logits) for text in passages]


def test_hits_come_in_the_order_of_question_context_and_text_together(model: Path) -> None:
    reranker = CrossEncoderReranker(str(model))
    read = [f"{context}\n{text}" if context else text for context, text in zip(CONTEXTS, TEXTS, strict=True)]
    expected = logits(model, "red whale", read)
    assert len(set(expected)) == len(expected)
    for hits in (HITS, HITS[::-1]):
        found = reranker.rerank("red whale", hits)
        assert [hit.chunk_id for hit in found] == [f"c{n}" for n in sorted(range(5), key=lambda n: -expected[n])]
        assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
        for hit in found:
            before = HITS[int(hit.chunk_id[1:])]
            assert hit.metadata == {"year": 2020, "first_score": before.score}
            assert (hit.text, hit.context, hit.span) == (before.text, before.context, before.span)


def test_a_score_depends_on_its_own_pair_alone(model: Path) -> None:
    passages = [*TEXTS, "red " * 500, "", "\ud800 fox"]
    together = CrossEncoderReranker(str(model), batch_size=3).scores("fox", passages)
    alone = [CrossEncoderReranker(str(model)).scores("fox", [passage])[0] for passage in passages]
    assert together == pytest.approx(alone, abs=1e-5)


def test_equal_scores_keep_their_order_and_nothing_is_nothing(model: Path) -> None:
    reranker = CrossEncoderReranker(str(model))
    same = [HITS[0], *(SearchHit(f"s{n}", "d", "", "", "red fox", "", (), (), 0.5, Span(0, 0)) for n in range(4))]
    assert [hit.chunk_id for hit in reranker.rerank("x", same)] == ["c0", "s0", "s1", "s2", "s3"]
    assert reranker.rerank("x", []) == []


def test_what_is_no_reranker_is_said_before_it_is_used(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no folder and no hub name"):
        CrossEncoderReranker(str(tmp_path / "none")).load()
    with pytest.raises(ModelError, match="nobody/none is not in the cache and can't be downloaded"):
        CrossEncoderReranker("nobody/none").load()
    with pytest.raises(ModelError, match="is no cross-encoder: it is a BertModel"):
        CrossEncoderReranker(str(bundled_model_folder())).load()
    several = make_cross_encoder(tmp_path / "several", ["fox"], labels=3)
    with pytest.raises(ModelError, match="gives 3 scores a pair"):
        CrossEncoderReranker(str(several)).scores("fox", ["fox"])
    pickled = shutil.copytree(model, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no .safetensors weights"):
        CrossEncoderReranker(str(pickled)).load()
    broken = shutil.copytree(model, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"none")
    with pytest.raises(ModelError, match="can't be opened"):
        CrossEncoderReranker(str(broken)).load()


def test_code_that_comes_with_a_model_is_not_run(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "code")
    ran = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w')\n", encoding="utf-8")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "modeling_own.Config",
               "AutoModelForSequenceClassification": "modeling_own.Model"}}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="can't be opened"):
        CrossEncoderReranker(str(folder)).load()
    assert not ran.exists()
