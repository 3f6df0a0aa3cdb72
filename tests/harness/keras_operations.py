"""Operations of keras.ops with arguments that are not the default, several to a case: functions of x (2, 5, 3) that give a list of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

Build = Callable[[Any], Any]


def real(y: Any) -> Any:
    return ops.cast(y, "float32")


def whole(x: Any, factor: float = 20) -> Any:
    return ops.cast(x * factor, "int32")


def row(*numbers: float) -> Any:
    return np.array(numbers, np.float32)


FOUR = row(*range(4))
HEADS = (2, 2, 2, 3)  # (batch, time, heads, depth)

TRUTH: dict[str, Build] = {
    "sums of truth": lambda x: [
        real((x > 0) + (x < 0.5)),
        real((x > -0.5) * (x < 0.5)),
        real(ops.matmul(x > 0, ops.transpose(x > 0.1, (0, 2, 1)))),
        real(ops.einsum("bij,bkj->bik", x > 0, x > 0.2)),
        real(ops.tensordot(x > 0, np.ones((3, 2), bool), 1)),
        real(ops.diff(x > 0, axis=1)),
    ],
    "counts of truth": lambda x: [
        real(ops.sum(x > 0, axis=1)),
        ops.mean(x > 0, axis=(0, 2)),
        real(ops.prod(x > -1, axis=1)),
        real(ops.cumsum(x > 0, axis=1)),
        real(ops.square(x > 0)) + real(ops.abs(x > 0)) + real((x > 0) + 1) + (x > 0) / 4,
        real(ops.power(x > 0, 2)) + real(ops.maximum(x > 0, x > 1)) * 2,
    ],
    "moves of truth": lambda x: [
        real(ops.pad(x > 0, [[0, 0], [1, 0], [0, 0]], constant_values=2)),
        real(ops.concatenate([x > 0, x > 1], 1)) + real(ops.full_like(x > 0, 3))[:, :1],
        real(ops.where(x > 0, x > 1, x < -1)),
        ops.where(x > 0, 1.0, 2),
    ],
    "bits": lambda x: [
        real(ops.bitwise_and(x > 0, x < 1))
        + real(ops.bitwise_not(x > 0)) * 2
        + real(ops.bitwise_xor(x > 0, x < 1)) * 4,
        real(ops.bitwise_or(x > 1, x < 0)) + real(ops.bitwise_invert(x > 0)) * 2,
        real(ops.bitwise_left_shift(whole(x, 9), 1)) + real(ops.bitwise_right_shift(whole(x, 9), 1)),
        real(ops.left_shift(whole(x, 9), 2)) + real(ops.right_shift(whole(x, 90), 3)),
    ],
    "questions": lambda x: [
        real(ops.isclose(x, x + 1e-3, rtol=1e-3, atol=1e-4)),
        real(ops.isin(ops.round(x), np.array([1, -1])))
        + real(ops.isin(ops.round(x), np.array([0, 2]), invert=True)) * 2,
        real(ops.allclose(x, x + 1e-7)) + real(ops.allclose(x, x + 1e-3)) * 2,
        real(ops.isreal(x)) + real(ops.signbit(x)) * 2 + ops.angle(x),
        real(ops.in_top_k(ops.argmax(x[:, 0], -1), x[:, 1], 2)),
    ],
}
DTYPES: dict[str, Build] = {
    "casts": lambda x: [
        real(ops.cast(x * 100, "int8")) + real(ops.cast(x * 200, "uint8")) * 2,
        real(ops.cast(x * 30000, "int16")) + real(ops.cast(x * 90000, "uint16")),
        real(ops.cast(whole(x, 200), "int8")) + real(ops.cast(whole(x, 200), "uint8")) * 2,
        real(ops.saturate_cast(whole(x, 300), "uint8")) + real(ops.cast(whole(x) > 2, "int8")),
    ],
    "small whole numbers": lambda x: [
        real(ops.cast(x * 100 + 100, "uint8") + ops.cast(x * 50 + 100, "uint8")),
        real(ops.cast(x * 100 + 100, "uint8") - ops.cast(x * 50 + 100, "uint8")),
        real(ops.cast(x * 30, "int8") * ops.cast(x * 20, "int8")) + real(-ops.cast(x * 100, "int8")),
    ],
    "whole numbers": lambda x: [
        real(ops.mod(whole(x), 3)) + real(ops.floor_divide(whole(x), -3)) * 2,
        real(whole(x, 5) ** 3),
        whole(x) / 3,
        real(ops.round(whole(x, 90), -1)),
    ],
    "own dtypes": lambda x: [
        real(ops.full_like(x, 2.7, dtype="int32")) + real(ops.ones_like(x, dtype="bool")),
        real(ops.cumsum(x * 3, 0, dtype="int32")),
        real(ops.prod(x * 3, 1, dtype="int32")),
        real(ops.one_hot(ops.argmax(x, 1) - 1, 4, axis=0, dtype="uint8")),
        real(ops.multi_hot(ops.argmax(x, 1), 5)),
    ],
}
REDUCTIONS: dict[str, Build] = {
    "averages": lambda x: [
        ops.average(x, axis=1, weights=row(1, 2, 3, 4, 5)),
        ops.average(x, axis=-1, weights=ops.exp(x)),
        ops.average(x, weights=ops.exp(x)),
    ],
    "initial": lambda x: [ops.max(x, axis=1, initial=0.5), ops.min(x, axis=(0, -1), initial=-0.5, keepdims=True)],
    "softmax of all": lambda x: [
        ops.log_softmax(x, axis=(1, 2)),
        ops.log_softmax(x, axis=(-1, 0)),
        ops.logsumexp(x, axis=(0, 2)),
        ops.logsumexp(x) + ops.logsumexp(ops.sum(x)),
    ],
    "medians": lambda x: [
        ops.median(x, axis=(1,)),
        ops.median(x, axis=(1, 2), keepdims=True),
        ops.median(x),
        ops.quantile(x, np.array([0.1, 0.5, 0.9]), axis=(1,)),
        ops.percentile(x, 30, axis=(-1,)),
        ops.quantile(x, 0.3, axis=(0, 2), keepdims=True),
    ],
    "places": lambda x: [
        real(ops.searchsorted(row(-1, 0, 0.5, 1), x[0, 0])),
        real(ops.searchsorted(row(-1, 0, 0.5, 1), ops.round(x[0, 0]), side="right")),
        real(ops.digitize(x, row(-1, 0, 0.5, 1))) + real(ops.digitize(ops.round(x), row(1, 0, -1))) * 8,
        real(ops.argmax(x, axis=1, keepdims=True)) + real(ops.argmin(x, keepdims=True)),
        real(ops.argsort(x, axis=None)),
        ops.top_k(x, 2, sorted=False)[0] + ops.sort(x, axis=0)[..., :2, :1][:, :1],
    ],
    "running products": lambda x: [ops.cumprod(x, axis=1), ops.cumprod(x), ops.cumsum(x), ops.diff(x, n=2, axis=1)],
    "areas": lambda x: [
        ops.trapezoid(x, dx=0.5, axis=1),
        ops.trace(x, offset=1, axis1=1, axis2=2),
        ops.segment_sum(x[0], np.array([0, 2, 1, 2, 0]), num_segments=4),
    ],
    "other norms": lambda x: [
        ops.norm(x, 1, axis=(1,)),
        ops.norm(x, 3, axis=(-1,), keepdims=True),
        real(ops.norm(x, 0, axis=(1,))),
        ops.norm(x, -np.inf, axis=(0,)),
        ops.norm(x, 1, axis=(1, 2)),
        ops.norm(x, np.inf, axis=(2, 1), keepdims=True),
        ops.norm(x, -1, axis=(-1, 0)),
    ],
}
MOVES: dict[str, Build] = {
    "joins of low rank": lambda x: [
        ops.vstack([x[0, 0], x[0, 1]]),
        ops.dstack([x[0, 0], x[0, 1]]) + ops.dstack([x[0], x[1]])[:1, :3],
        ops.dstack([x[0, 0, 0], x[0, 1, 0]]),
        ops.append(x, row(1)) + 0 * ops.append(x, x * 2, axis=-1)[0, 0, 0],
    ],
    "keys": lambda x: [
        x[:, -3:],
        x[:, 0],
        x[..., :2],
        x[:, None],
        x[-1, ..., None, 0],
        x[:, ::-2, ::2],
        x[:, 3:4, -2:],
        x[0],
    ],
    "takes": lambda x: [
        ops.take_along_axis(x, np.array([[[0], [1]]]), axis=1),
        ops.take_along_axis(x, ops.argmax(x, axis=-1, keepdims=True), axis=-1),
        ops.take_along_axis(x, np.array([3, -2]), axis=None),
        ops.take_along_axis(np.arange(5, dtype="float32").reshape(1, 5, 1), ops.argsort(x, axis=1), axis=1),
        ops.take(x, np.array([0, -1, 5])),
        ops.take(x, ops.argmax(x, -1), axis=1),
    ],
    "splits": lambda x: [
        ops.vsplit(x, 2)[1] + ops.hsplit(x, [1, 2])[1] + ops.dsplit(x, 3)[1],
        ops.fliplr(x) + ops.flipud(x) + ops.empty_like(x) * 0,
    ],
    "diagonals": lambda x: [
        ops.diagonal(x, offset=-1, axis1=2, axis2=1),
        ops.diag(x[0, 0], k=1) + ops.diag(x[0, 0], k=-1),
        ops.diag(x[0], k=-1),
        ops.diagflat(x[0, :2], k=1),
        real(ops.unravel_index(ops.argmax(ops.reshape(x, (2, 15)), -1), (5, 3))[1]),
    ],
    "parts": lambda x: [
        ops.slice(x, [0, 1, 0], [2, 3, 2]),
        ops.slice(x, [0, 4, 0], [2, 3, 2]),
        ops.slice_update(x, [0, 1, 1], x[:, :2, :1] * 9),
        ops.scatter_update(x, np.array([[0, 1, 2], [1, 0, 0]]), row(7, 8)),
        ops.scatter(np.array([[1, 0], [0, 2]]), x[0, :2], (2, 4, 3)),
        ops.extract_sequences(x, 2, 1),
    ],
    "grids": lambda x: [
        ops.meshgrid(x[0, 0], x[1, :, 0])[0],
        ops.meshgrid(x[0, 0], x[1, :, 0], x[1, 1], indexing="ij")[1],
        ops.linspace(x[0, 0], x[1, 0], 4, axis=1),
        ops.linspace(x[0, 0], 3.0, 5, endpoint=False, axis=-1),
        ops.full((2, 4), ops.sum(x)),
    ],
    "orders": lambda x: [
        ops.moveaxis(x, (0, 1), (-1, 0)),
        ops.transpose(x, (-1, 0, 1)),
        ops.roll(x, (1, 2), axis=(1, 2)),
        ops.repeat(x, 2),
        ops.tile(x, 2) + ops.tile(x, (1, 1, 1, 2))[0],
        ops.squeeze(x[:, :1, None]),
        ops.expand_dims(x, (0, -1)),
    ],
}
FUNCTIONS: dict[str, Build] = {
    "angles": lambda x: [
        ops.arctan2(x, row(-1, 0, 2)) + ops.arctan2(1.0, x) * 2,
        ops.hypot(x * 3, x + 1) + ops.hypot(x, x * 0),
        ops.cbrt(x * 100) + ops.cbrt(x * 1e-5) * 100,
        ops.sinc(ops.relu(x)) + ops.logaddexp2(x, x * 3),
        ops.real(x) + ops.conj(x) + ops.imag(x),
    ],
    "remainders": lambda x: [
        ops.floor_divide(x * 10, 0.7) + ops.floor_divide(2.0, ops.floor(x) + 0.5),
        ops.heaviside(ops.relu(x), row(0.3)) + ops.ldexp(x, whole(x, 5)),
        ops.clip(x, -np.inf, 0.5) + ops.clip(x, 0, np.inf),
    ],
    "activations": lambda x: [
        *(getattr(ops, name)(x) for name in ("hard_sigmoid", "hard_silu", "log_sigmoid", "relu6", "selu", "silu")),
        *(getattr(ops, name)(x) for name in ("softplus", "softsign", "sparse_plus", "tanh_shrink", "erf")),
        ops.soft_shrink(x, 0.3) + ops.sparsemax(x, axis=1),
    ],
    "names of one": lambda x: [
        ops.abs(x) + ops.fabs(x) + ops.divide(x, 3) + ops.copy(x) + ops.stop_gradient(x) + ops.convert_to_tensor(x),
        ops.deg2rad(x) * 50 + ops.rad2deg(x) / 50 + ops.conjugate(x) + ops.arccosh(1 + abs(x)),
        ops.rsqrt(1 + abs(x)) + ops.reciprocal(1 + abs(x)) + ops.zeros_like(x),
        real(ops.logical_or(x > 1, x < 0))
        + real(ops.logical_xor(x > -1, x < 0)) * 2
        + real(x <= 0.5) * 4
        + real(x != 0),
        ops.fmax(x, 0.1) + ops.fmin(x, 0.2) * 2 + ops.fmod(x * 7, 1.3) * 3 + ops.fmod(x * 7, -1.3),
        ops.amax(x, axis=1) + ops.amin(x, axis=-2) + real(ops.all(x < 1, axis=1)),
    ],
    "losses": lambda x: [
        ops.binary_crossentropy(real(x > 0), ops.sigmoid(x))
        + ops.binary_crossentropy(real(x > 0), x, from_logits=True),
        ops.categorical_crossentropy(ops.softmax(x), ops.softmax(x * 2), axis=-1),
        ops.sparse_categorical_crossentropy(ops.argmax(x, -1), x, from_logits=True),
        ops.psnr(x, x * 1.1, 5.0),
    ],
}
PRODUCTS: dict[str, Build] = {
    "einsum of many": lambda x: [
        ops.einsum("bij,bkj,bkl->bil", x, x, x),
        ops.einsum("bij,jk,k->bi", x, row(1, 2, 3, 4, 5, 6).reshape(3, 2), row(1, -2)),
        ops.einsum("...i,i,...i,j->...j", x, row(1, 2, 3), x, row(1, 2)),
        ops.einsum("bi,bj,bk->bijk", x[:, 0], x[:, 1], x[:, 2]),
    ],
    "einsum diagonals": lambda x: [
        ops.einsum("bii->bi", x[:, :3]),
        ops.einsum("bii->b", x[:, :3]),
        ops.einsum("bij,bkj", x, x),
    ],
    "products of low rank": lambda x: [
        ops.dot(x, 2.0) + ops.dot(ops.sum(x), x),
        ops.inner(x[0, 0], x[1, 1]) + ops.vdot(x, x * 2) + ops.matmul(x[0, 0], x[0, 1]),
        ops.outer(ops.sum(x), x[0, 0]),
        ops.tensordot(x[0], x[1], axes=0),
        ops.tensordot(x, x, axes=[[0, 1], [0, 1]]),
        ops.kron(x[0, :2], x[1]),
        ops.cdist(x, x[:, :2] + 1),
        ops.vander(x[0, 0], 4, increasing=True) - ops.vander(x[0, 0], 4),
        ops.corrcoef(x[0]),
    ],
    "windows": lambda x: [
        ops.depthwise_conv(x, (np.arange(6) / 4 - 0.75).reshape(2, 3, 1), 1, "same"),
        ops.separable_conv(x, (np.arange(6) / 4 - 0.75).reshape(2, 3, 1), row(1, -2, 3, 2, 1, 0).reshape(1, 3, 2), 2),
    ],
    "crosses": lambda x: [
        ops.cross(x, x[:, ::-1] * 2 + 1),
        ops.cross(x[:, :3], x[:, 1:4], axisa=1, axisb=2, axisc=0),
    ],
    "attention": lambda x: [
        ops.dot_product_attention(
            *(ops.reshape(x[:, :4], HEADS), ops.reshape(x[:, :4], HEADS), ops.reshape(x[:, 1:5], HEADS)),
            bias=row(0.3, -0.2).reshape(1, 1, 1, 2),
            mask=np.array([[[[True, False], [True, True]]]]),
            scale=0.7,
        ),
        ops.dot_product_attention(ops.reshape(x[:, :4], HEADS), x[:, :3, None], x[:, 1:4, None], is_causal=True),
    ],
}
IMAGES: dict[str, Build] = {
    "colours": lambda x: [
        ops.image.rgb_to_hsv(abs(x)[:, :, None]),
        ops.image.hsv_to_rgb(abs(x)[:, :, None]),
        ops.image.rgb_to_grayscale(x),
        ops.image.rgb_to_grayscale(x[..., :1]),
    ],
    "borders": lambda x: [
        ops.image.pad_images(x[..., None], 1, 2, target_height=9, target_width=8),
        ops.image.crop_images(x[..., None], 1, None, None, 0, target_height=3, target_width=2),
        ops.image.resize(x, (4, 7)),
    ],
    "filters": lambda x: [
        ops.image.gaussian_blur(x[..., None], (3, 5), (0.7, 1.5)),
        ops.image.gaussian_blur(x[:, None], (3, 5), (0.7, 1.5), data_format="channels_first"),
        ops.image.sobel_edges(x[..., None] * row(1, 2)),
        ops.image.sobel_edges(x[:, None], data_format="channels_first"),
    ],
    "patches": lambda x: [
        ops.image.extract_patches(x[..., None] * row(1, 2), 2, strides=1, padding="same"),
        ops.image.extract_patches(x, (2, 1)),
        ops.unfold(x[:, None] * row(1, 2).reshape(1, 2, 1, 1), 2, padding=1, stride=(1, 2)),
    ],
}
# NaN and infinities, which a comparison with a tolerance would hide: turned into other numbers, or counted.
NOT_FINITE: dict[str, Build] = {
    "questions": lambda x: [
        real(ops.isinf(1 / ops.relu(x))) + real(ops.isfinite(1 / ops.relu(x))) * 2 + real(ops.isnan(ops.log(x))) * 4,
        real(ops.isposinf(1 / ops.relu(x))) + real(ops.isneginf(-1 / ops.relu(x))) * 2,
        real(ops.isclose(ops.log(x), ops.log(x), equal_nan=True)) + real(ops.isclose(ops.log(x), ops.log(x))) * 2,
        ops.nan_to_num(ops.log(x), nan=2.0) + ops.nan_to_num(1 / ops.relu(x), posinf=5.0),
        real(ops.cast(ops.log(x) * 100, "int32")),
    ],
    "sums": lambda x: [
        ops.nanmax(ops.log(x), axis=(0, 1)),
        ops.nanmin(ops.sqrt(x), axis=(1, 2)),
        ops.nanmean(ops.log(x), axis=(0, 1), keepdims=True),
        ops.nanvar(ops.log(x), axis=(0, 1)),
        ops.nanstd(ops.log(x)),
        ops.nansum(ops.log(x), axis=-1) + ops.nanprod(ops.log(x), axis=2),
        ops.nancumprod(ops.log(x), axis=1),
        ops.nancumsum(ops.log(x), axis=1) + real(ops.nanargmax(ops.log(x), axis=2, keepdims=True)),
        real(ops.isnan(ops.nanmax(ops.log(-abs(x)), axis=1))) + real(ops.nanargmin(ops.log(-abs(x)), axis=1)),
    ],
    "floor divided": lambda x: [
        # Of a zero that is computed, compilers of shaders do not keep the sign.
        real(ops.isposinf(ops.floor_divide(2.0, abs(x) * 0))) + real(ops.isnan(ops.floor_divide(x * 0, x * 0))) * 2,
        ops.floor_divide(x, row(np.inf, -np.inf, 2)),
        ops.clip(ops.floor_divide(row(2, -2, 3), abs(x) * 0), -9, 9),
    ],
}

OPERATION_TABLES: dict[str, dict[str, Build]] = {
    "operation on truth": TRUTH,
    "operation by dtype": DTYPES,
    "operation that reduces": REDUCTIONS,
    "operation that moves": MOVES,
    "operation on elements": FUNCTIONS,
    "operation that multiplies": PRODUCTS,
    "operation on images": IMAGES,
    "operation not finite": NOT_FINITE,
}
