"""Operations of keras.ops.image, and the windows of keras.ops.nn that are laid out one beside the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from webdnn.frontend.keras.convolution import integers, windows_of
from webdnn.frontend.keras.lowering import Array, Context, array_of
from webdnn.frontend.keras.operation_dtypes import Call
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.operation_indices import known
from webdnn.frontend.keras.operation_products import keep, over_images, spread
from webdnn.frontend.keras.preprocessing import resize_like
from webdnn.frontend.products import matmul
from webdnn.frontend.resample import along, scaled_matrix
from webdnn.frontend.statistics import mean
from webdnn.frontend.windows import Windows, convolution, depthwise, transposed_convolution
from webdnn.graph.dim import Size, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

GRAY = np.array([[0.2989], [0.5870], [0.1140]], np.float32)  # Rec. 601, as Keras rounds it
SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32)  # from one line to the next


def over_pictures(lower: Callable[..., Value], spatial: int = 2) -> Callable[..., Value]:
    """`lower`, written for x (N, H, W, C), for either data_format, with or without a batch."""
    in_batches = over_images(lower)

    def either(c: Context, operation: Any, x: Value) -> Value:
        if x.type.rank == spatial + 2:
            return in_batches(c, operation, x)
        y = in_batches(c, operation, c.reshape(x, (1, *x.shape)))
        return c.reshape(y, y.shape[1:])

    return either


def lower_resize(c: Call, operation: Any, x: Value) -> Value:
    return resize_like(c, operation, x, integers(operation.size), None if x.dtype == "float32" else c.result)


METHODS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear"), "bilinear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "bicubic"),
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}
"""What resizing calls the methods of scale_and_translate."""


def lower_scale_and_translate(
    c: Context, operation: Any, x: Any, output_shape: Any, scale: Any, translation: Any
) -> Value:
    """x of any rank: a factor and a distance for each of the axes `spatial_dims`."""
    y = tensor(c, x)
    method = METHODS.get(operation.method)
    if method is None:
        raise UnsupportedError(f"method {operation.method!r}; {', '.join(METHODS)} are supported")
    axes = [int(axis) % y.type.rank for axis in operation.spatial_dims]
    factors, distances = (given_numbers(v, name) for v, name in ((scale, "scale"), (translation, "translation")))
    for axis, factor, distance in zip(axes, factors, distances, strict=True):
        before, after = known(y.shape[axis], "scale_and_translate"), int(output_shape[axis])
        matrix = scaled_matrix(before, after, factor, distance, method, bool(operation.antialias))
        y = along(c, y, axis, matrix)
    return y


def given_numbers(x: Any, name: str) -> list[float]:
    """The numbers of a constant argument."""
    if isinstance(x, Value):
        raise UnsupportedError(f"{name} that another layer computes; constant numbers are supported")
    return [float(number) for number in array_of(x).ravel()]


def lower_grayscale(c: Context, operation: Any, x: Value) -> Value:
    return x if x.shape[-1] == 1 else matmul(c, x, c.literal(GRAY))


def planes(c: Context, x: Value) -> list[Value]:
    return [c.cut(x, x.type.rank - 1, i, 1) for i in range(3)]


def lower_to_hsv(c: Context, operation: Any, x: Value) -> Value:
    """Hue by the largest of red, green and blue (a sixth of a turn from each to the next), saturation, value."""
    e = c.elementwise
    x = e("where", e("less", e("abs", x), float(np.finfo(np.float32).eps)), 0.0, x)
    red, green, blue = planes(c, x)
    value = e("max", e("max", red, green), blue)
    extent = e("sub", value, e("min", e("min", red, green), blue))
    bright, coloured = e("greater", value, 0.0), e("greater", extent, 0.0)
    saturation = e("where", bright, e("div", extent, e("where", bright, value, 1.0)), 0.0)
    sixth = e("div", 1.0, e("mul", e("where", coloured, extent, 1.0), 6.0))
    third = e("add", e("mul", sixth, e("sub", blue, red)), 1 / 3)
    hue = e("where", e("equal", value, green), third, e("add", e("mul", sixth, e("sub", red, green)), 2 / 3))
    hue = e("where", e("equal", value, red), e("mul", sixth, e("sub", green, blue)), hue)
    hue = e("add", e("where", coloured, hue, 0.0), c.cast(e("less", hue, 0.0), "float32"))
    return c.concat([hue, saturation, value], -1)


def lower_from_hsv(c: Context, operation: Any, x: Value) -> Value:
    e = c.elementwise
    hue, saturation, value = planes(c, x)
    turn = e("mul", e("mod", hue, 1.0), 6.0)
    colours = [e("clip", e("sub", e("abs", e("sub", turn, 3.0)), 1.0), 0.0, 1.0)]
    colours += [e("clip", e("sub", 2.0, e("abs", e("sub", turn, place))), 0.0, 1.0) for place in (2.0, 4.0)]
    rest = e("sub", 1.0, saturation)
    return c.concat([e("mul", value, e("add", rest, e("mul", saturation, colour))) for colour in colours], -1)


def around(first: int | None, second: int | None, difference: Size) -> tuple[Size, Size]:
    """Two amounts of which one may be open; together they make the difference of two sizes."""
    if first is None and second is None:
        raise UnsupportedError("two amounts that are left open")
    if first is None:
        return difference - second, second  # type: ignore[operator, return-value]
    return first, difference - first if second is None else second


def lower_pad_images(c: Context, operation: Any, x: Value) -> Value:
    o, (height, width) = operation, x.shape[1:3]
    rows = around(o.top_padding, o.bottom_padding, (o.target_height or 0) - height)
    columns = around(o.left_padding, o.right_padding, (o.target_width or 0) - width)
    return c.frame(x, [(0, 0), rows, columns, (0, 0)])


def lower_crop_images(c: Context, operation: Any, x: Value) -> Value:
    o, (height, width) = operation, x.shape[1:3]
    top, bottom = around(o.top_cropping, o.bottom_cropping, height - (o.target_height or 0))
    left, right = around(o.left_cropping, o.right_cropping, width - (o.target_width or 0))
    x = c.cut(x, 1, top, o.target_height or height - top - bottom)
    return c.cut(x, 2, left, o.target_width or width - left - right)


def everywhere(c: Context, x: Value, kernel: Array) -> Value:
    """Every channel of x convolved with `kernel` (H, W), zeros around."""
    channels = known(x.shape[-1], "channels")
    array = np.repeat(kernel[:, :, None, None], channels, 2).astype(np.float32)
    return depthwise(c, x, array, windows_of("same", x, kernel.shape, (1, 1), (1, 1)), keep(c))


def lower_blur(c: Context, operation: Any, x: Value) -> Value:
    """By the product of two Gaussian curves. Keras takes the first size and σ for the columns."""
    across, down = (
        gaussian(int(size), float(sigma)) for size, sigma in zip(operation.kernel_size, operation.sigma, strict=True)
    )
    return everywhere(c, x, np.outer(down, across))


def lower_sobel(c: Context, operation: Any, x: Value) -> Value:
    """x (N, H, W, C) or (N, C, H, W) → the same with a last axis: the change downwards and to the right."""

    def edges(kernel: Array) -> Value:
        y = over_images(lambda c, o, image: everywhere(c, image, kernel))(c, operation, x)
        return c.reshape(y, (*y.shape, 1))

    return c.concat([edges(SOBEL), edges(SOBEL.T)], -1)


def gaussian(size: int, sigma: float) -> Array:
    """(size): a Gaussian curve around the middle, of sum 1."""
    curve = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return np.asarray(curve / curve.sum())


def lower_similarity(c: Context, operation: Any, x: Value, y: Any) -> Value:
    """The structural similarity of pictures: Z. Wang and others, Image quality assessment, 2004. One number for each."""
    e, size = c.elementwise, int(operation.filter_size)
    curve = gaussian(size, operation.filter_sigma)
    last = operation.data_format != "channels_first"

    def single(v: Any) -> Value:
        value = tensor(c, v)
        value = value if value.type.rank == 4 else c.reshape(value, (1, *value.shape))
        return value if last else c.transpose(value, (0, 2, 3, 1))

    def around(v: Value) -> Value:
        kernel = np.repeat(np.outer(curve, curve)[:, :, None, None], known(v.shape[-1], "channels"), 2)
        return depthwise(c, v, kernel.astype(np.float32), Windows.of((size, size)), keep(c))

    first, second = single(x), single(y)
    means = [around(first), around(second)]
    squares = [around(e("mul", v, v)) for v in (first, second)]
    variances = [e("sub", square, e("mul", m, m)) for square, m in zip(squares, means, strict=True)]
    product_of_means = e("mul", *means)
    covariance = e("sub", around(e("mul", first, second)), product_of_means)
    c1, c2 = ((k * operation.max_val) ** 2 for k in (operation.k1, operation.k2))
    above = e("mul", e("add", e("mul", product_of_means, 2.0), c1), e("add", e("mul", covariance, 2.0), c2))
    brightness = e("add", e("add", e("mul", means[0], means[0]), e("mul", means[1], means[1])), c1)
    below = e("mul", brightness, e("add", e("add", *variances), c2))
    found = mean(c, e("div", above, below), (1, 2, 3))
    return c.reshape(found, (first.shape[0],) if tensor(c, x).type.rank == 4 else ())


def patches(c: Context, x: Value, windows: Windows) -> Value:
    """x (N, …, C) → (N, …, taps · C): what each window meets, side by side."""
    channels = known(x.shape[-1], "channels")
    kernel = np.eye(math.prod(windows.size) * channels, dtype=np.float32).reshape(*windows.size, channels, -1)
    return convolution(c, x, kernel, windows, keep(c))


def lower_patches(c: Context, operation: Any, x: Value) -> Value:
    rank = 2 if np.ndim(operation.size) == 0 else len(operation.size)

    def cut_out(c: Context, o: Any, image: Value) -> Value:
        size = spread(o.size, rank)
        strides = spread(o.strides, rank) if o.strides else size
        return patches(c, image, windows_of(o.padding, image, size, strides, spread(o.dilation_rate, rank)))

    return over_pictures(cut_out, rank)(c, operation, x)


def lower_unfold(c: Context, operation: Any, x: Value) -> Value:
    """x (N, C, H, W) → (N, C · taps, windows)."""
    size, strides, dilation, padding = (
        spread(v, 2) for v in (operation.kernel_size, operation.stride, operation.dilation, operation.padding)
    )
    n, channels = x.shape[:2]
    image = c.transpose(x, (0, 2, 3, 1))
    found = patches(c, image, Windows(size, strides, tuple((p, p) for p in padding), dilation))
    count, taps = product(found.shape[1:3]), product(size)
    sorted_out = c.transpose(c.reshape(found, (n, count, taps, channels)), (0, 3, 2, 1))
    return c.reshape(sorted_out, (n, channels * taps, count))


def lower_fold(c: Context, operation: Any, x: Value) -> Value:
    """x (N, C · taps, windows) → (N, C, *output_size): every window adds what it holds at its place."""
    size, strides, dilation, padding, whole = (
        spread(v, 2)
        for v in (operation.kernel_size, operation.stride, operation.dilation, operation.padding, operation.output_size)
    )
    taps = math.prod(size)
    n, channels = x.shape[0], known(x.shape[1], "channels") // taps
    counts = [
        (all_ + 2 * pad - step * (k - 1) - 1) // stride + 1
        for all_, pad, step, k, stride in zip(whole, padding, dilation, size, strides, strict=True)
    ]
    image = c.reshape(c.transpose(x, (0, 2, 1)), (n, *counts, channels * taps))
    kernel = np.eye(channels * taps, dtype=np.float32).reshape(channels, *size, -1).transpose(1, 2, 3, 0)
    y = transposed_convolution(c, image, kernel, Windows(size, strides, ((0, 0), (0, 0)), dilation), keep(c))
    # What the windows reach may end before the picture and its padding do.
    amounts = [
        (-pad, all_ + pad - known(have, "fold")) for all_, pad, have in zip(whole, padding, y.shape[1:3], strict=True)
    ]
    return c.transpose(c.frame(y, [(0, 0), *amounts, (0, 0)]), (0, 3, 1, 2))


OPERATIONS: dict[str, OperationLowering] = {
    "CropImages": over_pictures(lower_crop_images),
    "ExtractPatches": lower_patches,
    "Fold": lower_fold,
    "GaussianBlur": over_pictures(lower_blur),
    "HSVToRGB": over_pictures(lower_from_hsv),
    "PadImages": over_pictures(lower_pad_images),
    "RGBToGrayscale": over_pictures(lower_grayscale),
    "RGBToHSV": over_pictures(lower_to_hsv),
    "Resize": over_pictures(lower_resize),
    "SSIM": lower_similarity,
    "ScaleAndTranslate": lower_scale_and_translate,
    "SobelEdges": lower_sobel,
    "Unfold": lower_unfold,
}
