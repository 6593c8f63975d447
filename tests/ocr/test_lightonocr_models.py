"""Where a checkpoint is found, and what is said when it is not."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from rag_ingest.config import load_config
from rag_ingest.errors import ConfigError, ModelError
from rag_ingest.ocr.lightonocr import LightOnOCR, LightOnOcrOptions, weights_available
from rag_ingest.ocr.models import VARIANTS, Variant, fetch, full_name, identity, locate, missing_files
from rag_ingest.ocr.server import ServerOptions

HUB = "lightonai/LightOnOCR-2-1B"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def tiny(root: Path) -> Path:
    return root / "tests" / "tiny_lightonocr" / "model"


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "model"))


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache of its own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def cached(cache: Path, tiny: Path) -> Path:
    repo = cache / "models--lightonai--LightOnOCR-2-1B"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(COMMIT)
    return Path(shutil.copytree(tiny, repo / "snapshots" / COMMIT))


def test_short_names_stand_for_hub_names() -> None:
    assert full_name("2-1B") == HUB
    assert full_name("3-1B") == "lightonai/LightOnOCR-3-1B"
    assert full_name("someone/else") == "someone/else"


def test_every_variant_has_its_place() -> None:
    assert full_name(LightOnOcrOptions().model) == VARIANTS["2-1B"].hub
    assert len({variant.hub for variant in VARIANTS.values()}) == len(VARIANTS) == 7
    for name, variant in VARIANTS.items():
        assert variant.hub == f"lightonai/LightOnOCR-{name}"
        assert variant.purpose


def test_what_is_not_given_is_the_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Variant(hub=VARIANTS["3-1B"].hub, purpose="-", revision="v3", temperature=0.0, top_p=0.5, max_new_tokens=99)
    monkeypatch.setattr("rag_ingest.ocr.models.VARIANTS", {**VARIANTS, "3-1B": own})
    for name in ("3-1B", own.hub):
        local, served = LightOnOcrOptions(model=name), ServerOptions(model=name)
        assert (local.revision, local.temperature, local.top_p, local.max_new_tokens) == ("v3", 0.0, 0.5, 99)
        assert (served.model, served.temperature, served.top_p, served.max_new_tokens) == (own.hub, 0.0, 0.5, 99)
        given = LightOnOcrOptions(model=name, revision="main", temperature=0.3, top_p=0.7, max_new_tokens=7)
        assert (given.revision, given.temperature, given.top_p, given.max_new_tokens) == ("main", 0.3, 0.7, 7)
    for model in ("2-1B-bbox", "/models/mine", "someone/else"):
        for options in (LightOnOcrOptions(model=model), ServerOptions(model=model)):
            assert (options.temperature, options.top_p, options.max_new_tokens) == (0.2, 0.9, 4096), "as the card says"
    assert ServerOptions(model="2-1B-bbox").model == "lightonai/LightOnOCR-2-1B-bbox"
    assert load_config(settings=["ocr.model=3-1B", "ocr.top_p=0.8"]).ocr.top_p == 0.8
    assert load_config(settings=["server.model=3-1B"]).server.max_new_tokens == 99


def test_a_complete_folder_is_taken_as_it_is(tiny: Path) -> None:
    found = locate(str(tiny))
    assert fetch(found) == tiny
    assert found.commit is None
    assert weights_available(str(tiny)) == (True, f"weights in {tiny}")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "processor_config.json"])
def test_a_missing_file_is_named_when_the_engine_is_made(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"lacks {name}$"):
        LightOnOCR(LightOnOcrOptions(model=str(copy)))
    assert weights_available(str(copy))[0] is False


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    wanted = ["config.json", "model.safetensors", "tokenizer.json", "processor_config.json"]
    assert missing_files(tmp_path) == wanted
    with pytest.raises(ModelError, match=", ".join(wanted)):
        locate(str(tmp_path))


def test_missing_shards_are_named(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert missing_files(copy) == ["model-00002-of-00002.safetensors"]


def test_pickled_weights_are_not_read(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="only safetensors"):
        locate(str(copy))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        locate(str(tmp_path / "nowhere"))


def test_a_hub_name_offline_says_what_lacks_what_works_and_how_to_fetch(hub_cache: Path) -> None:
    with pytest.raises(ModelError) as caught:
        LightOnOCR()
    message = str(caught.value)
    for part in (HUB, "config.json", "model.safetensors", "HF_HUB_OFFLINE", "--engine layout", f"hf download {HUB}"):
        assert part in message
    assert "\n" not in message
    assert weights_available("2-1B") == (False, message)


def test_a_hub_that_can_not_be_reached_is_said_soon(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    begun = time.monotonic()
    available, reason = weights_available("2-1B")
    assert not available
    assert "--engine layout" in reason
    assert time.monotonic() - begun < 10


def test_a_cached_snapshot_needs_no_network_and_names_its_commit(hub_cache: Path, tiny: Path) -> None:
    folder = cached(hub_cache, tiny)
    found = locate("2-1B")
    assert found.folder == folder
    assert found.commit == COMMIT
    assert identity(found) == f"{HUB}@{COMMIT}"
    assert weights_available("2-1B")[0]


def test_a_half_fetched_snapshot_is_not_available(hub_cache: Path, tiny: Path) -> None:
    (cached(hub_cache, tiny) / "model.safetensors").unlink()
    assert weights_available("2-1B")[0] is False


def test_a_name_that_no_hub_could_have() -> None:
    with pytest.raises(ConfigError, match="neither a folder nor a hub name"):
        locate("a--b/..")


def test_identity_is_of_the_content_not_of_the_place(tiny: Path, copy: Path) -> None:
    assert identity(locate(str(tiny))) == identity(locate(str(copy)))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "chat_template.jinja"])
def test_identity_changes_with_the_content(tiny: Path, copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[-2] ^= 1
    (copy / name).write_bytes(data)
    assert identity(locate(str(tiny))) != identity(locate(str(copy)))
