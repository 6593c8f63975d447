"""Imports point one way: cli, llamaindex, eval -> runners, pipeline, config -> registry -> stages -> types, errors."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

STAGES = {"load", "ocr", "parse", "split", "embed", "store"}
FOUNDATION = {"types", "errors", "http"}
RANK: dict[str, float] = {
    **dict.fromkeys(FOUNDATION, 0),
    "http": 0.5,
    **dict.fromkeys(STAGES, 1),
    "registry": 2,
    "config": 3,
    "report": 3,
    "stages": 3,
    "pipeline": 4,
    "runners": 5,
    "api": 6,
    "citing": 3,
    "console": 7,
    "hits": 8,
    "doctor": 8,
    "ocr_output": 8,
    "llamaindex": 8,
    "inspect": 8,
    "commands": 9,
    "cli": 10,
    "": 6,
}
HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "ray",
    "onnxruntime",
    "llama_index",
    "lancedb",
    "cv2",
    "numpy",
)


def imports_of(file: Path) -> set[str]:
    """Full names of the `rag_ingest` modules that a file imports, wherever in it they stand."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] == "rag_ingest"}


def part_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in RANK else ""


def python_files(root: Path) -> list[Path]:
    return sorted((root / "rag_ingest").rglob("*.py"))


def test_every_module_has_a_place(root: Path) -> None:
    names = {f.relative_to(root / "rag_ingest").parts[0].removesuffix(".py") for f in python_files(root)}
    assert names - {"__init__"} <= set(RANK)


def test_no_upward_import(root: Path) -> None:
    wrong = []
    for file in python_files(root):
        own = part_of("rag_ingest." + file.relative_to(root / "rag_ingest").parts[0].removesuffix(".py"))
        if file.parent == root / "rag_ingest" and file.name == "__init__.py":
            continue  # the lazy public names
        for module in imports_of(file):
            other = part_of(module)
            if other == own:
                continue
            allowed = RANK[other] < RANK[own] and not (own in STAGES and other not in FOUNDATION)
            if not allowed:
                wrong.append(f"{file.relative_to(root)} imports {module}")
    assert not wrong, "\n".join(wrong)


MEASURE_INSIDES = {
    "eval/boxes.py": "ocr",
    "eval/drafting.py": "ocr",
    "eval/drafting_cases.py": "ocr",
    "eval/drafting_targets.py": "ocr",
    "eval/guards.py": "ocr",
    "eval/kill_child.py": "store",
    "eval/orientation.py": "ocr",
    "eval/store.py": "store",
    "eval/store_rows.py": "store",
    "eval/rerank.py": "embed",
    "eval/throughput.py": "ocr",
    "eval/witness.py": "ocr",
}
"""What an evaluation of a stage's own functions may import besides: that stage."""


def test_eval_uses_public_names_only(root: Path) -> None:
    public = {"Config", "Pipeline", "ingest", "ocr", "search", "split_markdown"}
    modules = {"types", "errors", "llamaindex", "registry"}
    for file in sorted((root / "eval").rglob("*.py")):
        inside = MEASURE_INSIDES.get(file.relative_to(root).as_posix(), "")
        for module in imports_of(file):
            name = module.split(".")[1] if "." in module else ""
            if inside and module.startswith(f"rag_ingest.{inside}."):
                continue
            assert name != "ocr" or module == "rag_ingest.ocr", f"{file.relative_to(root)} imports {module}"
            assert name in public | modules | {"", "config"}, f"{file.relative_to(root)} imports {module}"


@pytest.mark.parametrize("module", ["rag_ingest", "rag_ingest.cli", "rag_ingest.types", "rag_ingest.registry"])
def test_heavy_packages_stay_out_of_start_up(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert loaded == "[]"


def test_configuration_imports_no_model_package() -> None:
    heavy = ("torch", "transformers", "sentence_transformers", "onnxruntime", "llama_index", "lancedb")
    code = f"import sys, rag_ingest.config; print([m for m in {heavy!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert loaded == "[]"
