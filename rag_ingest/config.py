"""TOML and `key=value` settings -> one frozen `Config`; an unknown key is an error that names the nearest one.

A section belongs to the options dataclass that stands beside its owner, so that a range is checked where it matters.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag_ingest.embed.http import HttpEmbedOptions
from rag_ingest.embed.sentence_transformers import EmbedOptions
from rag_ingest.errors import ConfigError
from rag_ingest.load.options import LoadOptions
from rag_ingest.ocr.layout import LayoutOptions
from rag_ingest.ocr.lightonocr import LightOnOcrOptions
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
    ocr: LightOnOcrOptions = field(default_factory=LightOnOcrOptions)
    server: ServerOptions = field(default_factory=ServerOptions)
    layout: LayoutOptions = field(default_factory=LayoutOptions)
    textlayer: TextLayerOptions = field(default_factory=TextLayerOptions)
    split: SplitOptions = field(default_factory=SplitOptions)
    embed: EmbedOptions = field(default_factory=EmbedOptions)
    embed_http: HttpEmbedOptions = field(default_factory=HttpEmbedOptions)
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def options_for(self, name: str) -> Any:
        """The options of a registered name: `lightonocr` reads `[ocr]`, a plug-in `[plugins.NAME]`."""
        section = _SECTIONS.get(name)
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
}


def load_config(file: str | Path | None = None, settings: Iterable[str] = (), **overrides: Any) -> Config:
    """Defaults, then the TOML file, then `section.key=value` settings, then keyword overrides that are not None.

    Raises:
        ConfigError: no such file, no TOML, an unknown key, a value of the wrong type or out of range.
    """
    tree = _read(Path(file)) if file is not None else {}
    for setting in settings:
        _apply(tree, setting)
    tree.update({key: value for key, value in overrides.items() if value is not None})
    return typing.cast(Config, _build(Config, tree, ""))


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


def _build(cls: type, tree: Mapping[str, Any], where: str) -> Any:
    known = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{where}{key}"
        if key not in known:
            raise ConfigError(f"unknown configuration key {name!r}{nearest(key, list(known))}{_elsewhere(key, where)}")
        values[key] = _coerce(hints[key], value, name)
    return cls(**values)


def _elsewhere(key: str, where: str) -> str:
    """Names the sections that do have the key."""
    if where:
        return ""
    homes = [
        f"{section.name}.{key}"
        for section in dataclasses.fields(Config)
        if callable(section.default_factory)
        and isinstance(section.default_factory, type)
        and dataclasses.is_dataclass(section.default_factory)
        and key in {f.name for f in dataclasses.fields(section.default_factory)}
    ]
    return f" (known as {', '.join(homes)})" if homes else ""


def _coerce(hint: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} is a section: write {name}.KEY=VALUE, or [{name}] in a TOML file")
        return _build(typing.cast(type, hint), value, f"{name}.")
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _union(typing.get_args(hint), value, name)
    if origin is typing.Literal:
        return _literal(typing.get_args(hint), value, name)
    if origin is tuple:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise ConfigError(f"{name} = {value!r} is not a list")
        item = typing.get_args(hint)[0]
        return tuple(_coerce(item, i.strip() if isinstance(i, str) else i, name) for i in items if i != "")
    return _scalar(origin or hint, value, name)


def _union(hints: tuple[Any, ...], value: Any, name: str) -> Any:
    problem: ConfigError | None = None
    for hint in hints:
        if hint is type(None):
            continue
        try:
            return _coerce(hint, value, name)
        except ConfigError as e:
            problem = problem or e
    raise problem or ConfigError(f"{name} takes no value")


def _literal(allowed: tuple[Any, ...], value: Any, name: str) -> Any:
    if value not in allowed:
        listed = ", ".join(repr(a) for a in allowed)
        raise ConfigError(f"{name} = {value!r} is not one of {listed}{nearest(str(value), [str(a) for a in allowed])}")
    return value


def _scalar(hint: Any, value: Any, name: str) -> Any:
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    wanted = Mapping if hint in (dict, Mapping) or typing.get_origin(hint) is Mapping else hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint in (int, float)):
        kind = getattr(hint, "__name__", str(hint))
        raise ConfigError(f"{name} = {value!r} is not of type {kind}")
    return value
