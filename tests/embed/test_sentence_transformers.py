"""The sentence-transformers embedder: which model, which limits, what is said when it can't be had."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.embed import bundled, model_files
from rag_ingest.embed.bundled import BUNDLED_SHA256, bundled_model_folder, bundled_token_counter
from rag_ingest.embed.sentence_transformers import EmbedOptions, SentenceTransformersEmbedder
from rag_ingest.errors import ConfigError, ModelError


@pytest.fixture(scope="module")
def embedder() -> Iterator[SentenceTransformersEmbedder]:
    made = SentenceTransformersEmbedder(EmbedOptions(device="cpu"))
    yield made
    made.close()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder that holds the bundled model, weights linked."""
    folder = tmp_path / "my-model"
    shutil.copytree(bundled_model_folder(), folder, copy_function=os.link)
    for path in folder.rglob("*.json"):
        text = path.read_text("utf-8")
        path.unlink()
        path.write_text(text, "utf-8")
    return folder


def test_the_bundled_model_is_the_original(embedder: SentenceTransformersEmbedder) -> None:
    assert embedder.name == f"all-minilm-l6-v2@{BUNDLED_SHA256[:12]}"
    assert embedder.dimension == 384
    assert embedder.max_tokens == 254  # max_seq_length 256 less [CLS] and [SEP]


def test_other_weights_under_the_bundled_name_are_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.unlink()
    weights.write_bytes(data)
    monkeypatch.setattr(bundled, "_folder", lambda: copy)
    bundled_model_folder.cache_clear()
    try:
        with pytest.raises(ModelError, match="not the original"):
            _ = SentenceTransformersEmbedder().name
    finally:
        bundled_model_folder.cache_clear()


def test_weights_are_hashed_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    _ = SentenceTransformersEmbedder().name

    def hashed_again(path: Path) -> str:
        raise AssertionError(f"{path} hashed again")

    monkeypatch.setattr(model_files, "sha256_of", hashed_again)
    assert SentenceTransformersEmbedder().name.startswith("all-minilm-l6-v2@")


def test_naming_counting_and_shape_need_no_torch() -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('error')\n"
        "from rag_ingest.embed.bundled import bundled_token_counter\n"
        "from rag_ingest.embed.sentence_transformers import SentenceTransformersEmbedder as E\n"
        "assert 'tokenizers' not in sys.modules and 'numpy' not in sys.modules\n"
        "e = E(); e.check()\n"
        "print(e.name, e.dimension, e.max_tokens, e.count_tokens('a b'), bundled_token_counter()('a'))\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == ["384", "254", "2", "1"]
    assert done.stderr == ""


def test_a_folder_is_named_by_content(copy: Path, embedder: SentenceTransformersEmbedder) -> None:
    local = SentenceTransformersEmbedder(EmbedOptions(model=str(copy), device="cpu"))
    assert local.name == f"my-model@{BUNDLED_SHA256[:12]}"
    np.testing.assert_allclose(local.embed_queries(["gap"]), embedder.embed_queries(["gap"]), atol=1e-6)
    local.close()


def test_the_models_own_prompts_are_used_and_leave_less_room(copy: Path) -> None:
    config = copy / "config_sentence_transformers.json"
    config.write_text(json.dumps({"prompts": {"query": "query: ", "passage": "passage: "}}), "utf-8")
    own = SentenceTransformersEmbedder(EmbedOptions(model=str(copy), device="cpu"))
    by_hand = SentenceTransformersEmbedder(
        EmbedOptions(device="cpu", query_prompt="query: ", document_prompt="passage: ")
    )
    plain = SentenceTransformersEmbedder(EmbedOptions(device="cpu"))
    assert own.max_tokens == by_hand.max_tokens == 254 - plain.count_tokens("passage: ")
    np.testing.assert_allclose(own.embed_queries(["x"]), plain.embed_queries(["query: x"]), atol=1e-5)
    np.testing.assert_allclose(own.embed_documents(["x"]), plain.embed_documents(["passage: x"]), atol=1e-5)
    np.testing.assert_allclose(own.embed_documents(["x"]), by_hand.embed_documents(["x"]), atol=1e-5)
    assert by_hand.name != plain.name  # its vectors don't belong beside the others


def test_a_long_text_is_cut_counted_and_told_once(
    embedder: SentenceTransformersEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    before = embedder.truncated
    long = "word " * 400
    with caplog.at_level(logging.WARNING):
        vectors = embedder.embed_documents([long, "short"])
        embedder.embed_documents([long])
    assert embedder.truncated == before + 2
    assert sum("not embedded" in r.message for r in caplog.records) == 1
    np.testing.assert_allclose(vectors[0], embedder.embed_documents(["word " * 254])[0], atol=1e-5)


def test_max_tokens_lowers_the_limit_and_never_lifts_it() -> None:
    assert SentenceTransformersEmbedder(EmbedOptions(max_tokens=100)).max_tokens == 98
    with pytest.raises(ConfigError, match="takes 256"):
        _ = SentenceTransformersEmbedder(EmbedOptions(max_tokens=257)).max_tokens


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model": " "}, "embed.model"),
        ({"device": "gpu"}, "embed.device"),
        ({"dtype": "int8"}, "embed.dtype"),
        ({"batch_size": -1}, "embed.batch_size"),
        ({"max_tokens": 3}, "embed.max_tokens"),
    ],
)
def test_wrong_options_name_themselves(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        EmbedOptions(**wrong)  # type: ignore[arg-type]


def test_a_hub_name_without_network_says_what_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r'nobody/no-such-model.*embed\.model = "all-minilm-l6-v2"') as caught:
        SentenceTransformersEmbedder(EmbedOptions(model="nobody/no-such-model")).check()
    assert "\n" not in str(caught.value)


def test_a_name_that_is_neither_folder_nor_hub_name() -> None:
    with pytest.raises(ModelError, match="no folder and no hub name"):
        SentenceTransformersEmbedder(EmbedOptions(model="all-mini")).check()


def test_pickled_weights_are_not_loaded(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \.safetensors"):
        SentenceTransformersEmbedder(EmbedOptions(model=str(copy))).check()


def test_a_device_that_is_not_there() -> None:
    import torch

    missing = "cuda:77" if torch.cuda.is_available() else "cuda"
    with pytest.raises(ConfigError, match="no such device"):
        SentenceTransformersEmbedder(EmbedOptions(device=missing)).check()


@settings(max_examples=50, deadline=None)
@given(words=st.lists(st.sampled_from(["Energy", "gap", "$x^2$", "naïve", "(a)", "|"]), max_size=30))
def test_the_bundled_counter_is_additive_over_whole_words(words: list[str]) -> None:
    count = bundled_token_counter()
    assert count(" ".join(words)) == sum(count(word) for word in words)


def test_the_bundled_counter_counts_as_the_model_does(embedder: SentenceTransformersEmbedder) -> None:
    model = embedder._model()
    for text in ["Schrödinger's cat", "∫ f(x) dx = 0", "| a | b |\n|---|---|", "word " * 300]:
        expected = len(model.tokenizer.encode(text, add_special_tokens=False, truncation=False, verbose=False))
        assert bundled_token_counter()(text) == embedder.count_tokens(text) == expected


def test_nothing_is_printed_while_loading(capfd: pytest.CaptureFixture[str]) -> None:
    fresh = SentenceTransformersEmbedder(EmbedOptions(device="cpu"))
    fresh.embed_documents(["quiet"])
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""
