"""Configuration: defaults, TOML, settings; a typo never passes silently."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.config import Config, load_config
from rag_ingest.errors import ConfigError


def test_nothing_given_is_the_default() -> None:
    assert load_config() == Config()


def test_settings_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('engine = "layout"\n[split]\nmax_tokens = 200\n[ocr]\nbatch_size = 3\n')
    config = load_config(file, ["split.max_tokens=100"], engine="textlayer")
    assert (config.engine, config.split.max_tokens, config.ocr.batch_size) == ("textlayer", 100, 3)


def test_text_needs_no_quotes() -> None:
    assert load_config(settings=["ocr.model=/models/mine"]).ocr.model == "/models/mine"


def test_a_list_is_written_with_commas() -> None:
    assert load_config(settings=["split.exclude_kinds=reference,footnote"]).split.exclude_kinds == (
        "reference",
        "footnote",
    )


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("split.max_token=5", "did you mean 'max_tokens'"),
        ("splitt.max_tokens=5", "did you mean 'split'"),
        ("max_tokens=5", "split.max_tokens"),
        ("split.max_tokens=many", "split.max_tokens"),
        ("split=5", "is a section"),
        ("split.max_tokens", "key=value"),
        ("ocr.temperature=-1", "temperature"),
    ],
)
def test_a_wrong_setting_says_which_and_what_to_do(setting: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(settings=[setting])


def test_a_missing_or_broken_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("engine = ")
    with pytest.raises(ConfigError, match="not TOML"):
        load_config(tmp_path / "broken.toml")


@given(st.text(min_size=1))
@settings(deadline=None)
def test_any_unknown_key_is_a_configuration_error(key: str) -> None:
    if key in {f.name for f in dataclasses.fields(Config)}:
        return
    with pytest.raises(ConfigError):
        load_config(base={key: 1})


def test_shipped_files_load(root: Path) -> None:
    files = sorted((root / "configs").glob("*.toml"))
    assert {f.stem for f in files} >= {"default", "lightonocr", "server"}
    for file in files:
        load_config(file)


def test_default_file_is_the_default(root: Path) -> None:
    assert load_config(root / "configs" / "default.toml") == Config()
