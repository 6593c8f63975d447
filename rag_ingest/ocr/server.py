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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from rag_ingest.errors import ConfigError, OcrError, OcrTimeout
from rag_ingest.http import EndpointOptions, HttpClient
from rag_ingest.ocr.checks import guards
from rag_ingest.ocr.conventions import read_conventions
from rag_ingest.ocr.guarded import Attempt, Fallback, GuardOptions, climb, step
from rag_ingest.ocr.lightonocr_input import RENDERING, frame_pt, prepare
from rag_ingest.ocr.loops import loop_facts, without_loop
from rag_ingest.types import Failure, Page, PageMarkdown

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ServerEngine", "ServerOptions"]

_OUTPUT_VERSION = 2  # counts up when this code changes what it makes of the same answer
_HINT = (
    "start one with `vllm serve lightonai/LightOnOCR-2-1B --limit-mm-per-prompt '{\"image\": 1}' "
    "--mm-processor-cache-gb 0 --no-enable-prefix-caching`, or read without a server: --engine layout"
)
# Why a reply ended -> our word. With any other reason the text can't be trusted to be whole.
_FINISHED: dict[str | None, Literal["stop", "length"]] = {None: "stop", "stop": "stop", "length": "length"}


@dataclass(frozen=True, kw_only=True)
class ServerOptions(GuardOptions, EndpointOptions):
    """Options of the `server` engine, beside those of every endpoint and of the guards.

    The defaults of generation are those that LightOn recommends for LightOnOCR-2; 64 pages in flight and 600 s are
    those of its published throughput.

    Attributes:
        max_new_tokens: a page's limit; 1,024 cuts dense pages.
        temperature: 0 is greedy, and then `top_p` and `seed` are not sent.
        top_p: nucleus sampling.
        seed: of the sampling; none when not set.
        image_format: "png" (level 1) sends the very pixels that the `lightonocr` engine sees. "jpeg" (quality 95,
            4:4:4) alters them slightly and takes a fifth of the processor time (on 18 pages of arXiv papers 7 ms a
            page instead of 37), but not less network (554 kB a page instead of 394): for clients short of processor.
    """

    model: str = "lightonai/LightOnOCR-2-1B"
    max_new_tokens: int = 4096
    temperature: float = 0.2
    top_p: float = 0.9
    seed: int | None = None
    image_format: Literal["png", "jpeg"] = "png"

    _section = "server"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model:
            raise ConfigError("server.model must name what the server serves, for example lightonai/LightOnOCR-2-1B")
        self._check_range("max_new_tokens", 1, 131_072)
        self._check_range("temperature", 0, 2)
        self._check_range("top_p", 0.001, 1)
        if self.image_format not in {"png", "jpeg"}:
            raise ConfigError(f"server.image_format must be png or jpeg, not {self.image_format!r}")
        self.check_guards("server")


class _Message(BaseModel):
    content: str


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    completion_tokens: int


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None


class ServerEngine:
    """`types.Engine` over `/chat/completions`.

    A page that the server refuses, answers with something else than a completion, or does not answer within all
    attempts is a `Failure`, a server that is gone included; `check()` finds that before the first page.

    A page that timed out is sent again. `transformers serve` first finishes what the client gave up (it works on one
    page at a time), so give it a `timeout_s` that covers a whole batch, or few `max_in_flight`.
    """

    name = "server"
    needs_image = True

    def __init__(self, options: ServerOptions | None = None) -> None:
        self.options = options or ServerOptions()
        self._client = HttpClient(self.options, error=OcrError, timeout_error=OcrTimeout)
        self._fallback = Fallback()
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

    def close(self) -> None:
        """Closes the connections; a second call does nothing."""
        self._client.close()
        self._fallback.close()

    async def _recognize(self, page: Page) -> PageMarkdown | Failure:
        """One page up the ladder of `guarded`; what computes does so outside the event loop."""
        blank = PageMarkdown(page.doc_id, page.number, "", self.name, self.fingerprint)
        climbing = climb(page, self.options, self.options.temperature, self._checks, blank)
        result: PageMarkdown | Failure | None = None
        while True:
            result, attempt = await self._client.in_thread(lambda came: step(climbing, came), result)
            if attempt is None:
                assert result is not None
                return result
            if attempt.engine:
                result = await self._client.in_thread(self._fallback.read, attempt)
            else:
                result = await self._attempt(attempt)

    async def _attempt(self, attempt: Attempt) -> PageMarkdown | Failure:
        began, page = time.perf_counter(), attempt.page
        try:
            body = await self._client.in_thread(self._body, attempt)
            reply = await self._client.post("/chat/completions", body, _Completion)
            if not reply.choices:
                raise OcrError("the server's reply has no choices")
            choice = reply.choices[0]
            if choice.finish_reason not in _FINISHED:
                raise OcrError(f"the server stopped early: finish_reason {choice.finish_reason!r}")
        except OcrError as e:
            return Failure("", page.number, "ocr", str(e), page.doc_id)
        read = await self._client.in_thread(lambda text: self._read(page, text), choice.message.content)
        tokens = {} if reply.usage is None else {"new_tokens": reply.usage.completion_tokens}
        return replace(
            read,
            finish_reason="length" if "loop" in read.checks else _FINISHED[choice.finish_reason],
            checks={**tokens, **read.checks},
            seconds=time.perf_counter() - began,
        )

    def _read(self, page: Page, answer: str) -> PageMarkdown:
        """A reply comes whole, so a loop is found afterwards, and costs up to `max_new_tokens`."""
        assert page.image is not None
        text, loop = without_loop(answer)
        written = read_conventions(text, frame_pt(page.image, page.size_pt))
        boxes = {"bad_boxes": list(written.bad_boxes)} if written.bad_boxes else {}
        return PageMarkdown(
            page.doc_id,
            page.number,
            written.markdown,
            self.name,
            self.fingerprint,
            checks={**loop_facts(loop), **boxes},
            figures=written.figures,
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

    def _body(self, attempt: Attempt) -> bytes:
        if attempt.page.image is None:
            raise OcrError("the page has no image, and this engine reads nothing else")
        try:
            encoded = _encode(prepare(attempt.page.image, attempt.scale), self.options.image_format)
        except (OSError, ValueError) as e:  # PIL reads lazily: a damaged image shows here
            raise OcrError(f"the page's image can't be read: {e}") from e
        url = f"data:image/{self.options.image_format};base64,{base64.b64encode(encoded).decode()}"
        content = [{"type": "image_url", "image_url": {"url": url}}]
        generation = self._generation(attempt.temperature, attempt.number)
        message = {"role": "user", "content": content}
        return json.dumps({**generation, "messages": [message], "stream": False}).encode()


def _encode(image: Image, image_format: str) -> bytes:
    buffer = io.BytesIO()
    if image_format == "png":
        image.save(buffer, "PNG", compress_level=1)
    else:
        image.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
