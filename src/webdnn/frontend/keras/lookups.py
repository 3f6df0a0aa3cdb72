"""Layers that look whole numbers up in a vocabulary, or hash them. Keras computes them with TensorFlow, text with them; numbers need neither.

TensorFlow's hashes have 64 bits, and those of numbers are hashes of their decimal digits: `frontend/hashes.py` computes the same in the graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from webdnn.frontend.hashes import bin_of_numbers, bin_of_text
from webdnn.frontend.keras.encoding import encoded, refuse_sparse
from webdnn.frontend.keras.lowering import Array, Context, Layer, array_of
from webdnn.frontend.keras.operation_dtypes import RANGES, graph_dtype
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.elementwise import Elementwise
from webdnn.graph.ops.reduction import Reduce

CROSSING_KEY = 0xDECAFCAFFE  # of tf.sparse.cross_hashed
NOWHERE = -1


def lower_integer_lookup(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """The place of each number in the vocabulary, after that of the mask and those of unknown numbers; or, inverted, the number at each place. Where
    Keras ends the program, for unknown numbers without a place for them, it is −1."""
    refuse_sparse(layer)
    (x,), e = inputs, context.elementwise
    tokens = known_tokens(layer)
    mode, masks = layer.output_mode, layer.mask_token is not None
    start = 1 if masks and mode == "int" else 0
    first = start + int(layer.num_oov_indices)
    places = np.arange(first, first + tokens.size, dtype=np.int32)
    if layer.invert:
        _ = layer.num_oov_indices, layer.max_tokens, layer.pad_to_max_tokens, layer.oov_method, layer.salt
        found = looked_up(context, x, places, tokens, int(layer.oov_token))
        return e("where", e("equal", x, 0.0), float(layer.mask_token), found) if masks else found
    _ = layer.oov_token
    found = looked_up(context, x, tokens, places, NOWHERE)
    unknown = e("equal", found, float(NOWHERE))
    if masks:
        is_mask = e("equal", x, float(layer.mask_token))
        found = e("where", is_mask, 0.0 if mode == "int" else float(NOWHERE), found)
        unknown = e("logical_and", unknown, e("logical_not", is_mask))
    found = e("where", unknown, _place_of_unknown(layer, x, start, context), found)
    depth = int(layer.max_tokens) if layer.pad_to_max_tokens else first + tokens.size
    y = encoded(context, found, "count" if mode == "tf_idf" else mode, depth)
    if mode != "tf_idf":
        return y
    return e("mul", y, context.constant(layer, "idf weights", lambda: array_of(layer.idf_weights_const)))


def known_tokens(layer: Layer) -> Array:
    """The vocabulary without the tokens for masks and unknown numbers."""
    tokens = [int(token) for token in layer.get_vocabulary(include_special_tokens=False)]
    if not tokens:
        raise UnsupportedError("no vocabulary; give it with vocabulary=[…], or call adapt() before the model is saved")
    low, high = RANGES["int32"]
    beyond = [token for token in tokens if not low <= token <= high]
    if beyond:
        raise UnsupportedError(
            f"the token {beyond[0]} in its vocabulary, which int32, the integers of a page, cannot hold"
        )
    return np.array(tokens, np.int32)


def looked_up(context: Context, x: Value, keys: Array, values: Array, default: int) -> Value:
    """The value of the key that x is, `default` where it is none."""
    e, smallest = context.elementwise, float(np.iinfo(np.int32).min)
    is_key = e("equal", context.reshape(x, (*x.shape, 1)), context.literal(keys))
    last = (x.type.rank,)
    found = context.apply(Reduce("max", last), e("where", is_key, context.literal(values), smallest))
    return e("where", context.apply(Reduce("max", last), is_key), found, float(default))


def _place_of_unknown(layer: Layer, x: Value, start: int, context: Context) -> Value | float:
    """Where a number goes that is not in the vocabulary. One that the place for masks comes before."""
    count = int(layer.num_oov_indices)
    hashes, salt = layer.oov_method == "farmhash", layer.salt
    if count < 2:
        return float(start if count else NOWHERE)
    place = hashed(x, count, salt, context) if hashes else context.elementwise("mod", x, float(count))
    return context.elementwise("add", place, float(start))


def hashed(x: Value, bins: int, salt: Sequence[int] | None, context: Context) -> Value:
    """The bin of each number, 0 … `bins` − 1: of FarmHash's fingerprint of its digits, or, with a salt, of their SipHash."""
    if bins == 1:
        return context.fill(x.shape, 0, "int32")
    key = None if salt is None else (int(salt[0]) % 2**64, int(salt[1]) % 2**64)
    return context.apply(Elementwise(bin_of_text(bins, key)), x)


def lower_hashing(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    refuse_sparse(layer)
    (x,), bins, e = inputs, int(layer.num_bins), context.elementwise
    if x.dtype == "bool":
        raise UnsupportedError("an input of bool, which Keras hashes as the words true and false; cast to int32 first")
    x = context.cast(x, "int32")
    if layer.output_mode == "one_hot" and x.shape[-1] == 1 and x.type.rank > 1:
        x = context.reshape(x, x.shape[:-1])
    masks = layer.mask_value is not None and bins > 1
    found = hashed(x, bins - 1 if masks else bins, layer.salt, context)
    if masks:  # the first bin is that of the mask
        is_mask = e("equal", x, float(layer.mask_value))
        found = e("where", is_mask, 0.0, e("add", found, 1.0))
    return _as_told(layer, encoded(context, found, layer.output_mode, bins), context)


def lower_hashed_crossing(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """The bin of several columns of numbers together."""
    refuse_sparse(layer)
    if len(inputs) < 2 or any(x.dtype in ("float32", "bool") for x in inputs):
        raise UnsupportedError("it wants two or more columns of whole numbers, as in Keras; cast them to int32 first")
    columns = [context.cast(x, "int32") for x in inputs]
    bins = int(layer.num_bins)
    found = context.apply(Elementwise(bin_of_numbers(len(columns), bins, CROSSING_KEY)), *columns)
    return _as_told(layer, encoded(context, found, layer.output_mode, bins), context)


def _as_told(layer: Layer, y: Value, context: Context) -> Value:
    """`y` in the layer's dtype."""
    return context.cast(y, graph_dtype(str(layer.dtype)))


LOWERINGS = {
    "HashedCrossing": lower_hashed_crossing,
    "Hashing": lower_hashing,
    "IntegerLookup": lower_integer_lookup,
}
