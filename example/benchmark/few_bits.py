"""Floats of few significant bits, in arrays and in files of any format."""

from __future__ import annotations

import numpy as np

NEAR = 2.0**-20
"""A float this near, relatively, to one of few bits has become it but for the rounding errors of a converter."""
RUN = 64
"""So many such floats in a row are weights."""


def round_to(array: np.ndarray, bits: int) -> np.ndarray:
    """The nearest floats with `bits` bits after the first one."""
    fraction, exponent = np.frexp(array)
    scale = 2.0 ** (bits + 1)
    return np.ldexp(np.round(fraction * scale) / scale, exponent).astype(array.dtype)


def snap(content: bytes, bits: int) -> bytes:
    """`content` with its float32 weights, which have few bits but for a converter's rounding errors, made exact.

    Weights are found by what they are, wherever they begin: a run of little-endian floats that all are near to one of few bits.
    """
    result = np.frombuffer(content, np.uint8).copy()
    for first in range(4):
        words = result[first : first + (len(result) - first) // 4 * 4].view("<f4")
        with np.errstate(all="ignore"):
            rounded = round_to(words, bits)
            size = np.abs(words)
            is_weight = (words == 0) | ((np.abs(rounded - words) <= NEAR * size) & (size > 2.0**-40) & (size < 2.0**40))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], is_weight.view(np.int8), [0]])))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - start >= RUN:
                words[start:stop] = rounded[start:stop]
    return result.tobytes()
