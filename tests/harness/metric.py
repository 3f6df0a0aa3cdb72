"""How far an answer is off."""

from __future__ import annotations

import numpy as np


def error(answer: np.ndarray, reference: np.ndarray) -> float:
    """max|y − ref| / max|ref|; infinite for an answer that is not finite where the reference is."""
    answer, reference = np.asarray(answer, np.float64), np.asarray(reference, np.float64)
    if answer.shape != reference.shape:
        raise AssertionError(f"shape {answer.shape}, the reference has {reference.shape}")
    if not np.isfinite(answer).all():
        return float("inf")
    return float(np.abs(answer - reference).max() / max(np.abs(reference).max(), np.finfo(np.float32).tiny))
