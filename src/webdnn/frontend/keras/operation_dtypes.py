"""What Keras's dtypes mean in a graph, which knows float32, int32, uint8, int8 and bool: how a number is held, and how one becomes another.

int16, uint16 and the wider integers are held as int32. Results of 16 bits are cut to them, as Keras's wrap around. Keras on JAX computes int64 in
int32. Of uint32 and uint64, int32 holds the numbers below 2³¹: such a value is converted where it cannot be larger, and refused elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from webdnn.frontend.keras.lengths import Length
from webdnn.frontend.keras.lowering import Array, Context
from webdnn.frontend.writer import held
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

BOOL = "bool"
FLOATS = ("float32", "float64", "float16", "bfloat16")
RANGES: dict[str, tuple[int, int]] = {
    "bool": (0, 1),
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**31 - 1),
    "uint64": (0, 2**31 - 1),
}
"""The numbers that a graph holds of each dtype."""
SMALL = ("int8", "uint8")
HALVES = ("int16", "uint16")
HALF_RANGES = ("uint32", "uint64")
NUMBERS = ("float32", *RANGES)
"""The dtypes that layers and operations compute with in a graph."""
PYTHON = {"bool": "bool", "int": int, "float": float}


def graph_dtype(dtype: str) -> str:
    """The graph's dtype for numbers of Keras's dtype. Raises UnsupportedError where there is none."""
    if dtype in ("bool", "int8", "uint8"):
        return dtype
    if dtype in RANGES:
        return "int32"
    if dtype in FLOATS:
        return "float32"
    raise UnsupportedError(f"dtype {dtype}; {', '.join(NUMBERS)} are supported")


@dataclass(frozen=True)
class Call(Context):
    """The context of one call of an operation. `operands` are the dtypes of all its arguments in order, and `result` is that of its (first) result,
    by Keras's names. A Python number among the arguments is "bool", "int" or "float": it takes on the dtype of the others."""

    operands: tuple[str, ...] = field(default=(), kw_only=True)
    result: str = field(default="float32", kw_only=True)

    @classmethod
    def within(cls, context: Context, operands: Sequence[str], result: str) -> Call:
        shared = {f.name: getattr(context, f.name) for f in fields(Context)}
        return cls(**shared, operands=tuple(operands), result=result)

    @property
    def of_truth(self) -> bool:
        return bool(self.operands) and all(dtype == BOOL for dtype in self.operands)

    @property
    def is_whole(self) -> bool:
        """Whether the result is a whole number or truth."""
        return self.result in RANGES

    @cached_property
    def shared(self) -> str:
        """The dtype in which Keras compares numbers of these dtypes."""
        import keras

        return str(keras.backend.result_type(*(PYTHON.get(dtype, dtype) for dtype in self.operands)))


def dtype_of(argument: Any) -> str | None:
    """The dtype of an argument that holds numbers: a symbolic tensor, a variable, an array, a Python number."""
    if isinstance(argument, (bool, int, float)):
        return type(argument).__name__
    if isinstance(argument, Length):
        return "int"
    dtype = getattr(argument, "dtype", None)
    return None if dtype is None else str(getattr(dtype, "name", dtype))


def actual_dtype(tensor: Any, value: Value) -> str:
    """Keras's dtype of a tensor that is `value` in the graph. Some layers of Keras declare float32 for what stays a whole number: then the value
    tells."""
    declared = str(tensor.dtype)
    return declared if declared in NUMBERS and graph_dtype(declared) == value.dtype else value.dtype


def cast(c: Context, x: Value, target: str, source: str | None = None) -> Value:
    """Numbers of `source` (Keras's dtype, if it says more than that of `x`) as `target`, as Keras on JAX converts them: fractions are cut off, floats
    beyond the range become its end and NaN 0, whole numbers wrap, and truth is what is not 0."""
    source = source or x.dtype
    low, high = RANGES.get(target, (0, 0))
    first, last = RANGES.get(source, (-math.inf, math.inf))
    fits = low <= first and last <= high
    if target in HALF_RANGES and not fits:
        raise UnsupportedError(
            f"a cast of {source} to {target}, of which int32 holds the numbers below 2³¹; cast to int32 instead"
        )
    if target not in HALVES or fits:
        return c.cast(x, graph_dtype(target))
    whole = c.cast(x, "int32")
    return c.elementwise("clip", whole, low, high) if x.dtype == "float32" else wrapped(c, whole, target)


def wrapped(c: Context, x: Value, dtype: str) -> Value:
    """The lowest 16 bits of int32 numbers, as a number of the dtype."""
    if dtype == "uint16":
        return c.elementwise("bitwise_and", x, 0xFFFF)
    return c.elementwise("shift_right", c.elementwise("shift_left", x, 16), 16)


def number_as(value: Any, dtype: str) -> bool | int | float:
    """A constant number as `dtype` holds it; one that does not fit wraps in small dtypes, and is refused in those that int32 holds."""
    if dtype == BOOL:
        return bool(value)
    if dtype not in RANGES:
        return float(value)
    low, high = RANGES[dtype]
    whole = int(np.clip(np.trunc(np.nan_to_num(value)), low, high)) if isinstance(value, float) else int(value)
    if graph_dtype(dtype) == "int32" and dtype not in HALVES:
        return int(held(np.array(whole)))
    return (whole - low) % (high - low + 1) + low


def array_as(array: Array, dtype: str) -> Array | None:
    """A constant array as `dtype` where NumPy converts as Keras does: from truth and whole numbers, and between floats."""
    if array.dtype.kind in "biu":
        own = "float32" if dtype in FLOATS else dtype
        return held(held(array).astype(own))
    return held(array) if array.dtype.kind == "f" and dtype in FLOATS else None


def settled(c: Call, name: str, value: Value, dtype: str, elements: Any, is_sure: bool) -> Value:
    """The result `value` of the operation `name` as a number of the `dtype` that Keras computes, or, unless `is_sure`, declares; `elements` are so
    many numbers of the first operand as there are for each of the result."""
    if name in SUMMING and c.operands[0] in RANGES:
        raise UnsupportedError(
            f"{name} of {c.operands[0]}, in which Keras adds up and overflows; cast to float32 first"
        )
    if value.dtype == "float32" and computes_floats(name):
        if is_sure and dtype in RANGES:
            raise UnsupportedError(
                f"{name} of {c.operands[0]}, whose result Keras casts to {dtype}; cast to float32 first"
            )
        return value
    leaves_range = name == "FloorDivide" and dtype == "int16"  # −2¹⁵ divided by −1
    if name in CONVERTED or takes(name)[0] == AS_IS or (name in WITHIN and not leaves_range):
        return value if name in CONVERTED else c.cast(value, graph_dtype(dtype))
    if dtype in HALF_RANGES and not _sum_fits(c, name, elements):
        raise UnsupportedError(
            f"{name} in {dtype}, of which int32 holds the numbers below 2³¹; cast its operands to int32 or float32 first"
        )
    if dtype in HALVES:
        return cast(c, value, dtype)
    return c.cast(value, graph_dtype(dtype))


def _sum_fits(c: Call, name: str, elements: Any) -> bool:
    """Whether the sum of so many numbers of 8 or 16 bits surely lies below 2³¹."""
    largest = RANGES.get(c.operands[0] if c.operands else "", (0, 2**31))[1]
    return name in ("CountNonzero", "Sum") and isinstance(elements, int) and elements * largest < 2**31


# What an operation takes: its arguments in these dtypes.
AS_IS = "as it is"
FLOAT = "float32"
RESULT = "the declared dtype of the result"
WIDE = "int32 for whole numbers and truth, float32 for floats: the result is cut to its dtype afterwards"
SHARED = "the dtype that all arguments share"
TRUTH = "bool"
INDEX = "int32, for tensors"


def takes(name: str) -> tuple[str, ...]:
    """What the arguments of an operation become before it is lowered; the last holds for all further ones."""
    return TAKES[name]


def computes_floats(name: str) -> bool:
    return takes(name)[0] == FLOAT


def converted(c: Call, rule: str, value: Value, source: str) -> Value:
    """An argument of Keras's dtype `source` as an operation takes it by `rule`."""
    if rule == AS_IS:
        return value
    if rule == WIDE:
        narrow = cast(c, value, c.result, source) if c.result not in HALF_RANGES else value
        return c.cast(narrow, "int32" if c.is_whole else "float32")
    return cast(c, value, wanted(c, rule), source)


def wanted(c: Call, rule: str) -> str:
    """Keras's dtype in which an operation takes an argument by `rule`."""
    match rule:
        case "the declared dtype of the result":
            return c.result
        case "the dtype that all arguments share":
            return c.shared
        case "int32, for tensors":
            return "int32"
        case _:
            return rule


SUMMING = ("AdaptiveAveragePool", "AveragePool")
# Operations that give their own dtype.
CONVERTED = (
    *("Cast", "ConvertToTensor", "Copy", "Full", "FullLike", "OnesLike", "SaturateCast", "StopGradient", "ZerosLike"),
    *("MultiHot", "OneHot", "ReLU"),
    *("Array", "Bincount", "CTCDecode", "Histogram", "Linspace", "LuFactor", "Ndim", "Unique", "View"),
)
# Operations whose results on whole numbers lie in the range of the dtype in which they take them, so that nothing is cut.
WITHIN = (
    *(
        "Amax",
        "Amin",
        "BitwiseAnd",
        "BitwiseOr",
        "BitwiseRightShift",
        "BitwiseXor",
        "Clip",
        "FloorDivide",
        "Fmax",
        "Fmin",
    ),
    *(
        "Fmod",
        "Max",
        "Maximum",
        "MaxPool",
        "Min",
        "Minimum",
        "Mod",
        "Nanmax",
        "Nanmin",
        "Relu",
        "RightShift",
    ),
    *("Select", "Sort", "TopK", "Where", "Concatenate", "Append", "Stack", "Hstack", "Vstack", "Dstack", "SliceUpdate"),
)
_TAKEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        """
        Abs Absolute AdaptiveMaxPool Add Amax Amin Append BitwiseAnd BitwiseInvert BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift
        BitwiseXor Clip Concatenate Diff Dstack FloorDivide Fmax Fmin Fmod HardTanh Hstack LeftShift Max MaxPool Maximum Min Minimum Mod
        Multiply NanToNum Nanmax Nanmin Negative Power Ptp ReLU Relu RightShift Sign Square Stack Subtract Threshold Vstack
        """,
        (RESULT,),
    ),
    (
        """
        Cross Cumprod Cumsum Dot Einsum Inner Kron Matmul Nancumprod Nancumsum Nanprod Nansum Outer Prod Sum Tensordot Trace Vander Vdot
        """,
        (WIDE,),
    ),
    ("Digitize Equal Greater GreaterEqual IsIn Less LessEqual NotEqual SearchSorted", (SHARED,)),
    ("All Any CountNonzero LogicalAnd LogicalNot LogicalOr LogicalXor", (TRUTH,)),
    ("Select Where", (TRUTH, RESULT)),
    (
        """
        ArraySplit BroadcastTo Cast Conj Conjugate ConvertToTensor Copy CropImages DepthToSpace Diag Diagflat Diagonal Dsplit EmptyLike
        ExpandDims ExtractSequences Flip Fliplr Flipud Full FullLike GetItem Hsplit Identity Imag Isreal Meshgrid Moveaxis OnesLike Pad
        PadImages Ravel Real Repeat Reshape Roll Rot90 Round Resize SaturateCast Signbit Slice SpaceToDepth Split Squeeze StopGradient Swapaxes
        Tile Transpose Tril Triu Trunc Unstack Vsplit ZerosLike
        """,
        (AS_IS,),
    ),
    ("Argmax Argmin Argsort Sort TopK", (AS_IS,)),
    ("AffineTransform PerspectiveTransform", (AS_IS, FLOAT)),
    ("MapCoordinates", (AS_IS,)),
    ("ScaleAndTranslate", (FLOAT, AS_IS)),
    ("Take TakeAlongAxis", (AS_IS, INDEX)),
    ("MultiHot OneHot UnravelIndex", (INDEX,)),
    ("InTopK SparseCategoricalCrossentropy", (INDEX, FLOAT)),
    ("Scatter", (INDEX, RESULT)),
    ("ScatterUpdate", (RESULT, INDEX, RESULT)),
    ("SliceUpdate", (RESULT, AS_IS, RESULT)),
    ("SegmentSum SegmentProd", (WIDE, INDEX)),
    ("SegmentMax SegmentMin", (RESULT, INDEX)),
    ("Array Histogram Ndim Rearrange Size Unique Argpartition", (AS_IS,)),
    ("Bincount View", (AS_IS,)),
    ("CTCDecode", (FLOAT, INDEX)),
    ("Gcd Lcm", (RESULT,)),
    ("Nanpercentile Nanquantile", (FLOAT, AS_IS)),
    (
        """
        Cholesky CholeskyInverse Correlate Det Eigh Erfc Erfinv FFT FFT2 Geomspace I0 IFFT2 IRFFT ISTFT Inv Logdet Logspace Lstsq LuFactor
        MatrixRank Nanmedian Nextafter Pinv Qr RFFT STFT SVD Slogdet Solve SolveTriangular
        """,
        (FLOAT,),
    ),
    ("Conv ConvTranspose DepthwiseConv Percentile Quantile SeparableConv", (FLOAT, AS_IS)),
    ("DotProductAttention", (FLOAT, FLOAT, FLOAT, FLOAT, TRUTH, FLOAT)),
    (
        """
        AdaptiveAveragePool AllClose Angle Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Average AveragePool BatchNorm
        BinaryCrossentropy CDist CategoricalCrossentropy Cbrt Ceil Celu Corrcoef Cos Cosh Deg2rad Divide DivideNoNan Elu Erf Exp Exp2 Expm1
        ExtractPatches Fabs Floor Fold GaussianBlur Gelu Glu HSVToRGB HardShrink HardSigmoid HardSilu Heaviside Hypot Isclose Isfinite Isinf
        Isnan Isneginf Isposinf LayerNorm Ldexp LeakyRelu Linspace Log Log10 Log1p Log2 LogSigmoid LogSoftmax Logaddexp Logaddexp2 Logsumexp
        Mean Median Mish Moments Nanargmax Nanargmin Nanmean Nanstd Nanvar Norm Normalize PSNR RGBToGrayscale RGBToHSV RMSNorm Rad2deg
        Reciprocal Relu6 Rsqrt SSIM Selu Sigmoid Silu Sin Sinc Sinh SobelEdges SoftShrink Softmax Softplus Softsign SparsePlus
        SparseSigmoid Sparsemax Sqrt Squareplus Std Tan Tanh TanhShrink Trapezoid TrueDivide Unfold Var
        """,
        (FLOAT,),
    ),
)
TAKES: dict[str, tuple[str, ...]] = {name: rules for names, rules in _TAKEN for name in names.split()}
