"""The vision tower for one page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def unmasked(transformer: Any) -> Iterator[None]:
    """Within it, the mask that keeps the images of a batch apart is dropped: of one image it masks nothing.

    With a mask, be it all zeros, attention can't take its fastest kernel.

    Args:
        transformer: of the tower, a `PixtralTransformer`.
    """

    def drop(module: Any, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**named, "attention_mask": None}

    handle = transformer.register_forward_pre_hook(drop, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
