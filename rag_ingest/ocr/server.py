"""Pages sent to a server that serves LightOnOCR (vLLM, SGLang, llama.cpp, `transformers serve`), many in flight.

One request a page: the image alone, no text, because text degrades the output or is echoed. Images are encoded as they
are sent, so memory holds `max_in_flight` of them at most, however many pages are asked for.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from rag_ingest.errors import ConfigError, OcrError, OcrTimeout, RagIngestError
from rag_ingest.http import EndpointOptions, HttpClient
from rag_ingest.ocr.checks import guards
from rag_ingest.ocr.conventions import read_conventions
from rag_ingest.ocr.fallback import Fallback
from rag_ingest.ocr.guarded import GuardOptions
from rag_ingest.ocr.ladder import Attempt, Broken, Outcome, broke_down, climb, proof_image, step
from rag_ingest.ocr.lightonocr_input import RENDERING, frame_pt, picture
from rag_ingest.ocr.loops import loop_facts
from rag_ingest.ocr.models import OF_THE_VARIANT, full_name, take_defaults
from rag_ingest.ocr.server_alive import Alive
from rag_ingest.ocr.server_answer import Answer, Chunk, Completion, followed, whole
from rag_ingest.ocr.server_faults import refuses_to_stream, where_to
from rag_ingest.types import Failure, Page, PageMarkdown

if TYPE_CHECKING:
    from concurrent.futures import Future

    import anyio
    from PIL.Image import Image

__all__ = ["ServerEngine", "ServerOptions"]

_OUTPUT_VERSION = 3  # counts up when this code changes what it makes of the same answer
_HINT = (
    "start one with `vllm serve lightonai/LightOnOCR-2-1B --limit-mm-per-prompt '{\"image\": 1}' "
    "--mm-processor-cache-gb 0 --no-enable-prefix-caching`, or read without a server: --engine layout"
)
_WAYS: Final[Sequence[dict[str, Any]]] = (
    {"stream": True, "stream_options": {"include_usage": True}},
    {"stream": True},
    {"stream": False},
)
"""How an answer is asked for; the next one where a server refuses a word of it."""


@dataclass(frozen=True, kw_only=True)
class ServerOptions(GuardOptions, EndpointOptions):
    """Options of the `server` engine, beside those of every endpoint and of the guards.

    `model` may be a short name of `models.VARIANTS`, whose generation is taken where none is given. 64 pages in flight
    and 600 s are those of LightOn's published throughput.

    Attributes:
        max_new_tokens: a page's limit.
        temperature: 0 is greedy, and then `top_p` and `seed` are not sent.
        top_p: nucleus sampling.
        seed: of the sampling; none when not set.
        image_format: "png" (level 1) sends the very pixels that the `lightonocr` engine sees. "jpeg" (quality 95,
            4:4:4) alters them slightly and takes a fifth of the processor time (on 18 pages of arXiv papers 7 ms a
            page instead of 37), but not less network (554 kB a page instead of 394): for clients short of processor.
        stream: answers are read while they are written, so that a loop ends its request some 100 tokens after it
            began instead of at `max_new_tokens`. A server that can't is asked without. It costs the client some 30 to
            80 ms of processor time for 1,000 tokens, an event each.
    """

    model: str = "lightonai/LightOnOCR-2-1B"
    max_new_tokens: int = OF_THE_VARIANT
    temperature: float = OF_THE_VARIANT
    top_p: float = OF_THE_VARIANT
    seed: int | None = None
    image_format: Literal["png", "jpeg"] = "png"
    stream: bool = True

    _section = "server"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "model", full_name(self.model))
        take_defaults(self, self.model, "max_new_tokens", "temperature", "top_p")
        if not self.model:
            raise ConfigError("server.model must name what the server serves, for example lightonai/LightOnOCR-2-1B")
        self._check_range("max_new_tokens", 1, 131_072)
        self._check_range("temperature", 0, 2)
        self._check_range("top_p", 0.001, 1)
        if self.image_format not in {"png", "jpeg"}:
            raise ConfigError(f"server.image_format must be png or jpeg, not {self.image_format!r}")
        self.check_guards("server")


class ServerEngine:
    """`types.FlowingEngine` over `/chat/completions`.

    A page that the server refuses, answers with something else than a completion, or does not answer in time climbs
    the ladder (see `ladder`), once the server has answered one token to an empty sheet. Where it has not, the page is
    a `Failure`, and so is a page for which the server stays busy or drops every connection; `check()` finds a server
    that was never there before the first page.

    A request that timed out is sent again while `page_budget_s` lasts. `transformers serve` works on one page at a
    time: give it a `timeout_s` that covers a whole batch, or few `max_in_flight`.
    """

    name = "server"
    needs_image = True

    def __init__(self, options: ServerOptions | None = None) -> None:
        self.options = options or ServerOptions()
        self._client = HttpClient(self.options, error=OcrError, timeout_error=OcrTimeout)
        self._fallback = Fallback()
        self._alive = Alive(self._reads_anything)
        self._way = 0 if self.options.stream else len(_WAYS) - 1
        self._checks = guards(self.options.scripts, text_layer=self.options.witness)

    @property
    def fingerprint(self) -> str:
        """16 hex digits over the model's name, generation, rendering and encoding; not over the address.

        A server can change its weights under one name: it takes another name, or another database, to notice.
        """
        deciding = {
            "engine": self.name,
            "output": _OUTPUT_VERSION,
            "rendering": RENDERING,
            "image_format": self.options.image_format,
            "guards": self.options.guard_settings(),
            **self._generation(self.options.temperature),
        }
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def batch_size(self) -> int:
        """As many pages as may be in flight."""
        return self.options.max_in_flight

    def check(self) -> None:
        """Asks the server what it serves, before any page is rendered.

        Raises:
            ConfigError: no server answers, it refuses the key, or it does not list the model.
        """
        self._client.check(_HINT)

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        """Same length and order as `pages`; interrupting it cancels the requests under way."""
        return self._client.map(self._recognize, pages)

    def begin(self, page: Page) -> Future[PageMarkdown | Failure]:
        """One page, as soon as fewer than `max_in_flight` are under way; cancelling it cancels its requests."""
        return self._client.start(self._recognize, page)

    def configure_fallback(self, options_for: Callable[[str], Any]) -> None:
        """Tells the options of the engines that pages fall back to, by name; without it they have their defaults."""
        self._fallback.options_for = options_for

    def close(self) -> None:
        """Cancels what was begun and closes the connections; a second call does nothing."""
        self._client.close()
        self._fallback.close()

    async def _recognize(self, page: Page) -> PageMarkdown | Failure:
        try:
            return await self._climbed(page)
        except RagIngestError:
            raise
        except Exception as e:
            return broke_down(page, e)

    async def _climbed(self, page: Page) -> PageMarkdown | Failure:
        """One page up the ladder; what computes does so outside the event loop."""
        blank = PageMarkdown(page.doc_id, page.number, "", self.name, self.fingerprint)
        climbing = climb(page, self.options, self.options.temperature, self._checks, blank)
        outcome: Outcome | None = None
        while True:
            result, attempt = await self._client.in_thread(lambda came: step(climbing, came), outcome)
            if attempt is None:
                assert result is not None
                return result
            outcome = await (self._fall_back(attempt) if attempt.engine else self._attempt(attempt))

    async def _fall_back(self, attempt: Attempt) -> Outcome:
        async with self._one_at_a_time:  # waiting in threads would keep those that encode images
            return await self._client.in_thread(self._fallback.read, attempt)

    @cached_property
    def _one_at_a_time(self) -> anyio.Lock:
        from anyio import Lock

        return Lock()

    async def _attempt(self, attempt: Attempt) -> Outcome:
        began = time.perf_counter()
        try:
            url = await self._client.in_thread(self._picture, attempt)
        except OcrError as e:
            return Broken(str(e), "nowhere" if attempt.page.image is None else "elsewhere")
        try:
            answer = await self._ask(attempt, url)
        except OcrError as e:
            seconds, where = time.perf_counter() - began, where_to(e)
            climbs = where != "nowhere" and (self.options.retries or self.options.fallback != "none")
            return Broken(str(e), where if climbs and await self._alive.now() else "nowhere", seconds)
        seconds = time.perf_counter() - began
        return await self._client.in_thread(lambda said: self._read(attempt, said, seconds), answer)

    async def _ask(self, attempt: Attempt, url: str) -> Answer:
        """Streams where the server can; what it refused once is not asked again."""
        path, way = "/chat/completions", self._way
        while True:
            body = await self._client.in_thread(lambda asked: self._body(attempt, url, asked), _WAYS[way])
            try:
                if _WAYS[way]["stream"]:
                    reply = await self._client.stream(
                        path, body, Chunk, followed, Completion, within_s=attempt.budget_s
                    )
                else:
                    reply = await self._client.post(path, body, Completion, within_s=attempt.budget_s)
            except OcrError as e:
                if way + 1 == len(_WAYS) or not refuses_to_stream(e):
                    raise
                way += 1
                continue
            self._way = max(self._way, way)
            return reply if isinstance(reply, Answer) else await self._client.in_thread(whole, reply)

    async def _reads_anything(self) -> bool:
        generation = {**self._generation(0.0), "max_tokens": 1, "stream": False}
        body = json.dumps({**generation, "messages": [_message(_data_url(proof_image(), "png"))]}).encode()
        try:
            reply = await self._client.once("/chat/completions", body, Completion, self.options.connect_timeout_s)
        except OcrError:
            return False
        return bool(reply.choices)

    def _read(self, attempt: Attempt, answer: Answer, seconds: float) -> PageMarkdown:
        page = attempt.page
        assert page.image is not None
        written = read_conventions(answer.text, frame_pt(page.image, page.size_pt, attempt.scale))
        tokens = {} if answer.new_tokens is None else {"new_tokens": answer.new_tokens}
        boxes = {"bad_boxes": list(written.bad_boxes)} if written.bad_boxes else {}
        return PageMarkdown(
            page.doc_id,
            page.number,
            written.markdown,
            self.name,
            self.fingerprint,
            finish_reason=answer.finish_reason,
            checks={**tokens, **loop_facts(answer.loop), **boxes},
            figures=written.figures,
            seconds=seconds,
        )

    def _generation(self, temperature: float, attempt: int = 0) -> dict[str, Any]:
        options = self.options
        chosen: dict[str, Any] = {
            "model": options.model,
            "max_tokens": options.max_new_tokens,  # the older name: every server knows it
            "temperature": temperature,
        }
        if temperature > 0:
            chosen["top_p"] = options.top_p
            if options.seed is not None:
                chosen["seed"] = options.seed + attempt
        return chosen

    def _picture(self, attempt: Attempt) -> str:
        return _data_url(picture(attempt.page, attempt.scale), self.options.image_format)

    def _body(self, attempt: Attempt, url: str, way: dict[str, Any]) -> bytes:
        generation = self._generation(attempt.temperature, attempt.number)
        return json.dumps({**generation, "messages": [_message(url)], **way}).encode()


def _message(url: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}


def _data_url(image: Image, image_format: str) -> str:
    return f"data:image/{image_format};base64,{base64.b64encode(_encode(image, image_format)).decode()}"


def _encode(image: Image, image_format: str) -> bytes:
    buffer = io.BytesIO()
    if image_format == "png":
        image.save(buffer, "PNG", compress_level=1)
    else:
        image.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
