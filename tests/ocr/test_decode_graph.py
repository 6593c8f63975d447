"""Which shapes of a step are captured, kept and let go; captures themselves need CUDA (see `test_decode_loop`)."""

from __future__ import annotations

import pytest
import torch

from rag_ingest.ocr.decode_graph import MOST_GRAPHS, Captured, _Graph


class Replay:
    """Stands for a CUDA graph: it runs the pass again on the tensors that it was captured with."""

    def __init__(self, tokens: torch.Tensor, lengths: torch.Tensor, hidden: torch.Tensor) -> None:
        self.tokens, self.lengths, self.hidden = tokens, lengths, hidden

    def replay(self) -> None:
        self.hidden.copy_(forward(self.tokens, self.lengths, 0))


def forward(tokens: torch.Tensor, lengths: torch.Tensor, reach: int) -> torch.Tensor:
    return (tokens + lengths[:, None]).float()[:, :, None]


def run(captured: Captured, reach: int, value: int = 1) -> None:
    tokens, lengths = torch.full((2, 3), value), torch.tensor([10, 20])
    assert torch.equal(captured(tokens, lengths, reach), forward(tokens, lengths, reach))


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The reach of each capture."""
    made: list[int] = []

    def capture(self: Captured, tokens: torch.Tensor, lengths: torch.Tensor, reach: int) -> _Graph:
        made.append(reach)
        hidden = torch.zeros(2, 3, 1)
        return _Graph(Replay(tokens, lengths, hidden), tokens, lengths, hidden)

    monkeypatch.setattr(Captured, "_capture", capture)
    return made


def test_a_shape_is_captured_when_it_comes_again(captures: list[int]) -> None:
    captured = Captured(forward)
    for value, reach in enumerate([256, 512, 256, 256, 768, 512, 256]):
        run(captured, reach, value)
    assert captures == [256, 512]


def test_graphs_are_bounded_and_the_one_used_last_stays(captures: list[int]) -> None:
    captured = Captured(forward)
    for reach in range(MOST_GRAPHS + 20):
        for again in (reach, reach, 0):
            run(captured, again)
    assert len(captured._graphs) == MOST_GRAPHS
    assert captures.count(0) == 1, "it was used at every turn"
    run(captured, 1)
    assert captures.count(1) == 2, "it had gone"


def test_a_capture_that_fails_costs_the_graphs_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def capture(*_: object) -> _Graph:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(Captured, "_capture", capture)
    captured = Captured(forward)
    for _ in range(4):
        run(captured, 256)
    run(captured, 512)
    run(captured, 512)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].endswith("capturing")
