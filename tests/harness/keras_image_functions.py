"""Every function of keras.ops.image, on x (2, 7, 9, 3): cases with arguments that are not the default, or the reason why it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from keras import ops
from keras.ops import image

Build = Callable[[Any], Any]
SHAPE = (7, 9, 3)

BEYOND = (
    np.random.default_rng(0).uniform(-3, 9, (3, 4, 5)).astype(np.float32)
)  # coordinates in the picture and around it
TURNED = np.array(
    [[1.13, 0.21, -1.3, -0.12, 0.93, 0.7, 0, 0], [0.83, -0.22, 1.3, 0.13, 1.21, -0.7, 0.31, -0.23]], np.float32
)
STARTS = np.array([[[0, 0], [0, 6], [8, 0], [8, 6]], [[1, 0], [0, 6], [7, 1], [8, 5]]], np.float32)
ENDS = np.array([[[1, 0.5], [0, 5], [7, 1], [7.5, 6]], [[0, 0], [0, 6], [8, 0], [8, 6]]], np.float32)
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def first(x: Any) -> Any:
    """Channels before rows and columns."""
    return ops.transpose(x, (0, 3, 1, 2))


def whole(x: Any, dtype: str, factor: float = 60) -> Any:
    return ops.cast(x * factor + (128 if dtype == "uint8" else 0), dtype)


def each(build: Callable[..., Any], choices: Iterable[Any]) -> Build:
    """All results of `build(x, choice)`."""
    return lambda x: [build(x, choice) for choice in choices]


def thin(x: Any) -> Any:
    """Pictures of two channels with a depth."""
    return x[..., None] * np.array([1, -2], np.float32)


IMAGE_FUNCTIONS: dict[str, dict[str, Build] | str] = {
    "affine_transform": {
        "modes": each(lambda x, mode: image.affine_transform(x, TURNED, "bilinear", mode, 1.5), FILL_MODES),
        "nearest": each(lambda x, mode: image.affine_transform(x, TURNED, "nearest", mode, -0.5), FILL_MODES),
        "one": lambda x: image.affine_transform(x[0], TURNED[0]),
        "channels first": lambda x: image.affine_transform(first(x), TURNED, data_format="channels_first"),
        "computed": lambda x: image.affine_transform(x, ops.add(TURNED, ops.reshape(x[:, 0, :4, :2], (2, 8)) / 8)),
    },
    "crop_images": {
        "around": lambda x: image.crop_images(x, 1, None, None, 0, target_height=3, target_width=2),
        "one": lambda x: image.crop_images(x[0], 1, 2, 3, 4),
        "truth": lambda x: ops.cast(image.crop_images(x > 0, 1, 2, 3, 4), "float32"),
        "channels first": lambda x: image.crop_images(
            first(x), 2, 1, target_height=4, target_width=3, data_format="channels_first"
        ),
    },
    "elastic_transform": "it draws random numbers",
    "extract_patches": {
        "overlapping": lambda x: image.extract_patches(x, (3, 2), strides=(2, 1), padding="same"),
        "dilated": lambda x: image.extract_patches(x, 2, strides=1, dilation_rate=2),
        "one": lambda x: image.extract_patches(x[0], (3, 4)),
        "channels first": lambda x: image.extract_patches(first(x), 3, data_format="channels_first"),
        "volumes": lambda x: image.extract_patches(thin(x), (2, 3, 1), padding="same"),
    },
    "extract_patches_3d": {
        "strides": lambda x: image.extract_patches_3d(thin(x), (2, 3, 2), strides=(1, 2, 1), padding="same"),
        "one": lambda x: image.extract_patches_3d(thin(x)[0], 2, dilation_rate=(2, 1, 1)),
        "channels first": lambda x: image.extract_patches_3d(x[:, None], (2, 3, 2), data_format="channels_first"),
    },
    "gaussian_blur": {
        "sizes": lambda x: image.gaussian_blur(x, (3, 5), (0.7, 1.5)),
        "one": lambda x: image.gaussian_blur(x[0], (5, 1)),
        "channels first": lambda x: image.gaussian_blur(first(x), (3, 5), (0.7, 1.5), data_format="channels_first"),
    },
    "hsv_to_rgb": {
        "any": lambda x: image.hsv_to_rgb(x),
        "channels first": lambda x: image.hsv_to_rgb(first(x)[0], data_format="channels_first"),
    },
    "map_coordinates": {
        "modes": each(lambda x, mode: image.map_coordinates(x[0], BEYOND, 1, mode, 2.5), FILL_MODES),
        "nearest": each(lambda x, mode: image.map_coordinates(x[0], BEYOND, 0, mode, 2.5), FILL_MODES),
        "computed": each(
            lambda x, order: image.map_coordinates(x[0, ..., 0], first(x)[0, :2] * 5, order, "reflect"), (0, 1)
        ),
        "of whole places": lambda x: image.map_coordinates(
            x[1], ops.reshape(whole(x[:, 0, :, 0], "int32", 9), (3, 6)), 1, "wrap"
        ),
        "whole numbers": lambda x: [
            image.map_coordinates(whole(x[0], "int32"), BEYOND, 1, "mirror"),
            image.map_coordinates(whole(x[0], "uint8"), BEYOND, 0, "constant", 7.6),
        ],
        "of one row": each(
            lambda x, mode: image.map_coordinates(x[0, :1], BEYOND, 1, mode), ("nearest", "wrap", "mirror", "reflect")
        ),
    },
    "pad_images": {
        "around": lambda x: image.pad_images(x, 1, 2, target_height=12, target_width=15),
        "one": lambda x: image.pad_images(whole(x[0], "uint8"), 1, 2, 0, 3),
        "channels first": lambda x: image.pad_images(
            first(x), None, 1, 2, 0, target_height=10, data_format="channels_first"
        ),
    },
    "perspective_transform": {
        "methods": each(
            lambda x, method: image.perspective_transform(x, STARTS, ENDS, method, 0.7), ("nearest", "bilinear")
        ),
        "one": lambda x: image.perspective_transform(x[0], STARTS[1], ENDS[1]),
        "channels first": lambda x: image.perspective_transform(first(x), STARTS, ENDS, data_format="channels_first"),
    },
    "resize": {
        "methods": each(lambda x, method: image.resize(x, (4, 13), method), METHODS),
        "antialias": each(lambda x, method: image.resize(x, (4, 13), method, antialias=True), METHODS),
        "crop": lambda x: image.resize(x, (6, 6), "bicubic", crop_to_aspect_ratio=True),
        "pad": each(
            lambda x, size: image.resize(x, size, pad_to_aspect_ratio=True, fill_value=-0.5), ((6, 6), (3, 12))
        ),
        "one": lambda x: image.resize(x[0], (14, 18), "nearest"),
        "channels first": lambda x: image.resize(first(x), (4, 13), "lanczos3", data_format="channels_first"),
        # Not bilinear: where a mean lies just between two whole numbers, rounding errors of Keras decide.
        "whole numbers": lambda x: [
            image.resize(whole(x, "uint8"), (4, 13), "bicubic"),
            image.resize(whole(x, "int32", 900), (4, 13), "lanczos3", antialias=True),
            image.resize(whole(x, "int8"), (14, 5), "nearest", pad_to_aspect_ratio=True, fill_value=3.6),
        ],
        "overshoot": lambda x: image.resize(whole(x, "uint8", 900), (14, 13), "bicubic"),
    },
    "rgb_to_grayscale": {
        "colours": lambda x: image.rgb_to_grayscale(x),
        "gray": lambda x: image.rgb_to_grayscale(x[0, ..., :1]),
        "channels first": lambda x: image.rgb_to_grayscale(first(x), data_format="channels_first"),
    },
    "rgb_to_hsv": {
        "any": lambda x: image.rgb_to_hsv(x),
        "ties": lambda x: image.rgb_to_hsv(ops.round(ops.abs(x) * 2)),
        "channels first": lambda x: image.rgb_to_hsv(first(abs(x))[0], data_format="channels_first"),
    },
    "scale_and_translate": {
        "methods": each(
            lambda x, method: image.scale_and_translate(
                x, (2, 5, 11, 3), np.array([0.6, 1.3], np.float32), np.array([1, -2], np.float32), (1, 2), method
            ),
            ("linear", "cubic", "lanczos3", "lanczos5"),
        ),
        "sharp": lambda x: image.scale_and_translate(
            x[0],
            (5, 9, 4),
            np.array([1.6, 0.4], np.float32),
            np.array([-1.2, 0.3], np.float32),
            (-1, 0),
            "bicubic",
            antialias=False,
        ),
    },
    "sobel_edges": {
        "last": lambda x: image.sobel_edges(x),
        "channels first": lambda x: image.sobel_edges(first(x), data_format="channels_first"),
    },
    "ssim": {
        "sizes": lambda x: image.ssim(x, x * 1.1, filter_size=5, max_val=2.0, filter_sigma=1.1, k1=0.02, k2=0.05),
        "one": lambda x: image.ssim(first(x)[0], first(x)[1], filter_size=3, data_format="channels_first"),
    },
}
# Functions of keras.ops.nn about pixels and patches.
PIXELS: dict[str, Build] = {
    "depth_to_space": lambda x: [
        ops.depth_to_space(ops.concatenate([x, x * 2, x + 1, -x], -1), 2),
        ops.depth_to_space(first(ops.concatenate([x, x * 2, x + 1, -x], -1)), 2, data_format="channels_first"),
    ],
    "space_to_depth": lambda x: [
        ops.space_to_depth(x[:, :6, :6], 3),
        ops.space_to_depth(first(x[:, :6, :8]), 2, data_format="channels_first"),
    ],
    "unfold": lambda x: ops.unfold(first(x), (2, 3), dilation=(2, 1), padding=(0, 1), stride=(1, 2)),
    "fold": lambda x: [
        ops.fold(ops.reshape(x, (2, 27, 7))[:, :24, :6], (4, 6), 2, stride=2),
        ops.fold(ops.unfold(first(x), (2, 3), (2, 1), (0, 1), (1, 2)), (7, 9), (2, 3), (2, 1), (0, 1), (1, 2)),
    ],
}
IMAGE_CASES: dict[str, Build] = {
    **{
        f"{name}, {case}": build
        for name, cases in IMAGE_FUNCTIONS.items()
        if not isinstance(cases, str)
        for case, build in cases.items()
    },
    **PIXELS,
}
FIRST_CASES = {
    **{
        f"{name}, {next(iter(cases))}": next(iter(cases.values()))
        for name, cases in IMAGE_FUNCTIONS.items()
        if not isinstance(cases, str)
    },
    **PIXELS,
}
"""One case of each function."""
