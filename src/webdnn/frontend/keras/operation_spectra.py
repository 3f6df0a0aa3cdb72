"""Operations of keras.ops that transform to frequencies and back; complex tensors are pairs, as they are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Array, Context, array_of
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.operation_indices import known
from webdnn.frontend.keras.operation_moves import mirrored
from webdnn.frontend.products import matmul
from webdnn.frontend.spectra import (
    Pair,
    inverse_planes,
    inverse_real_transform,
    overlapped,
    real_transform,
    short_time_transform,
    transform,
    transform_planes,
)
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

COSINES = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}


def pair(c: Context, x: Sequence[Any]) -> Pair:
    real, imaginary = (tensor(c, part) for part in x)
    return real, imaginary


def lower_real(c: Context, operation: Any, x: Value) -> list[Value]:
    length = known(x.shape[-1], "a Fourier transform") if operation.fft_length is None else int(operation.fft_length)
    return list(real_transform(c, x, length))


def lower_inverse_real(c: Context, operation: Any, x: Any) -> Value:
    parts = pair(c, x)
    usual = 2 * (parts[0].shape[-1] - 1)
    length = known(usual, "a Fourier transform") if operation.fft_length is None else int(operation.fft_length)
    return inverse_real_transform(c, parts, length)


def window_of(operation: Any) -> Array:
    """The window in float64, with zeros around it up to the length of the transform; of a whole period, so the first element comes once."""
    length, whole = int(operation.sequence_length), int(operation.fft_length)
    window = operation.window
    if isinstance(window, str):
        if window not in COSINES:
            raise UnsupportedError(f"window {window!r}; {' and '.join(COSINES)} and arrays are supported")
        constant, amplitude = COSINES[window]
        window = constant - amplitude * np.cos(2 * np.pi * np.arange(length) / length)
    values = np.ones(whole) if window is None else array_of(window).astype(np.float64)
    before = 0 if window is None else (whole - length) // 2
    return np.pad(values, (before, whole - len(values) - before))


def lower_short_time(c: Context, operation: Any, x: Value) -> list[Value]:
    if operation.center:
        half = int(operation.fft_length) // 2
        x = mirrored(c, x, x.type.rank - 1, half, half, "reflect")
    return list(short_time_transform(c, x, window_of(operation), int(operation.sequence_stride)))


def lower_inverse_short_time(c: Context, operation: Any, x: Any) -> Value:
    """Without a window, Keras on JAX divides by the stride what was multiplied by the length."""
    window, stride = window_of(operation), int(operation.sequence_stride)
    y = overlapped(c, pair(c, x), window, stride)
    if operation.window is None:
        y = c.elementwise("mul", y, len(window) / stride)
    start = int(operation.fft_length) // 2 if operation.center else 0
    rest = y.shape[-1] - start
    if operation.length is None:
        return c.cut(y, y.type.rank - 1, start, rest - start)
    length = int(operation.length)
    return c.cut(y, y.type.rank - 1, start, min(length, rest) if isinstance(rest, int) else length)


def lower_correlate(c: Context, operation: Any, x: Any, y: Any) -> Value:
    """The products of the shorter one with each part of the longer one: where it lies wholly inside ("valid"), where its middle
    does ("same"), or where they meet at all ("full"). With the longer one last, the result is reversed."""
    a, b = tensor(c, x), tensor(c, y)
    long, short = (known(v.shape[0], "correlate") for v in (a, b))
    is_turned = long < short
    if is_turned:
        a, b, long, short = b, a, short, long
    reach = {"valid": (0, 0), "same": (short // 2, short - 1 - short // 2), "full": (short - 1, short - 1)}
    before, after = reach[operation.mode]
    padded = c.frame(a, [(before, after)])
    count = long + before + after - short + 1
    places = np.arange(count)[:, None] + np.arange(short)
    parts = c.reshape(c.take(padded, 0, places.ravel().tolist()), places.shape)
    found = matmul(c, parts, b)
    return c.take(found, 0, range(count - 1, -1, -1)) if is_turned else found


OPERATIONS: dict[str, OperationLowering] = {
    "Correlate": lower_correlate,
    "FFT": lambda c, _, x: list(transform(c, pair(c, x))),
    "FFT2": lambda c, _, x: list(transform_planes(c, pair(c, x))),
    "IFFT2": lambda c, _, x: list(inverse_planes(c, pair(c, x))),
    "IRFFT": lower_inverse_real,
    "ISTFT": lower_inverse_short_time,
    "RFFT": lower_real,
    "STFT": lower_short_time,
}
