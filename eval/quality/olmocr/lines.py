"""What `score` found, as lines to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def lines(scored: Mapping[str, Any], *, failures: bool) -> Iterator[str]:
    """A table by type of test and over all; then each test that failed, if asked for."""
    yield f"{'type':10}{'tests':>7}{'passed':>8}{'rate':>8}   95 % interval over PDFs"
    for name, found in [*scored["by_type"].items(), ("all", scored)]:
        interval = f"{found['low']:.3f} to {found['high']:.3f}"
        yield f"{name:10}{found['n']:7}{found['passed']:8}{found['pass_rate']:8.3f}   {interval}"
    files = ", ".join(f"{name} {found['pass_rate']:.3f}" for name, found in scored["by_file"].items())
    yield f"overall {scored['overall']:.3f}: mean over files of tests ({files})"
    yield f"formulas compared by {scored['math']}"
    written = ", ".join(f"{count} by {writer}" for writer, count in scored["writers"].items())
    yield f"pages: {written or 'none'}; {len(scored['lost'])} lost"
    for failure in scored["failures"] if failures else ():
        yield f"{failure['id']} ({failure['type']}; {failure['pdf']}, page {failure['page']}): {failure['why']}"
