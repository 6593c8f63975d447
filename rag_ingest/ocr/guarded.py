"""What is done about a page that reads badly: the options of `ladder`, which two engines share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from rag_ingest.errors import ConfigError
from rag_ingest.ocr.scripts import SCRIPTS

VERSION: Final = 4
"""Counts up when the same page could come out differently: other guards, thresholds or rungs."""

FALLBACKS: Final = ("layout", "textlayer", "none")


@dataclass(frozen=True, kw_only=True)
class GuardOptions:
    """What is done about a page that reads badly.

    Attributes:
        retries: further attempts with the model, 0..10.
        retry_temperature: added to the temperature with each.
        retry_scale: every second one is made of an image so much smaller; larger by as much where the page's image
            leaves room up to 1540 px.
        fallback: the engine that reads a page after that: "layout", "textlayer" or "none".
        page_budget_s: once a page took so long, failed attempts included, the model is not asked again. What is under
            way then still ends by itself: at `max_new_tokens`, at a server's `timeout_s`.
        skip_blank: pages without ink are not given to the model.
        orientation: pages whose text layer doesn't say which way up they are are turned as their image looks.
        scripts: Unicode scripts of the documents, for example ["Latin"]; empty: what each page's text layer says.
        witness: a page's text layer is asked whether the Markdown agrees with it. A page that is doubtful by that is
            read again by the model and not by the fallback: an engine that copies the layer agrees with it anyway.
    """

    retries: int = 2
    retry_temperature: float = 0.3
    retry_scale: float = 0.8
    fallback: str = "layout"
    page_budget_s: float = 300.0
    skip_blank: bool = True
    orientation: bool = True
    scripts: tuple[str, ...] = ()
    witness: bool = True

    def guard_settings(self) -> dict[str, Any]:
        """What of these decides a page's text, for a fingerprint.

        The fallback counts by its name: a newer layout model must not have millions of pages read again.
        """
        named = {field.name for field in fields(GuardOptions)}
        return {"version": VERSION, **{name: value for name, value in asdict(self).items() if name in named}}

    def check_guards(self, section: str) -> None:
        """Checks ranges.

        Raises:
            ConfigError: an option of `section` is out of range.
        """
        for name, least, most in _RANGES:
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{section}.{name} is {getattr(self, name)}: it must be from {least} to {most}")
        if self.fallback not in FALLBACKS:
            raise ConfigError(f"{section}.fallback is {self.fallback!r}: it must be one of {', '.join(FALLBACKS)}")
        for name in self.scripts:
            if name not in SCRIPTS:
                raise ConfigError(f"{section}.scripts has {name!r}: known are {', '.join(SCRIPTS)}")


_RANGES = (("retries", 0, 10), ("retry_temperature", 0, 2), ("retry_scale", 0.25, 0.99), ("page_budget_s", 1, 86_400))
