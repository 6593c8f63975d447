"""Which of these is which of those: the one-to-one assignment of greatest similarity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def assign(similarity: NDArray[np.float64], least: float) -> dict[int, int]:
    """Row to column, one to one, so that the similarities add up to the most.

    Args:
        similarity: (n, m), each 0.0 to 1.0.
        least: pairs of a smaller similarity are none.
    """
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: column for row, column in pairs if similarity[row, column] >= least}
