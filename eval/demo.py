"""`make demo`, second half: asks the knowledge base three of the built-in corpus' questions, one of each kind."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from rag_ingest import search

SECTION_TOKENS = 320
"""Around the best chunk; a table is shown as the chunk itself, with the header that it repeats."""

QUESTIONS = Path(__file__).parent / "corpus" / "questions.jsonl"


def main() -> None:
    """Prints question, expected answer, and the section around the best chunk with its headings and pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", default="kb", help="folder of the knowledge base")
    db = parser.parse_args().db
    console = Console(highlight=False, markup=False)
    questions = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines() if line.strip()]
    for stratum in ("prose", "table", "formula"):
        question = next(q for q in questions if q["stratum"] == stratum)
        hit = search(question["question"], db, k=1, expand="section", expand_tokens=SECTION_TOKENS)[0]
        console.rule(style="dim")
        console.print(f"question  {question['question']}", style="bold")
        console.print(f"expected  {question['answer']}  ({question['doc']}, page {question['page']})")
        console.print(f"found in  {Path(hit.source).name}, page {', '.join(map(str, hit.pages))}")
        console.print(f"headings  {' > '.join(hit.headings)}", style="cyan")
        console.print()
        shown = f"{hit.context}\n{hit.text.strip()}" if "<" in hit.text else hit.expanded.strip()
        console.print("\n".join(f"    {line}" for line in shown.splitlines()), soft_wrap=True)
        console.print()


if __name__ == "__main__":
    main()
