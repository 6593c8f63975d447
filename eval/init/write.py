"""The folder that `init` writes: questions, where the papers are, a suite to run, and what to keep in mind."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from shlex import quote

from eval.datasets.interface import STRATA
from eval.init.make import Made
from rag_ingest.errors import ConfigError

BIASES = (
    "Known-item questions (stratum prose) are made of the evidence's own words: they favour lexical search (BM25, "
    "hybrid) over vectors, and say little about paraphrases. Compare arms of the same mode.",
    "They ask for sentences with rare words; typical sentences are not asked for.",
    "Table questions repeat caption, column and row label: an arm that keeps these beside the value is favoured, as it "
    "would be by someone who looks the value up.",
    "Formula questions repeat words of the sentence before the formula: a splitter that cuts between the two loses.",
    "Papers without TeX or JATS give known-item questions alone, from the PDF's own text layer: such evidence favours "
    "the text layer, and what it garbles is not asked for. Scans without a text layer give none.",
    "Nobody has read the questions: look at a sample, and take differences under a few points for nothing.",
)
"""What a reader of the figures must know; written beside the questions and to stderr."""

SUITE = """\
# Questions made by rules: README.md beside this file says what they favour.
name = {name}
dataset = "jsonl:."
baseline = "textlayer + sentence"

# The common way: the PDF's own text, cut to a fixed size.
[[arms]]
name = "textlayer + sentence"
engine = "textlayer"
splitter = "sentence"
overlap_tokens = 50
mode = "hybrid"

[[arms]]
name = "layout + structure"
engine = "layout"
splitter = "structure"
mode = "hybrid"
"""


def write(made: Made, folder: Path, out: Path, seed: int) -> None:
    """Writes `questions.jsonl`, `dataset.json`, `suite.toml` and `README.md`.

    Args:
        made: by `eval.init.make`.
        folder: of the PDFs.
        out: made when missing; what an earlier call wrote is replaced.
        seed: that was used.

    Raises:
        ConfigError: the folder can't be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made.rows)
        (out / "questions.jsonl").write_text(lines, encoding="utf-8")
        _write_json(out / "dataset.json", made, out, seed)
        name = json.dumps(folder.resolve().name, ensure_ascii=False)
        (out / "suite.toml").write_text(SUITE.format(name=name), encoding="utf-8")
        (out / "README.md").write_text(_readme(made, folder, out), encoding="utf-8")
    except OSError as e:
        raise ConfigError(f"{out} can't be written: {e.strerror}: {e.filename}") from e


def counts(made: Made) -> str:
    """`12 prose, 3 table, 0 formula`."""
    found = Counter(row["stratum"] for row in made.rows)
    return ", ".join(f"{found[stratum]} {stratum}" for stratum in STRATA)


def _write_json(file: Path, made: Made, out: Path, seed: int) -> None:
    paths = {name: Path(os.path.relpath(pdf.resolve(), out.resolve())).as_posix() for name, pdf in made.pdfs.items()}
    content = {
        "documents": paths,
        "made_from": dict(made.kinds),
        "left_out": dict(made.lost),
        "seed": seed,
        "biases": list(BIASES),
    }
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _readme(made: Made, folder: Path, out: Path) -> str:
    kinds = Counter(made.kinds.values())
    read = ", ".join(f"{n} from {kind}" for kind, n in sorted(kinds.items()))
    biases = "\n".join(f"- {bias}" for bias in BIASES)
    return (
        f"# Questions about the papers of {folder.resolve().name}\n\n"
        f"{len(made.rows)} questions ({counts(made)}) about {len(made.pdfs)} papers ({read}), made by rules and by "
        f"nobody's judgement.\n\n    python -m eval run {quote(out.resolve().name + '/suite.toml')} --out results\n\n"
        f"## What they favour\n\n{biases}\n"
    )
