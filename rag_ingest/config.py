"""TOML and `key=value` settings -> one frozen `Config`; an unknown key is an error that names the nearest one.

A section belongs to the options dataclass that stands beside its owner, so that a range is checked where it matters.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rag_ingest.embed.http import HttpEmbedOptions
from rag_ingest.embed.sentence_transformers import EmbedOptions
from rag_ingest.errors import ConfigError
from rag_ingest.load.arxiv_options import ArxivOptions
from rag_ingest.load.options import LoadOptions
from rag_ingest.ocr.figures import FigureOptions
from rag_ingest.ocr.layout import LayoutOptions
from rag_ingest.ocr.lightonocr import LightOnOcrOptions
from rag_ingest.ocr.places import BoxOptions
from rag_ingest.ocr.server import ServerOptions
from rag_ingest.ocr.textlayer import TextLayerOptions
from rag_ingest.registry import nearest
from rag_ingest.split.options import SplitOptions


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that can be set, one section a stage.

    Attributes:
        engine: a name of `registry.ENGINES`, or "auto".
        embedder: a name of `registry.EMBEDDERS`.
        runner: a name of `registry.RUNNERS`.
        ocr: the `lightonocr` engine's options; the other engines have a section of their own name.
        plugins: options for engines, embedders and loaders that other packages add, by name.
    """

    engine: str = "auto"
    embedder: str = "sentence-transformers"
    runner: str = "local"
    load: LoadOptions = field(default_factory=LoadOptions)
    arxiv: ArxivOptions = field(default_factory=ArxivOptions)
    ocr: LightOnOcrOptions = field(default_factory=LightOnOcrOptions)
    server: ServerOptions = field(default_factory=ServerOptions)
    layout: LayoutOptions = field(default_factory=LayoutOptions)
    textlayer: TextLayerOptions = field(default_factory=TextLayerOptions)
    figures: FigureOptions = field(default_factory=FigureOptions)
    boxes: BoxOptions = field(default_factory=BoxOptions)
    split: SplitOptions = field(default_factory=SplitOptions)
    embed: EmbedOptions = field(default_factory=EmbedOptions)
    embed_http: HttpEmbedOptions = field(default_factory=HttpEmbedOptions)
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def options_for(self, name: str) -> Any:
        """The options of a registered name: `lightonocr` reads `[ocr]`, a plug-in `[plugins.NAME]`."""
        section = section_of(name)
        return getattr(self, section) if section else dict(self.plugins.get(name, {}))


_SECTIONS = {
    "lightonocr": "ocr",
    "server": "server",
    "layout": "layout",
    "textlayer": "textlayer",
    "sentence-transformers": "embed",
    "http": "embed_http",
    "pdf": "load",
    "image": "load",
    "arxiv": "arxiv",
}


EMBEDDER_SECTIONS = ("embedder", "embed", "embed_http")
"""What of a configuration says which embedder it is."""


def section_of(name: str) -> str | None:
    """The section that a registered name reads; None for a plug-in."""
    return _SECTIONS.get(name)


def load_config(
    file: str | Path | None = None,
    settings: Iterable[str] = (),
    *,
    base: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Config:
    """Defaults, then `base`, the TOML file, `section.key=value` settings, and keyword overrides that are not None.

    Args:
        file: a TOML file.
        settings: `section.key=value`; the value is TOML, or text where it is no TOML.
        base: a tree like a parsed TOML file, for example what a knowledge base remembers.
        overrides: top-level keys such as `engine`, or dotted ones.

    Raises:
        ConfigError: no such file, no TOML, an unknown key, a value of the wrong type or out of range.
    """
    tree: dict[str, Any] = dict(base or {})
    tree.update(_read(Path(file)) if file is not None else {})
    for setting in settings:
        _apply(tree, setting)
    tree.update({key: value for key, value in overrides.items() if value is not None})
    return _checked(tree)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise ConfigError(f"configuration {path} can't be read: {e.strerror}") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"configuration {path} is not TOML: {e}") from e


def _apply(tree: dict[str, Any], setting: str) -> None:
    dotted, equals, text = setting.partition("=")
    if not equals or not dotted.strip():
        raise ConfigError(f"setting {setting!r} is not of the form key=value, for example split.max_tokens=200")
    *sections, key = dotted.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"setting {setting!r}: {section!r} is a value, not a section")
    tree[key] = _value(text.strip())


def _value(text: str) -> Any:
    """A TOML value where it is one, else the text itself, so that `ocr.model=/models/x` needs no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(tree: Mapping[str, Any]) -> Config:
    """Types are pydantic's work; names are ours, because it can't say which key was meant."""
    try:
        return TypeAdapter(Config).validate_python(_known(Config, tree, ""))
    except ValidationError as e:
        first = e.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name} = {first['input']!r}: {first['msg'].lower()}") from e


def _known(cls: type, tree: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The same tree with sections checked for unknown keys, `a,b` made a tuple and `7` a text where one is wanted."""
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in tree.items():
        if key not in hints:
            raise ConfigError(
                f"unknown configuration key '{where}{key}'{nearest(key, list(hints))}{_homes(key, where)}"
                + (f" (known: {', '.join(hints)})" if where else "")
            )
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{key} is a section: write {key}.KEY=VALUE, or [{key}] in a TOML file")
            value = _known(typing.cast(type, hint), value, f"{where}{key}.")
        elif typing.get_origin(hint) is tuple and isinstance(value, str):
            value = tuple(item.strip() for item in value.split(",") if item.strip())
        elif hint in (str, str | None) and isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        values[key] = value
    return values


def _homes(key: str, where: str) -> str:
    """Names the sections that do have a key that was written at the top."""
    sections = {name: hint for name, hint in typing.get_type_hints(Config).items() if dataclasses.is_dataclass(hint)}
    homes = [f"{name}.{key}" for name, hint in sections.items() if key in {f.name for f in dataclasses.fields(hint)}]
    return f" (known as {', '.join(homes)})" if homes and not where else ""
