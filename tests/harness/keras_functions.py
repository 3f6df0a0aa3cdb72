"""Every public function of keras.ops: those of the tables below with arguments that are not the default, and why others cannot be converted.

The tables complete those of `keras_operations`; functions of images and of control flow have tables of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from harness.keras_operations import real, row, whole

Build = Callable[[Any], Any]


def square(x: Any) -> Any:
    """(2, 3, 3)"""
    return x[:, :3] + 2 * np.eye(3, dtype=np.float32)[::-1]


def positive(x: Any) -> Any:
    """(2, 3, 3), symmetric and positive definite."""
    y = x[:, :3]
    return ops.matmul(y, ops.swapaxes(y, 1, 2)) + np.eye(3, dtype=np.float32)


def rebuilt(parts: Any) -> Any:
    """The product of a decomposition, whose factors may have other signs than Keras's; and that vectors are orthogonal."""
    u, s, v = parts
    count = s.shape[-1]
    return [
        ops.matmul(u[..., :count] * s[:, None], v[:, :count]),
        ops.matmul(ops.swapaxes(u, 1, 2), u),
        ops.matmul(v, ops.swapaxes(v, 1, 2)),
        ops.abs(u[..., :count]),
        s,
    ]


def eigen(x: Any) -> Any:
    values, vectors = ops.eigh(x)
    product = ops.matmul(vectors * values[:, None], ops.swapaxes(vectors, 1, 2))
    return [values, ops.abs(vectors), product]


def spectrum(x: Any, count: int) -> Any:
    """A pair of (2, 5, count)."""
    grid = np.arange(3 * count, dtype=np.float32).reshape(3, count)
    return ops.matmul(x, np.sin(grid)), ops.matmul(x, np.cos(grid * 2))


def signal(x: Any, length: int) -> Any:
    """(2, length)"""
    return ops.matmul(ops.reshape(x, (2, 15)), np.sin(np.arange(15 * length, dtype=np.float32)).reshape(15, length))


def decoded(x: Any, **arguments: Any) -> Any:
    return ops.ctc_decode(ops.softmax(x * 3), np.array([5, 3]), **arguments)


LINEAR_ALGEBRA: dict[str, Build] = {
    "solutions": lambda x: [
        ops.det(square(x)),
        ops.linalg.inv(square(x)),
        ops.solve(square(x), x[:, 2:, :2]),
        ops.solve(square(x), x[0, 0]),
        ops.solve_triangular(square(x), x[:, 2:], lower=True),
        ops.solve_triangular(square(x)[1], x[0, 1]),
    ],
    "determinants": lambda x: [
        *ops.slogdet(square(x)),
        ops.logdet(positive(x)),
        ops.det(x[:, :1, :1]),
        ops.det(square(x)[0] * row(1, 0, 2)),
    ],
    "cholesky": lambda x: [
        ops.cholesky(positive(x)),
        ops.cholesky(positive(x), upper=True),
        ops.cholesky_inverse(ops.cholesky(positive(x))[0]),
        ops.cholesky_inverse(ops.cholesky(positive(x), upper=True)[1], upper=True),
    ],
    "decompositions": lambda x: [
        *ops.lu_factor(square(x)),
        *ops.qr(x),
        *ops.qr(x, mode="complete"),
        *ops.linalg.qr(ops.swapaxes(x, 1, 2)),
    ],
    "eigenvalues": lambda x: eigen(square(x)) + eigen(positive(x)),
    "singular values": lambda x: [
        *rebuilt(ops.svd(x, full_matrices=False)),
        ops.svd(ops.swapaxes(x, 1, 2), compute_uv=False),
        ops.matmul(*ops.svd(x)[:1], ops.swapaxes(ops.svd(x)[0], 1, 2)),
        ops.norm(x, 2, axis=(1, 2)),
        ops.norm(x, -2, axis=(-1, 0), keepdims=True),
        ops.norm(x, "nuc", axis=(2, 1)),
        ops.norm(x[0], 1),
    ],
    "least squares": lambda x: [
        ops.pinv(x),
        ops.pinv(ops.swapaxes(x, 1, 2), rcond=0.4),
        ops.lstsq(x[0], x[1, :, :2]),
        ops.lstsq(x[0], x[1, :, 0], rcond=0.5),
        ops.lstsq(ops.transpose(x[0]), x[1, :3, 0]),
        ops.matrix_rank(x * row(1, 1, 0)),
        ops.matrix_rank(x, tol=1.5),
    ],
}
SPECTRA: dict[str, Build] = {
    "fourier": lambda x: [
        *ops.fft(spectrum(x, 6)),
        *ops.fft2(spectrum(x, 4)),
        *ops.ifft2(spectrum(x, 7)),
    ],
    "real fourier": lambda x: [
        *ops.rfft(x),
        *ops.rfft(x, fft_length=8),
        *ops.rfft(signal(x, 12), fft_length=9),
        ops.irfft(spectrum(x, 5)),
        ops.irfft(spectrum(x, 4), fft_length=7),
        ops.irfft(spectrum(x, 4), fft_length=12),
    ],
    "long fourier": lambda x: [
        *(part[:, ::7] for part in ops.fft((signal(x, 360), signal(x, 360) * 2))),
        ops.rfft(signal(x, 1000), fft_length=512)[1][:, ::5],
    ],
    "short-time fourier": lambda x: [
        *ops.stft(signal(x, 30), 8, 3, 10, window="hamming"),
        *ops.stft(signal(x, 30), 8, 4, 8, center=False),
        ops.stft(signal(x, 30), 5, 3, 7, window=None)[1],
        ops.istft(ops.stft(signal(x, 30), 8, 3, 10), 8, 3, 10),
        ops.istft(spectrum(x, 5), 8, 4, 8, length=17, window="hamming"),
        ops.istft(spectrum(x, 5), 8, 3, 8, window=None, center=False),
    ],
    "window of numbers": lambda x: ops.stft(signal(x, 30)[:, None], 5, 3, 7, window=np.array([1, 2, 3, 2, 1.0])),
    "correlations": lambda x: [
        *(ops.correlate(x[0, :, 0], x[0, 1], mode=mode) for mode in ("valid", "same", "full")),
        *(ops.correlate(x[0, 1], x[1, :, 0], mode=mode) for mode in ("valid", "same", "full")),
        *(ops.correlate(x[0, :, 0], x[0, 1:, 0], mode=mode) for mode in ("valid", "same", "full")),
        *(ops.correlate(x[0, 1:, 0], x[0, :, 0], mode=mode) for mode in ("valid", "same", "full")),
    ],
}
SPECIAL: dict[str, Build] = {
    "special functions": lambda x: [
        ops.erfc(x * 3),
        ops.erfinv(x / 3),
        ops.erfinv(ops.clip(ops.round(x * 64) / 128, -127 / 128, 127 / 128)),
        ops.i0(x * 6),
        ops.nextafter(x * 1e10, row(0, 1e30, -1e30)),
    ],
    "divisors": lambda x: [
        ops.gcd(whole(x, 60), whole(x, 33)),
        ops.lcm(whole(x, 60), whole(x, 7) * 2),
        ops.gcd(whole(x, 60), 12),
        ops.lcm(ops.cast(whole(x), "int8"), np.array([3, 4, 5], "int8")),
    ],
    "of infinities": lambda x: [
        ops.nan_to_num(ops.logaddexp(-1 / ops.relu(x), -1 / ops.relu(x[:, ::-1])), neginf=-3.0),
        ops.nan_to_num(ops.logaddexp2(1 / ops.relu(x), 1 / ops.relu(x[:, ::-1])), posinf=3.0),
        ops.clip(ops.hypot(1 / ops.relu(x), 1 / ops.relu(x)), 0, 9),
        ops.fmax(ops.log(x), -0.5),
        ops.nan_to_num(ops.fmin(ops.log(x), ops.log(-x)), neginf=-4.0, nan=7.0),
        # Of a zero that is computed, compilers of shaders do not keep the sign.
        ops.angle(ops.where(x > 1, x, row(0, -0.0, -1))),
        ops.cumprod(x * row(0, 1e30, 1e30), axis=2) + x,
        ops.in_top_k(np.array([0, 1, 2, 0, 1]), ops.log(x[0]), 2),
        ops.searchsorted(row(-1, 0, 0.5), ops.log(x[0, 0])),
        ops.digitize(ops.log(x), row(-1, 0, 0.5)),
        ops.digitize(ops.log(x), row(0.5, 0, -1)),
    ],
}
PLACES: dict[str, Build] = {
    "ranges": lambda x: [
        ops.linspace(x[0, 0] * 9, 20, 7, dtype="int32"),
        ops.logspace(x[0, 0], x[1, 0], 4, base=3, axis=1),
        ops.logspace(x[0, 0], 1.0, 4, endpoint=False),
        ops.geomspace(ops.abs(x[0, 0]) + 1, 40.0, 5, axis=-1),
        ops.geomspace(-ops.abs(x[0, 0]) - 1, row(-40, -1, -3), 3, endpoint=False),
    ],
    "shapes": lambda x: [
        ops.size(x),
        ops.ndim(x),
        ops.array(x * 5, dtype="int32"),
        ops.array(x),
        ops.view(whole(x, 3000), dtype="uint8"),
        ops.view(ops.view(whole(x, 3000), dtype="int8"), dtype="int32"),
    ],
    "patterns": lambda x: [
        ops.rearrange(ops.reshape(x, (2, 15, 1)), "b (h s) c -> s (b c h)", h=3, s=5),
        ops.rearrange(ops.reshape(x, (2, 5, 3)), "a b c -> (c a) b"),
    ],
    "segments": lambda x: [
        ops.segment_max(x[0], np.array([0, 2, 1, 2, 0]), num_segments=3),
        ops.segment_min(whole(x)[0], np.array([0, 2, 1, 2, 0]), num_segments=3),
        ops.segment_prod(x[0], whole(x, 3)[1, :, 0], num_segments=2, sorted=False),
        ops.nan_to_num(ops.segment_sum(ops.log(x[0]), np.array([0, 2, 7, -1, 0]), num_segments=4), nan=5.0),
        ops.nan_to_num(ops.segment_max(x[0, :, 0], np.array([0, 2, 1, 2, 0]), num_segments=5), neginf=-9.0),
        ops.segment_max(ops.cast(whole(x)[0], "int8"), np.array([0, 2, 1, 2, 0]), num_segments=4),
    ],
    "partitions": lambda x: [
        ops.argpartition(x, 2, axis=1),
        ops.argpartition(x, -1),
        ops.argpartition(ops.round(x), 7, axis=None),
    ],
    "distinct": lambda x: [
        ops.unique(ops.round(x), size=4),
        *ops.unique(whole(x, 2), size=9, fill_value=-5, return_index=True, return_inverse=True, return_counts=True),
        *ops.unique(whole(x, 2)[0, :, 0], size=2, return_counts=True, return_inverse=True, axis=0),
    ],
    "other quantiles": lambda x: [
        ops.nanmedian(ops.log(x), axis=1),
        ops.nanquantile(ops.log(x), np.array([0.2, 0.75]), axis=(1, 2), keepdims=True),
        ops.nanpercentile(ops.log(x), 30, method="nearest"),
        ops.nan_to_num(ops.nanquantile(ops.log(x), 0.6, axis=-1, method="lower"), nan=4.0),
        *(ops.percentile(x, 30, axis=(1,), method=method) for method in ("lower", "higher", "nearest", "midpoint")),
        ops.clip(ops.median(x * row(1, np.inf, 1), axis=(2,)), -9, 9),
    ],
    "labels": lambda x: [*decoded(x), *decoded(x, merge_repeated=False, mask_index=2)],
}
PLAIN: dict[str, Build] = {
    "arithmetic": lambda x: [
        ops.add(x, 2) + ops.subtract(3, x) * ops.multiply(x, row(1, 2, 3)) + ops.true_divide(x, 3),
        ops.divide_no_nan(x, ops.relu(x)),
        ops.cross(x[:, :2, :2], x[:, 1:3, :2]) + ops.cross(x[..., :2], x)[:, :2, 0],
        ops.absolute(x) + ops.negative(x) + ops.sign(x) * ops.trunc(x * 5) + ops.ceil(x) + ops.minimum(x, 0.1),
        ops.greater(x, 0.2),
        ops.greater_equal(whole(x), 3),
        ops.less(x, row(0, 1, 2)),
        ops.less_equal(0, x),
        ops.equal(whole(x, 2), 1),
        ops.not_equal(ops.round(x), 1),
        ops.logical_and(x > 0, x < 1),
        ops.logical_not(x > 0),
        ops.any(x > 1, axis=(0, 1), keepdims=True),
        ops.count_nonzero(x > 0, axis=(0, 2)),
        ops.broadcast_to(x[:, :1], (3, 2, 5, 3)),
        ops.get_item(x, (slice(None), -1)),
        ops.select([x > 1, x > 0], [x * 2, x * 3], default=-1),
    ],
    "functions": lambda x: [
        ops.arccos(x / 4) + ops.arcsin(x / 4) * 2 + ops.arctan(x) + ops.arctanh(x / 4) + ops.arcsinh(x * 9),
        ops.cos(x) + ops.cosh(x) * 2 + ops.sin(x * 3) + ops.sinh(x) + ops.tan(x / 4) + ops.tanh(x),
        ops.exp2(x) + ops.expm1(x) + ops.log10(1 + abs(x)) + ops.log1p(abs(x)) + ops.log2(1 + abs(x)),
        ops.celu(x, 0.7) + ops.elu(x, 0.3) + ops.gelu(x, approximate=False) + ops.leaky_relu(x, 0.4),
        ops.glu(x[..., :2], axis=-1),
        ops.hard_shrink(x, 0.3) + ops.hard_swish(x) + ops.hard_tanh(x * 2) + ops.swish(x) + ops.sparse_sigmoid(x),
        ops.squareplus(x, 3) + ops.threshold(x, 0.2, -4) + ops.tanh_shrink(x),
    ],
    "axes": lambda x: [
        *ops.array_split(x, 2, axis=1),
        *ops.split(x, [1, 4], axis=1),
        *ops.unstack(x, axis=-1),
        ops.hstack([x, x]),
        ops.stack([x, x * 2], axis=-2),
        ops.flip(x, axis=(0, 2)),
        ops.ravel(x),
        ops.rot90(x, k=3, axes=(2, 1)),
        ops.swapaxes(x, -1, 0),
        ops.tril(x, -1),
        ops.triu(x, k=1),
    ],
    "statistics": lambda x: [
        *ops.moments(x, (0, -1), keepdims=True),
        ops.ptp(x, axis=(0, 1), keepdims=True),
        ops.std(x, axis=(1, 2)),
        ops.var(x, keepdims=True),
        ops.normalize(x, axis=1, order=2),
        ops.normalize(x, axis=1, order=1),
        ops.normalize(x * 1e-3, axis=-1, order=3, epsilon=0.01),
        ops.layer_normalization(x, row(1, 2, 3), row(0, 1, 0), axis=-1, epsilon=0.1),
        ops.rms_normalization(x, row(1, 2, 3), epsilon=0.1),
        ops.batch_normalization(x, row(1, 2, 3), row(2, 1, 3), -1, row(1, 0, 1), row(2, 3, 4), 0.2),
    ],
    "pictures": lambda x: [
        ops.average_pool(x, 3, strides=2, padding="same"),
        ops.max_pool(x[:, None], (1, 2), strides=1, padding="same", data_format="channels_first"),
        ops.conv(x, np.ones((2, 3, 4), np.float32), strides=2, padding="same"),
        ops.depth_to_space(ops.tile(x[:, None], (1, 1, 1, 4)), 2),
        ops.space_to_depth(ops.tile(x[:, :4, None], (1, 1, 2, 1)), 2),
    ],
    # What is known while a model is made is a constant of it.
    "constants": lambda x: [
        x * ops.arange(1, 7, 2, dtype="float32") + ops.arange(3),
        x * ops.eye(5, 3, k=-1) + ops.identity(3)[1] + ops.tri(5, 3, k=1),
        x + ops.ones((5, 1)) + ops.zeros((3,)) + ops.empty((3,)) * 0,
        x * ops.bartlett(3) + ops.blackman(5)[:, None] + ops.hamming(3) * ops.hanning(3) + ops.kaiser(5, 2.0)[:, None],
        x * float(ops.convert_to_numpy(ops.array(2.0))) + float(ops.is_tensor(x)) + len(ops.shape(x)),
        x + ops.nonzero(np.array([0, 2, 0, 3, 4]))[0] + ops.unique(np.array([3, 1, 1, 2])) * 0.5,
        ops.cast(x, ops.dtype(x)) * ops.custom_gradient(lambda y: (y * 2, None))(ops.ones(3))[0],
    ],
}

# What Keras cannot load again, or not save: sizes that come back as lists, operations that it does not look for, and arrays.
NOT_SAVED = ("patterns", "window of numbers")

FUNCTION_TABLES: dict[str, dict[str, Build]] = {
    "function of matrices": LINEAR_ALGEBRA,
    "function of frequencies": SPECTRA,
    "function of a number": SPECIAL,
    "function of places": PLACES,
    "plain function": PLAIN,
}

# Keras on JAX computes these in code that runs as it is, such as the `call` of a subclassed model, not as operations of a model.
IN_CODE: dict[str, Build] = {
    "bincount": lambda x: [
        ops.bincount(ops.argmax(x, axis=-1), minlength=4),
        ops.bincount(ops.clip(whole(x, 3)[:, :, 0], -1, 3), minlength=4),
        ops.bincount(ops.argmax(x[0], axis=-1), weights=row(1, 2, 3, 4, 5), minlength=3),
        ops.bincount(ops.mod(whole(x[0, :, 0]), 4), weights=np.array([1, 2, 3, 4, 5]), minlength=6),
    ],
    "conv_transpose": lambda x: [
        ops.conv_transpose(x, np.arange(24, dtype=np.float32).reshape(2, 4, 3) / 9 - 1, 3, padding="same"),
        ops.conv_transpose(x, np.arange(24, dtype=np.float32).reshape(2, 4, 3) / 9 - 1, dilation_rate=2),
    ],
    "histogram": lambda x: [
        *ops.histogram(x[0, :, 0], bins=4),
        *ops.histogram(ops.reshape(ops.round(x * 2), (-1,)), bins=5, range=(-2, 3)),
        *ops.histogram(x[0, :, 0] * 0 + 2, bins=3),
    ],
}

# Name → a call of it on x (2, 5, 3) and what the refusal says.
REFUSED: dict[str, tuple[Build, str]] = {
    "ctc_loss": (
        lambda x: ops.ctc_loss(whole(x)[:, :2, 0], x, np.array([1, 2]), np.array([5, 5])),
        "a loss of training",
    ),
    "eig": (lambda x: ops.eig(x[:, :3]), "of symmetric matrices"),
    "jvp": (lambda x: ops.linalg.jvp(ops.sin, (x,), (x,)), "derivatives"),
    "nonzero": (lambda x: ops.nonzero(x > 0), "as many results as"),
    "polar": (lambda x: real(ops.view_as_real(ops.polar(x, x))), "complex"),
    "view_as_complex": (lambda x: ops.view_as_real(ops.view_as_complex(x[..., :2])), "complex"),
    "view_as_real": (lambda x: ops.view_as_real(ops.view_as_complex(x[..., :2])), "complex"),
}
# Keras itself cannot call them on a symbolic tensor.
ON_ARRAYS_ONLY = {"vectorize": "a function of Python that maps another one over arrays; write it with keras.ops"}
# Those whose cases are elsewhere: in the tables of the frontend's control flow.
CONTROL_FUNCTIONS = "associative_scan cond fori_loop map scan switch vectorized_map while_loop".split()
