"""How answers are written: by the loop of this project or by transformers' `generate`. No option changes a text.

In float32 the two give the same tokens; in bfloat16 they differ as two batch sizes or two devices do, by rounding. So
nothing here is part of an engine's fingerprint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from rag_ingest.errors import ConfigError

Decoder = Literal["loop", "generate"]

PAGES_AT_A_TIME: Final[dict[Decoder, dict[str, int]]] = {
    "loop": {"cuda": 128, "mps": 4, "cpu": 4},
    "generate": {"cuda": 16, "mps": 4, "cpu": 2},
}
"""What `batch_size` 0 is. The loop decodes as many of them together as its cache holds, and the others join later."""


@dataclass(frozen=True, kw_only=True)
class DecodeOptions:
    """Speed and memory of decoding.

    Attributes:
        decoder: "loop" decodes pages together that join and leave one by one; "generate" is the plain path.
        cache_gb: what the loop keeps keys and values in, in 10^9 bytes; 0 takes 6/10 of a GPU's free memory when the
            first page comes, 4 elsewhere. A page that needs more fails alone, pages beyond it wait.
        draft: the loop drafts from a page's text layer, where it has one.
    """

    decoder: Decoder = "loop"
    cache_gb: float = 0.0
    draft: bool = True

    def check_decoder(self, owner: str) -> None:
        """Raises ConfigError for an unknown decoder, or a size out of range."""
        if self.decoder not in get_args(Decoder):
            raise ConfigError(f"{owner}.decoder is {self.decoder!r}: it must be one of {', '.join(get_args(Decoder))}")
        if not 0 <= self.cache_gb <= 10_000:
            raise ConfigError(f"{owner}.cache_gb is {self.cache_gb}: it must be from 0 to 10000")
