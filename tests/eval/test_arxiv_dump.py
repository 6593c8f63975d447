"""The benchmark of dumps runs, and measures what it says."""

from __future__ import annotations

from eval.arxiv_dump import measure


def test_every_step_is_measured(tmp_path):
    figures = dict(measure(tmp_path, members=5, lines=40))
    assert figures["dump"].startswith("5 members")
    assert figures["metadata"].startswith("40 lines")
    assert {"list, by headers", "md5 of the whole dump", "open from the dump, metadata joined"} <= set(figures)
