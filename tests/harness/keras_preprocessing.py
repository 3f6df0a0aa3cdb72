"""Layers of Keras that prepare inputs, with arguments that are not the default: each with the shapes of its inputs, without the batch of 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from keras import layers, ops

Build = Callable[[Any], Any]
Shape = tuple[int, ...]
PICTURE, SOUND, TABLE, WAVE = (7, 9, 3), (60, 2), (6,), (700,)


def classes(x: Any, factor: float = 2.0) -> Any:
    """Whole numbers from about −2 to 6."""
    return ops.cast(x * factor + 2, "int32")


def levels(x: Any, low: float = 0, high: float = 255) -> Any:
    """Brightnesses, some of them beyond the range."""
    return x * ((high - low) / 3) + (low + high) / 2


def adapted() -> Any:
    """As `adapt` leaves it, which itself wants TensorFlow."""
    layer = layers.Discretization(num_bins=4)
    layer.update_state(np.linspace(-1, 2, 50))
    layer.finalize_state()
    return layer


def pipeline() -> Any:
    """Of layers that are random in training only, and others. Normalization must be built before Keras traces it."""
    normalization = layers.Normalization(mean=1, variance=4)
    normalization.build((None, *PICTURE))
    return layers.Pipeline([layers.RandomFlip(), layers.Rescaling(2, 0.5), normalization, layers.Resizing(4, 5)])


PREPROCESSING: dict[str, tuple[Build, Shape]] = {
    "rescaling": (layers.Rescaling([0.5, 2, -3], offset=[1, 0, -1]), PICTURE),
    "rescaling pixels": (lambda x: layers.Rescaling(1 / 127.5, -1)(ops.cast(x * 60 + 128, "uint8")), PICTURE),
    "normalization": (layers.Normalization(axis=(1, 3)), PICTURE),
    "normalization by a number": (layers.Normalization(axis=None, mean=0.3, variance=2.5), PICTURE),
    "normalization given": (layers.Normalization(mean=[0.1, 0.2, -1], variance=[1, 4, 0], invert=True), PICTURE),
    "normalization of rows": (layers.Normalization(axis=(1, -1), mean=[1, 2, 3.0], variance=[4, 5, 6.0]), PICTURE),
    "centre": (layers.CenterCrop(4, 5), PICTURE),
    "centre of a small picture": (
        lambda x: layers.CenterCrop(10, 5, data_format="channels_first")(ops.transpose(x, (0, 3, 1, 2))),
        PICTURE,
    ),
    "resized pixels": (
        lambda x: layers.Resizing(5, 4, "bicubic", pad_to_aspect_ratio=True, fill_value=9)(
            ops.cast(x * 60 + 128, "uint8")
        ),
        PICTURE,
    ),
    "contrast": (lambda x: layers.AutoContrast()(levels(x)), PICTURE),
    "contrast of a range": (lambda x: layers.AutoContrast(value_range=(-1, 1))(levels(x, -1, 1)), PICTURE),
    "contrast of whole numbers": (lambda x: layers.AutoContrast()(ops.cast(levels(x) // 50, "uint8")), PICTURE),
    "contrast of one level": (
        lambda x: layers.AutoContrast()(levels(x) * np.array([1, 0, 1], np.float32) + 3),
        PICTURE,
    ),
    "contrast of one picture": (lambda x: layers.AutoContrast()(levels(x[0])), PICTURE),
    "local contrast": (
        lambda x: layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(3, 2))(levels(x)),
        PICTURE,
    ),
    "local contrast of a range": (
        lambda x: layers.ContrastLimitedAdaptiveHistogramEqualization((0, 1), 40.0, (2, 3))(levels(x, 0, 1)),
        PICTURE,
    ),
    "local contrast, channels first": (
        lambda x: layers.ContrastLimitedAdaptiveHistogramEqualization(
            clip_limit=0, tile_grid_size=(3, 2), data_format="channels_first"
        )(ops.transpose(levels(x), (0, 3, 1, 2))),
        PICTURE,
    ),
    # By itself, Keras takes it for a cycle: the layer declares its input as its output.
    "equalization at inference": (
        lambda x: layers.Pipeline([layers.Equalization(bins=64), layers.Rescaling(2)])(levels(x)),
        PICTURE,
    ),
    "solarization at inference": (lambda x: layers.Solarization(0.3, 0.7)(levels(x)), PICTURE),
    "boxes": (lambda x: layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")(x), PICTURE),
    "pipeline": (lambda x: pipeline()(x), PICTURE),
    **{
        f"discretization, {mode}": (layers.Discretization([-0.5, 0, 0.25, 1], output_mode=mode), TABLE)
        for mode in ("int", "one_hot", "multi_hot", "count")
    },
    "discretization of one column": (
        lambda x: layers.Discretization([-0.5, 0.25], output_mode="one_hot")(x[:, :1]),
        TABLE,
    ),
    "discretization of nothing": (lambda x: layers.Discretization([-0.5, 0.25])(ops.log(x)), TABLE),
    "discretization at boundaries": (lambda x: layers.Discretization([-1, 0, 2])(ops.round(x)), TABLE),
    "discretization of whole numbers": (lambda x: layers.Discretization([0, 2.5])(classes(x)), TABLE),
    "discretization adapted": (lambda x: adapted()(x), TABLE),
    "classes, one hot": (lambda x: layers.CategoryEncoding(5, output_mode="one_hot")(classes(x)), TABLE),
    "classes, multi hot": (lambda x: layers.CategoryEncoding(5)(classes(x)), TABLE),
    "classes, count": (lambda x: layers.CategoryEncoding(5, output_mode="count")(classes(x)), TABLE),
    "classes of a column": (lambda x: layers.CategoryEncoding(4, output_mode="one_hot")(classes(x[:, :1])), TABLE),
    "classes of fractions": (lambda x: layers.CategoryEncoding(4)(x * 2), TABLE),
    "classes of a batch": (lambda x: layers.CategoryEncoding(4, output_mode="count")(classes(x[:, 0])), TABLE),
    "classes of bytes": (lambda x: layers.CategoryEncoding(5)(ops.cast(classes(x), "uint8")), TABLE),
    "classes weighted": (
        lambda x: layers.CategoryEncoding(5, output_mode="count")(classes(x), count_weights=ops.exp(x)),
        TABLE,
    ),
    "classes of sequences": (lambda x: layers.CategoryEncoding(4, output_mode="multi_hot")(classes(x)), (3, 4)),
    **{
        f"spectrogram, {mode}": (layers.STFTSpectrogram(mode, 12, 5, 16, padding="same"), SOUND)
        for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    },
    "spectrogram expanded": (
        layers.STFTSpectrogram("magnitude", 16, expand_dims=True, scaling="spectrum", window="hamming"),
        SOUND,
    ),
    "spectrogram, channels first": (
        lambda x: layers.STFTSpectrogram("psd", 12, 4, 16, data_format="channels_first", periodic=True, scaling=None)(
            ops.transpose(x, (0, 2, 1))
        ),
        SOUND,
    ),
    "spectrogram expanded, channels first": (
        lambda x: layers.STFTSpectrogram("stft", 8, 3, expand_dims=True, data_format="channels_first", window=None)(
            ops.transpose(x, (0, 2, 1))
        ),
        SOUND,
    ),
    "mel": (layers.MelSpectrogram(64, 20, 50, sampling_rate=8000, num_mel_bins=12), WAVE),
    "mel of a sound": (
        lambda x: layers.MelSpectrogram(64, 32, sampling_rate=8000, num_mel_bins=10, window="hamming")(x[0]),
        WAVE,
    ),
    "mel powers": (
        layers.MelSpectrogram(
            128, 100, sampling_rate=4000, num_mel_bins=8, power_to_db=False, mag_exp=1.5, max_freq=1500, min_freq=50
        ),
        WAVE,
    ),
    "mel decibels": (
        layers.MelSpectrogram(
            64, 40, sampling_rate=8000, num_mel_bins=12, mag_exp=1, top_db=20, min_power=1e-3, ref_power=-2, window=None
        ),
        WAVE,
    ),
}


IN_DEFAULT_TIER = (
    *("rescaling pixels", "normalization given", "resized pixels", "contrast of a range", "local contrast", "pipeline"),
    *("discretization, count", "discretization of nothing", "discretization adapted", "classes weighted"),
    *("classes of a column", "spectrogram, psd", "spectrogram expanded, channels first", "mel decibels"),
)


def preprocessing_cases(names: Iterable[str] = PREPROCESSING) -> dict[str, tuple[Build, tuple[Shape, ...]]]:
    return {name: (PREPROCESSING[name][0], (PREPROCESSING[name][1],)) for name in names}
