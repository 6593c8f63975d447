"""Which LightOnOCR checkpoint is meant, where it lies, and what is missing of it. Never imports torch."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rag_ingest.errors import ConfigError, ModelError, first_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A published checkpoint, and how its model card has it used.

    Attributes:
        hub: name on the Hugging Face hub.
        purpose: one line.
        revision: branch, tag or commit that is taken where none is asked for; None is `main`.
        temperature: of the sampling.
        top_p: of the sampling.
        max_new_tokens: 1,024 cut dense pages.
    """

    hub: str
    purpose: str
    revision: str | None = None
    temperature: float = 0.2
    top_p: float = 0.9
    max_new_tokens: int = 4096


VARIANTS: Final[Mapping[str, Variant]] = {
    "2-1B": Variant(hub="lightonai/LightOnOCR-2-1B", purpose="best text; the default"),
    "2-1B-bbox": Variant(hub="lightonai/LightOnOCR-2-1B-bbox", purpose="best boxes of images"),
    "2-1B-bbox-soup": Variant(hub="lightonai/LightOnOCR-2-1B-bbox-soup", purpose="boxes, text in balance"),
    "2-1B-ocr-soup": Variant(hub="lightonai/LightOnOCR-2-1B-ocr-soup", purpose="text, merged for robustness"),
    "2-1B-base": Variant(hub="lightonai/LightOnOCR-2-1B-base", purpose="to fine-tune"),
    "2-1B-bbox-base": Variant(hub="lightonai/LightOnOCR-2-1B-bbox-base", purpose="to fine-tune, boxes"),
    "3-1B": Variant(hub="lightonai/LightOnOCR-3-1B", purpose="the next generation in the same design"),
}
"""Short name -> checkpoint. A fine-tune of one's own needs no entry: any folder or hub name is taken."""


OF_THE_VARIANT: Final[Any] = None
"""The default of an option of which the variant has its own; see `take_defaults`."""


def take_defaults(options: object, model: str, *names: str) -> None:
    """Gives options that were left out what the variant has; a folder or anybody else's model has what most have.

    Args:
        options: a frozen dataclass, in its `__post_init__`.
        model: a short or hub name, or a folder.
        names: of the options, as in `Variant`.
    """
    hub = full_name(model)
    variant = next((known for known in VARIANTS.values() if known.hub == hub), Variant(hub=hub, purpose=""))
    for name in names:
        if getattr(options, name) is OF_THE_VARIANT:
            object.__setattr__(options, name, getattr(variant, name))


FILES: Final = ("*.safetensors", "*.json", "*.jinja", "*.txt")
"""What is fetched from a hub: weights as safetensors only, no code, no pickles."""

HUB_TIMEOUT_S: Final = 4.0
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SMALL_FILES = (
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
_SAMPLE_BYTES, _SAMPLES = 65_536, 64


@dataclass(frozen=True, slots=True)
class Located:
    """A checkpoint that is here, or that can be fetched.

    Attributes:
        name: hub name, or the folder as given.
        folder: where its files lie; None until it is fetched.
        commit: of a hub checkpoint; None for a folder of one's own.
        note: one line that says where it is.
        revision: branch, tag or commit that was asked for; None is `main`.
    """

    name: str
    folder: Path | None
    commit: str | None
    note: str
    revision: str | None = None


def full_name(model: str) -> str:
    """The hub name behind a short variant name; anything else unchanged."""
    return VARIANTS[model].hub if model in VARIANTS else model


def locate(model: str, revision: str | None = None) -> Located:
    """Finds a checkpoint on this machine, else asks the hub for it with one short request; fetches nothing.

    Args:
        model: a folder, a hub name, or a key of `VARIANTS`.
        revision: branch, tag or commit on the hub; None is `main`.

    Raises:
        ModelError: the folder lacks files (each is named), or the hub checkpoint is neither cached nor reachable.
    """
    name = full_name(model)
    if Path(name).expanduser().exists() or name.startswith((".", "~")) or not _HUB_NAME.fullmatch(name):
        return Located(name, _own_folder(name), None, f"weights in {name}")
    return _cached(name, revision) or _reachable(name, revision)


def weights_available(model: str, revision: str | None = None) -> tuple[bool, str]:
    """Whether the weights are here or can be fetched, and one line that says which or why not.

    Asks the hub once, for at most `HUB_TIMEOUT_S` seconds, and not at all when HF_HUB_OFFLINE is set.
    """
    try:
        return True, locate(model, revision).note
    except ModelError as e:
        return False, str(e)


def fetch(located: Located) -> Path:
    """The folder of a checkpoint, downloaded when it is not here yet (resumes; progress on stderr).

    Raises:
        ModelError: the download fails or is incomplete.
    """
    if located.folder is not None:
        return located.folder
    try:
        folder = _download(located.name, located.revision)  # by its name, so that the cache knows the name later
        if folder.name != located.commit:  # the branch moved since: keep to what the fingerprint says
            folder = _download(located.name, located.commit)
    except Exception as e:  # the client raises its own, httpx's and OSError's kinds
        raise ModelError(f"{located.name} can't be fetched: {first_line(e)}; {_ways_out(located.name)}") from e
    if missing := missing_files(folder):
        raise ModelError(f"{located.name} on the hub lacks {', '.join(missing)}; {_ways_out(located.name)}")
    return folder


def _download(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, revision=revision, allow_patterns=list(FILES)))


def missing_files(folder: Path) -> list[str]:
    """The names of files that a checkpoint needs and `folder` lacks; empty when it is complete."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    missing = [] if "config.json" in names else ["config.json"]
    if "model.safetensors.index.json" in names:
        missing += sorted(set(_shards(folder)) - names)
    elif "model.safetensors" not in names:
        missing.append("model.safetensors")
    if "tokenizer.json" not in names and not {"vocab.json", "merges.txt"} <= names:
        missing.append("tokenizer.json")
    if not names & {"processor_config.json", "preprocessor_config.json"}:
        missing.append("processor_config.json")
    return missing


def identity(located: Located) -> str:
    """What stands for the checkpoint in a fingerprint: the same on every machine, another when it changes.

    A hub checkpoint is its name and commit. A folder is the hash of its small files, and of each weight file's length,
    header and 64 blocks spread over it (the whole of it up to 4 MiB), so that a fine-tuned copy differs.
    """
    if located.commit is not None:
        return f"{located.name}@{located.commit}"
    if located.folder is None:
        raise ModelError(f"{located.name} has neither a folder nor a commit")
    digest = hashlib.sha256()
    for name in _SMALL_FILES:
        if (path := located.folder / name).is_file():
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    for path in sorted(located.folder.glob("*.safetensors")):
        digest.update(path.name.encode() + b"\0")
        for block in _sampled(path):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def _sampled(path: Path) -> Iterable[bytes]:
    size = path.stat().st_size
    yield size.to_bytes(8, "little")
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
        yield file.read(min(header, size))
        if size <= _SAMPLES * _SAMPLE_BYTES:
            yield file.read()
            return
        for n in range(_SAMPLES):
            file.seek(n * (size - _SAMPLE_BYTES) // (_SAMPLES - 1))
            yield file.read(_SAMPLE_BYTES)


def _own_folder(name: str) -> Path:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ModelError(f"model folder {name} does not exist; give a folder, a hub name or one of {_known()}")
    if missing := missing_files(folder):
        pickled = any(folder.glob("*.bin")) and "model.safetensors" in missing
        why = " (its .bin weights are not read: only safetensors are)" if pickled else ""
        raise ModelError(f"model folder {name} lacks {', '.join(missing)}{why}")
    return folder


def _cached(name: str, revision: str | None) -> Located | None:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(FILES), local_files_only=True))
    except ValueError as e:  # HFValidationError: not a name that a hub could have
        raise ConfigError(f"model {name!r} is neither a folder nor a hub name nor one of {_known()}") from e
    except OSError:  # LocalEntryNotFoundError: nothing cached
        return None
    return None if missing_files(folder) else Located(name, folder, folder.name, f"{name} is cached in {folder}")


def _reachable(name: str, revision: str | None) -> Located:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.constants import is_offline_mode

    lacks = f"{name} is not on this machine (config.json, model.safetensors, tokenizer.json, processor_config.json)"
    if is_offline_mode():
        raise ModelError(f"{lacks} and HF_HUB_OFFLINE forbids to fetch it; {_ways_out(name)}")
    try:
        found = get_hf_file_metadata(hf_hub_url(name, "config.json", revision=revision), timeout=HUB_TIMEOUT_S)
    except Exception as e:  # the client raises its own, httpx's and OSError's kinds
        raise ModelError(f"{lacks} and the hub does not give it: {first_line(e)}; {_ways_out(name)}") from e
    if found.commit_hash is None:
        raise ModelError(f"{lacks} and the hub names no commit for it; {_ways_out(name)}")
    return Located(name, None, found.commit_hash, f"{name} can be fetched from the hub", revision)


def _ways_out(name: str) -> str:
    return f"fetch it with `hf download {name}` where there is a network, or use --engine layout, which needs no model"


def _known() -> str:
    return ", ".join(VARIANTS)


def _shards(folder: Path) -> Iterable[str]:
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
        return [str(name) for name in index["weight_map"].values()]
    except (ValueError, KeyError, AttributeError) as e:
        raise ModelError(f"{folder / 'model.safetensors.index.json'} is not an index of weights: {e}") from e
