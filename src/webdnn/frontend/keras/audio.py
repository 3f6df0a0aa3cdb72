"""Spectrograms: what frequencies a sound has over time. The Fourier transform of each frame is a convolution with waves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from webdnn.frontend.keras.convolution import windows_of
from webdnn.frontend.keras.lowering import Array, Context, Layer, array_of
from webdnn.frontend.keras.operation_elementwise import lower_arctan2
from webdnn.frontend.products import matmul
from webdnn.frontend.windows import Windows, convolution
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce

EPSILON = 1e-7  # keras.backend.epsilon()


def lower_stft_spectrogram(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """x (N, T, C), or (N, C, T) with channels first → (N, frames, C · frequencies), or (N, frames, frequencies, C) with `expand_dims`."""
    _ = layer.frame_length, layer.frame_step, layer.fft_length, layer.window, layer.periodic, layer.scaling
    (x,), c = inputs, context
    n, channels = x.shape[0], x.shape[1 if layer.data_format == "channels_first" else 2]
    lines = x if layer.data_format == "channels_first" else c.transpose(x, (0, 2, 1))
    waves = c.reshape(lines, (n * channels, lines.shape[2], 1))
    windows = windows_of(layer.padding, waves, (int(layer.frame_length),), (int(layer._frame_step),))

    def part(name: str) -> Value:
        """(N, C, frames, frequencies)"""
        found = convolution(
            c, waves, array_of(getattr(layer, name)), windows, lambda _, make: c.constant(layer, name, make)
        )
        return c.reshape(found, (n, channels, *found.shape[1:]))

    y = _mode(c, layer.mode, part)
    if layer.expand_dims:
        return y if layer.data_format == "channels_first" else c.transpose(y, (0, 2, 3, 1))
    flat = c.reshape(c.transpose(y, (0, 2, 1, 3)), (n, y.shape[2], channels * y.shape[3]))
    return c.transpose(flat, (0, 2, 1)) if layer.data_format == "channels_first" else flat


def _mode(c: Context, mode: str, part: Callable[[str], Value]) -> Value:
    e = c.elementwise
    if mode in ("real", "imag"):
        return part(f"{mode}_kernel")
    real, imaginary = part("real_kernel"), part("imag_kernel")
    if mode == "angle":
        return lower_arctan2(c, None, imaginary, real)
    if mode == "stft":
        return c.concat([real, imaginary], -1)
    power = e("add", e("square", real), e("square", imaginary))
    if mode == "psd":
        inner = c.frame_axis(c.cut(power, 3, 1, power.shape[3] - 2), 3, 1, 1)
        return e("add", power, inner)
    size = e("sqrt", e("max", power, EPSILON))
    if mode == "magnitude":
        return size
    if mode != "log":
        raise UnsupportedError(f"mode {mode!r}")
    return e("log", e("max", size, EPSILON))


def lower_mel_spectrogram(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """x (T) or (N, T) → (…, mel bins, frames)."""
    (x,) = inputs
    lines = x if x.type.rank == 2 else context.reshape(x, (1, *x.shape))
    y = matmul(context, _powers(layer, lines, context), context.constant(layer, "mel", lambda: mel_matrix(layer)))
    if layer.power_to_db:
        y = _decibels(layer, y, context)
    y = context.transpose(y, (0, 2, 1))
    return y if x.type.rank == 2 else context.reshape(y, y.shape[1:])


def _powers(layer: Layer, x: Value, c: Context) -> Value:
    """(N, frames, frequencies): powers `mag_exp` of the sizes of the Fourier transforms of frames `sequence_stride` apart, whose middles begin with
    the first element."""
    length, e, power = int(layer.fft_length), c.elementwise, float(layer.mag_exp)
    padded = reflected(c, x, length // 2)
    column = c.reshape(padded, (*padded.shape, 1))
    waves = frame_waves(length, int(layer.sequence_length), layer.window)
    windows = Windows.of((length,), (int(layer.sequence_stride),))
    parts = convolution(c, column, waves, windows, lambda _, make: c.constant(layer, "waves", make))
    bins = length // 2 + 1
    real, imaginary = c.cut(parts, 2, 0, bins), c.cut(parts, 2, bins, bins)
    squares = e("add", e("square", real), e("square", imaginary))
    if power == 2.0:
        return squares
    size = e("sqrt", squares)
    return size if power == 1.0 else e("pow", size, power)


def reflected(c: Context, x: Value, count: int) -> Value:
    """x (N, T) with `count` mirrored elements before and after it; T may be symbolic."""
    before = c.take(x, 1, range(count, 0, -1))
    end = c.cut(x, 1, x.shape[1] - count - 1, count)
    return c.concat([before, x, c.take(end, 1, range(count - 1, -1, -1))], 1) if count else x


def frame_waves(length: int, inner: int, window: str | Sequence[float] | None) -> Array:
    """(length, 1, 2 · frequencies): cosines, then negative sines, under a window of `inner` elements in the middle."""
    curve = np.zeros(length)
    start = (length - inner) // 2
    if window is None:
        curve[:] = 1.0  # Keras does not cut such frames to `sequence_length`
    else:
        curve[start : start + inner] = window_curve(window, inner)
    turns = np.outer(np.arange(length), np.arange(length // 2 + 1)) % length * (2 * np.pi / length)
    waves = np.concatenate([np.cos(turns), -np.sin(turns)], 1) * curve[:, None]
    return waves[:, None, :].astype(np.float32)


def window_curve(window: str | Sequence[float], length: int) -> Array:
    """(length): Keras's window of that name, one period of it."""
    if not isinstance(window, str):
        return np.asarray(window, np.float64)
    cosine = np.cos(2 * np.pi * np.arange(length) / length)
    if window == "hann":
        return 0.5 - 0.5 * cosine
    if window == "hamming":
        return 0.54 - 0.46 * cosine
    raise UnsupportedError(f"window {window!r}; hann and hamming are supported, as in Keras")


def mel_matrix(layer: Layer) -> Array:
    """(frequencies, mel bins): triangles that are even on the mel scale, 1127 · ln(1 + f / 700)."""
    bins, top = int(layer.fft_length) // 2 + 1, layer.sampling_rate / 2
    frequencies = mel(np.linspace(0, top, bins)[1:])[:, None]
    edges = np.linspace(mel(layer.min_freq), mel(layer.max_freq), int(layer.num_mel_bins) + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.pad(np.maximum(0, np.minimum(rising, falling)), [(1, 0), (0, 0)]).astype(np.float32)


def mel(frequency: float | Array) -> Array:
    return np.asarray(1127.0 * np.log(1.0 + np.asarray(frequency, np.float64) / 700.0))


def _decibels(layer: Layer, x: Value, c: Context) -> Value:
    """10 · log₁₀ of power over the reference, no more than `top_db` below the largest of all pictures."""
    e = c.elementwise
    factor, least = 10.0 / np.log(10.0), float(layer.min_power)
    reference = 10.0 * np.log10(max(abs(float(layer.ref_power)), least))
    y = e("sub", e("mul", e("log", e("max", x, least)), factor), reference)
    largest = c.apply(Reduce("max", (0, 1, 2), True), y)
    return e("max", y, e("sub", largest, float(layer.top_db)))


LOWERINGS = {"MelSpectrogram": lower_mel_spectrogram, "STFTSpectrogram": lower_stft_spectrogram}
