"""Bad input: one clear line that says what and what to do, the right exit code, and the rest of the run is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run, json_lines

ENGINE = ("--engine", "textlayer")


@pytest.fixture
def good(corpus: Path) -> Path:
    return corpus / "tide-gauges.pdf"


def test_a_wrong_path_alone_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    result = run("ingest", tmp_path / "nowhere.pdf", "--db", tmp_path / "db", *ENGINE, expect=2)
    assert "nowhere.pdf" in result.stderr
    assert not (tmp_path / "db").exists()


def test_an_empty_folder_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("ingest", tmp_path / "empty", "--db", tmp_path / "db", *ENGINE, expect=2)
    assert "empty" in result.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zero.pdf", b""),
        ("text.pdf", b"this is no PDF\n" * 10),
        ("cut.pdf", None),
        ("word.docx", b"PK\x03\x04 something else entirely"),
    ],
)
def test_a_bad_file_costs_itself_alone(run: Run, good: Path, tmp_path: Path, name: str, content: bytes | None) -> None:
    bad = tmp_path / name
    bad.write_bytes(good.read_bytes()[:200] if content is None else content)
    report = json_lines(run("ingest", bad, good, "--db", tmp_path / "db", *ENGINE, "--json", expect=3))[0]
    assert report["documents"] == {"added": 1, "failed": 1}
    assert [f["source"] for f in report["failures"]] == [str(bad)]
    assert report["failures"][0]["stage"] == "load"
    status = json_lines(run("status", "--db", tmp_path / "db", "--json"))[0]
    assert status["documents"] == 1
    assert [f["source"] for f in status["failures"]] == [str(bad)]


def test_a_wrong_path_beside_a_good_one_keeps_the_good_one(run: Run, good: Path, tmp_path: Path) -> None:
    report = json_lines(
        run("ingest", good, tmp_path / "nowhere.pdf", "--db", tmp_path / "db", *ENGINE, "--json", expect=3)
    )[0]
    assert report["documents"] == {"added": 1, "failed": 1}
    assert "nowhere.pdf" in report["failures"][0]["source"]


def test_a_run_with_failures_says_how_to_try_again(run: Run, tmp_path: Path, good: Path) -> None:
    (tmp_path / "zero.pdf").write_bytes(b"")
    said = run("ingest", tmp_path / "zero.pdf", good, "--db", tmp_path / "db", *ENGINE, expect=3).stderr
    assert f"rag-ingest retry --db {tmp_path / 'db'}" in said


def test_a_tiny_image_is_refused_with_its_size(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    report = json_lines(
        run("ingest", tmp_path / "dot.png", "--db", tmp_path / "db", "--engine", "layout", "--json", expect=3)
    )[0]
    assert "1" in report["failures"][0]["reason"]
    assert report["documents"] == {"failed": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "split.max_token=5"), "max_tokens"),
        (("--engine", "layuot"), "layout"),
        (("--config", "none.toml"), "none.toml"),
        (("--runner", "cloud"), "local"),
        (("--set", "embed.model=/nowhere/model"), "/nowhere/model"),
    ],
)
def test_a_wrong_option_says_which(run: Run, good: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run("ingest", good, "--db", tmp_path / "db", *arguments, expect=2)
    assert said in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("error:")]) == 1


def test_a_model_path_without_weights_names_what_is_missing(run: Run, good: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    result = run(
        "ingest",
        good,
        "--db",
        tmp_path / "db",
        "--engine",
        "lightonocr",
        "--set",
        f"ocr.model={tmp_path}/model",
        expect=2,
    )
    assert "safetensors" in result.stderr


def test_a_database_of_another_embedder_is_left_alone(run: Run, good: Path, tmp_path: Path, root: Path) -> None:
    from tests.cli.other_embedder import save_other_embedder

    model = save_other_embedder(tmp_path / "other")
    run("ingest", good, "--db", tmp_path / "db", *ENGINE)
    before = run("status", "--db", tmp_path / "db", "--json").stdout
    result = run("ingest", good, "--db", tmp_path / "db", *ENGINE, "--set", f"embed.model={model}", expect=2)
    assert "all-minilm-l6-v2" in result.stderr
    assert run("status", "--db", tmp_path / "db", "--json").stdout == before


def test_a_database_remembers_its_embedder(run: Run, good: Path, tmp_path: Path) -> None:
    from tests.cli.other_embedder import save_other_embedder

    model = save_other_embedder(tmp_path / "other")
    run("ingest", good, "--db", tmp_path / "db", *ENGINE, "--set", f"embed.model={model}")
    assert json_lines(run("search", "sea level", "--db", tmp_path / "db", "--json"))


@pytest.mark.parametrize("command", [("status",), ("search", "anything")])
def test_no_database_says_how_to_make_one(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    result = run(*command, "--db", tmp_path / "none", expect=2)
    assert "rag-ingest ingest" in result.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("where", ["colour = 'red'", "pages >", "1 = 1; drop"])
def test_a_wrong_filter_is_a_usage_error(run: Run, kb: Path, where: str) -> None:
    result = run("search", "tide", "--db", kb, "--where", where, expect=2)
    assert result.stderr.startswith("error:")


def test_an_empty_query_is_a_usage_error(run: Run, kb: Path) -> None:
    assert "empty" in run("search", " ", "--db", kb, expect=2).stderr
