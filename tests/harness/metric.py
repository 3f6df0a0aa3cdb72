"""How far an answer is off."""

from __future__ import annotations

import numpy as np


def error(answer: np.ndarray, reference: np.ndarray) -> float:
    """max|y − ref| / max|ref| where the reference is finite; infinite for an answer that is not finite there, or that is not the reference
    where that is infinite or NaN."""
    answer, reference = np.asarray(answer, np.float64), np.asarray(reference, np.float64)
    if answer.shape != reference.shape:
        raise AssertionError(f"shape {answer.shape}, the reference has {reference.shape}")
    finite = np.isfinite(reference)
    have, want = answer[finite], reference[finite]
    if not np.isfinite(have).all() or not np.array_equal(answer[~finite], reference[~finite], equal_nan=True):
        return float("inf")
    difference, size = np.abs(have - want).max(initial=0.0), np.abs(want).max(initial=0.0)
    return float(difference / max(size, np.finfo(np.float32).tiny))
