"""Where a server is, and how patient to be with it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from rag_ingest.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class EndpointOptions:
    """Where a server is and how patient to be with it.

    Attributes:
        url: base address, with or without `/v1`.
        model: the name under which the server serves it.
        api_key_env: the environment variable that holds the key; empty when there is none.
        max_in_flight: requests under way at a time.
        connect_timeout_s: for one connection, and for the whole of `HttpClient.check`.
        timeout_s: for one attempt, from sending to the last byte of the reply.
        max_attempts: of one request; connection errors, time-outs, 429 and 5xx are tried again, other 4xx are not.
        backoff_s: the longest pause before the second attempt; it doubles with each, and the pause is drawn evenly
            between 0 and it.
        max_backoff_s: where the doubling ends, and the longest `Retry-After` that is honoured.
        check_models: refuse a model that the server does not list; false for a server that lists others than it serves
            (`transformers serve` lists the hub's cache, never a local folder).
    """

    url: str = "http://127.0.0.1:8000/v1"
    model: str = ""
    api_key_env: str = ""
    max_in_flight: int = 64
    connect_timeout_s: float = 10.0
    timeout_s: float = 600.0
    max_attempts: int = 4
    backoff_s: float = 1.0
    max_backoff_s: float = 30.0
    check_models: bool = True

    _section = ""  # of the configuration; messages name an option with it

    def __post_init__(self) -> None:
        base_url(self.url, self.named("url"))
        self._check_range("max_in_flight", 1, 4096)
        self._check_range("connect_timeout_s", 0.01, 600)
        self._check_range("timeout_s", 0.01, 86_400)
        self._check_range("max_attempts", 1, 100)
        self._check_range("backoff_s", 0, 600)
        self._check_range("max_backoff_s", 0, 3600)

    def api_key(self) -> str:
        """The key, read from its variable now; empty when none is named.

        Raises:
            ConfigError: the variable is not set.
        """
        key = os.environ.get(self.api_key_env, "").strip() if self.api_key_env else ""
        if self.api_key_env and not key:
            option = self.named("api_key_env")
            raise ConfigError(
                f"{option} names {self.api_key_env}, which is not set: export it, or leave {option} empty"
            )
        return key

    def named(self, option: str) -> str:
        """The option as a configuration writes it."""
        return f"{self._section}.{option}" if self._section else option

    def _check_range(self, option: str, low: float, high: float) -> None:
        value = getattr(self, option)
        if not low <= value <= high:
            raise ConfigError(f"{self.named(option)} must be from {low:g} to {high:g}, not {value:g}")


def base_url(url: str, option: str = "url") -> str:
    """The address without a slash at its end, and with `/v1` unless it names an API version already.

    Raises:
        ConfigError: not http(s), no host, or something that belongs elsewhere (user, password, query).
    """
    shown = url.rpartition("@")[2]  # what stands before it may be a password
    try:
        parts: SplitResult = urlsplit(url.strip())
        host, credentials, _ = parts.hostname, parts.username or parts.password, parts.port
    except ValueError as e:
        raise ConfigError(f"{option} {shown!r} is not an address: {e}") from e
    if credentials:
        raise ConfigError(
            f"{option} must not carry a user or password (host {host}): name the key's variable, api_key_env"
        )
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"{option} {shown!r} must be of the form http://host:port/v1")
    if parts.query or parts.fragment:
        raise ConfigError(f"{option} of host {host} must end with its path: no '?' and no '#'")
    path = parts.path.rstrip("/")
    versioned = any(re.fullmatch(r"v\d\w*", segment) for segment in path.split("/"))
    return f"{parts.scheme}://{parts.netloc}{path}" + ("" if versioned else "/v1")
