"""A suite: which arms are compared on which dataset. Read from TOML; an unknown key is an error."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rag_ingest.config import load_config
from rag_ingest.errors import ConfigError
from rag_ingest.types import Embedder

FOLDER = "folder:"
"""In place of an engine: before the path of a folder with ready Markdown."""


class Arm(BaseModel):
    """One way from PDF to passages: engine x splitter x embedder x mode.

    Attributes:
        engine: a registered engine ("layout", "textlayer", "lightonocr", "server"); a plain reader ("pypdfium2",
            "pypdf-layout" with spaces between columns, "pymupdf4llm"); a source of ready Markdown of the dataset
            ("ground-truth", and "MinerU" of OHR-Bench); or "folder:PATH" with a file `DOCUMENT.md` each,
            from the suite's folder, else from where one is.
        splitter: "structure" (this project's), "sentence" (LlamaIndex's SentenceSplitter, fixed size),
            "markdown+sentence" (its MarkdownNodeParser before), or a peer: "docling-hybrid", "chonkie", "semchunk".
        embedder: a registered embedder; every splitter fills its own token budget.
        mode: how passages are ranked: "vector" is exact cosine, "text" BM25, "hybrid" both fused.
        rerank: a cross-encoder, a folder or a name on the hub, that orders the first `rerank_depth` anew.
        rerank_depth: passages that it reads for a question.
        split: `SplitOptions` of "structure", as in a configuration's `[split]`.
        wider: whether a hybrid search looks for words in the chunk before as well, as the product does ("structure").
        max_tokens: of a piece of the other splitters; 0 is the embedder's limit, which also caps any other value,
            unless the mode is "text", where nothing is embedded.
        overlap_tokens: of "sentence" and "markdown+sentence".
        header_path: whether "markdown+sentence" puts the headings above before each piece, LlamaIndex's default.
        by_page: whether the other splitters cut each page by itself, as OHR-Bench was published.
        optional: left out, with a line that says why, where its package, weights or server are missing or it can't run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    engine: str
    splitter: Literal["structure", "sentence", "markdown+sentence", "docling-hybrid", "chonkie", "semchunk"]
    embedder: str = "sentence-transformers"
    mode: Literal["vector", "text", "hybrid"] = "vector"
    rerank: str = ""
    rerank_depth: int = Field(default=50, ge=1)
    split: dict[str, Any] = Field(default_factory=dict)
    wider: bool = True
    max_tokens: int = Field(default=0, ge=0)
    overlap_tokens: int = Field(default=0, ge=0)
    header_path: bool = True
    by_page: bool = False
    optional: bool = False

    @model_validator(mode="after")
    def _own_options_only(self) -> Arm:
        foreign = {"max_tokens", "overlap_tokens", "header_path", "by_page"} & self.model_fields_set
        if self.splitter == "structure" and foreign:
            raise ValueError(f"splitter 'structure' has no {', '.join(sorted(foreign))}: its options stand in split")
        if self.splitter not in ("sentence", "markdown+sentence") and self.overlap_tokens:
            raise ValueError(f"splitter {self.splitter!r} has no overlap_tokens")
        if self.splitter != "structure" and self.split:
            raise ValueError(f"split holds options of splitter 'structure', not of {self.splitter!r}")
        if self.splitter != "structure" and "wider" in self.model_fields_set:
            raise ValueError(f"wider is an option of splitter 'structure', not of {self.splitter!r}")
        if self.max_tokens and self.overlap_tokens >= self.max_tokens:
            raise ValueError(f"overlap_tokens {self.overlap_tokens} must be less than max_tokens {self.max_tokens}")
        try:
            load_config(base={"split": self.split})
        except ConfigError as e:
            raise ValueError(str(e)) from e
        return self

    def token_limit(self, embedder: Embedder) -> int:
        """Most tokens of a piece of the other splitters."""
        if self.mode == "text" and not self.rerank:
            return self.max_tokens or embedder.max_tokens
        return min(self.max_tokens or embedder.max_tokens, embedder.max_tokens)


class Suite(BaseModel):
    """A comparison.

    Attributes:
        dataset: as `datasets.load_dataset` takes it: a name, or a format and a path.
        docs: papers of the dataset to use; empty means all.
        baseline: name of the arm that the others are compared with.
        budgets: retrieved tokens.
        primary_budget: the one that differences are tested at.
        lcs: whether OHR-Bench's published score is measured too, see `eval.lcs`.
        seed: of resampling.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    dataset: str
    baseline: str
    docs: tuple[str, ...] = ()
    budgets: tuple[int, ...] = (512, 1024, 2048)
    primary_budget: int = 1024
    lcs: bool = False
    seed: int = Field(default=0, ge=0)
    arms: tuple[Arm, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        names = [arm.name for arm in self.arms]
        if len(set(names)) != len(names):
            raise ValueError("two arms have the same name")
        if self.baseline not in names:
            raise ValueError(f"baseline {self.baseline!r} is no arm (arms: {', '.join(names)})")
        if any(arm.optional for arm in self.arms if arm.name == self.baseline):
            raise ValueError(f"baseline {self.baseline!r} can't be optional: the others are compared with it")
        if sorted(set(self.budgets)) != list(self.budgets):
            raise ValueError(f"budgets {list(self.budgets)} must rise, each once")
        if self.primary_budget not in self.budgets or min(self.budgets) < 1:
            raise ValueError(f"primary_budget {self.primary_budget} must be one of budgets, each 1 or more")
        return self


def load_suite(file: Path) -> Suite:
    """Reads a suite.

    Raises:
        ConfigError: no such file, no TOML, an unknown key or a value out of range.
    """
    try:
        suite = Suite.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as e:
        raise ConfigError(f"suite {file} can't be read: {e.strerror}") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"suite {file} is not TOML: {e}") from e
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "suite"
        raise ConfigError(f"suite {file}: {where}: {first['msg'].removeprefix('Value error, ')}") from e
    arms = [arm.model_copy(update={"engine": _beside(file, arm.engine)}) for arm in suite.arms]
    return suite.model_copy(update={"arms": tuple(arms)})


def _beside(file: Path, engine: str) -> str:
    """A folder of Markdown is looked for from the suite's folder first, as a dataset is."""
    place = file.parent / Path(engine.removeprefix(FOLDER)).expanduser()
    return f"{FOLDER}{place}" if engine.startswith(FOLDER) and place.is_dir() else engine
