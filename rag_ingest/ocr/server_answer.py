"""What a server of completions answers, whole or in pieces, and the text that is kept of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel

from rag_ingest.errors import OcrError
from rag_ingest.http import RequestFailed
from rag_ingest.ocr.loops import Loop, without_loop
from rag_ingest.ocr.server_watch import TextWatch

# Why an answer ended -> our word. With any other reason the text can't be trusted to be whole.
_FINISHED: dict[str | None, Literal["stop", "length"]] = {None: "stop", "stop": "stop", "length": "length"}
_AFTERWARDS_S: Final = 5.0  # for the count of tokens, and for the end of the body, after the last word


class _Message(BaseModel):
    content: str | None = None  # some servers write an empty answer so


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    completion_tokens: int


class Completion(BaseModel):
    """The reply to a request that does not stream."""

    choices: list[_Choice]
    usage: _Usage | None = None


class _Delta(BaseModel):
    content: str | None = None


class _Piece(BaseModel):
    delta: _Delta | None = None
    finish_reason: str | None = None


class Chunk(BaseModel):
    """One event of a reply that streams; without choices it carries the usage alone."""

    choices: list[_Piece]
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was written for a page.

    Attributes:
        text: up to the end of a loop's first copy.
        finish_reason: "length" where a loop was cut.
        new_tokens: as the server counts; None where it does not say, as for an answer that was ended.
        loop: in `loops.pieces`.
        written: characters that came before the answer ended or was ended.
    """

    text: str
    finish_reason: Literal["stop", "length"]
    new_tokens: int | None
    loop: Loop | None
    written: int


def whole(reply: Completion) -> Answer:
    """An answer that came at once: a loop in it is found afterwards, and has cost up to `max_new_tokens`.

    Raises:
        OcrError: there is no answer in it, or it ended for a reason that leaves its text in doubt.
    """
    if not reply.choices:
        raise OcrError("the server's reply has no choices")
    choice = reply.choices[0]
    written = choice.message.content or ""
    text, loop = without_loop(written)
    return _answer(text, loop, choice.finish_reason, reply.usage, len(written))


async def followed(chunks: AsyncIterator[Chunk]) -> Answer:
    """An answer as it is written; it stops reading when a loop is sure.

    Raises:
        OcrError: it ended for a reason that leaves its text in doubt, or nothing was ever chosen.
        RequestFailed: the stream broke off before a reason to end was given.
    """
    from anyio import move_on_after

    watch, usage, reason, chosen = TextWatch(), None, None, False
    async for chunk in chunks:
        usage = chunk.usage or usage
        for piece in chunk.choices[:1]:
            chosen, reason = True, piece.finish_reason
            if watch.add((piece.delta and piece.delta.content) or ""):
                return _answer(watch.end(), watch.loop, None, None, watch.chars)
        if reason is not None:
            break
    if not chosen:
        raise OcrError("the server's reply has no choices")
    with move_on_after(_AFTERWARDS_S), suppress(RequestFailed):  # the text is whole: the rest may go missing
        async for chunk in chunks:
            usage = chunk.usage or usage
    return _answer(watch.end(), watch.loop, reason, usage, watch.chars)


def _answer(text: str, loop: Loop | None, reason: str | None, usage: _Usage | None, written: int) -> Answer:
    if reason not in _FINISHED:
        raise OcrError(f"the server stopped early: finish_reason {reason!r}")
    tokens = None if usage is None else usage.completion_tokens
    return Answer(text, "length" if loop else _FINISHED[reason], tokens, loop, written)
