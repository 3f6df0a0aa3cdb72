"""Layers that attend, in models of one layer, with arguments that are not the default."""

from __future__ import annotations

from typing import Any

from keras import layers

from harness.keras_layers import Build, Sizes

QUERY, VALUE = (5, 8), (6, 8)


def given(layer: Any, **options: Any) -> Build:
    """The layer called with query and value, or with query, value and key."""
    return lambda xs: type(layer).from_config(layer.get_config())(*xs, **options)


def listed(layer: Any, **options: Any) -> Build:
    """The same for layers that take them as a list."""
    return lambda xs: type(layer).from_config(layer.get_config())(list(xs), **options)


def heads(*sizes: int, **options: Any) -> Any:
    return layers.MultiHeadAttention(*sizes, **options)


def groups(*sizes: int, **options: Any) -> Any:
    return layers.GroupQueryAttention(*sizes, **options)


# Each with the shapes of its inputs.
ATTENTION: dict[str, tuple[Build, tuple[Sizes, ...]]] = {
    "heads": (given(heads(2, 3)), (QUERY, VALUE)),
    "heads of other sizes": (
        given(heads(2, 3, value_dim=5, output_shape=7, use_bias=False, dropout=0.3)),
        (QUERY, (6, 4), (6, 3)),
    ),
    "heads with scores": (given(heads(3, 2, use_gate=True), return_attention_scores=True), (QUERY, QUERY)),
    "heads, causal": (given(heads(2, 3), use_causal_mask=True), (QUERY, VALUE)),
    "heads, causal with scores": (
        given(heads(2, 3), use_causal_mask=True, return_attention_scores=True),
        (QUERY, QUERY),
    ),
    "heads in a window": (given(heads(2, 3, sliding_window=2), use_causal_mask=True), (QUERY, VALUE)),
    "heads over one of two axes": (given(heads(2, 3, attention_axes=(2,))), ((3, 5, 8), (3, 6, 8))),
    "heads over two axes": (given(heads(2, 3, attention_axes=(1, 2), output_shape=(2, 4))), ((3, 2, 8), (2, 4, 8))),
    "groups": (given(groups(4, 6, 2)), (QUERY, VALUE)),
    "groups, causal": (given(groups(4, 4, 1, use_gate=True, use_bias=False), use_causal_mask=True), (QUERY, VALUE)),
    "groups in a window": (given(groups(3, 4, 2, sliding_window=3)), (QUERY, QUERY, QUERY)),
    "groups with scores": (given(groups(3, 4, 4, dropout=0.2), return_attention_scores=True), (QUERY, VALUE)),
    "one head": (listed(layers.Attention(use_scale=True)), (QUERY, VALUE)),
    "one head of sums": (listed(layers.Attention(score_mode="concat", dropout=0.4)), (QUERY, VALUE, VALUE)),
    "one head, causal with scores": (
        listed(layers.Attention(), use_causal_mask=True, return_attention_scores=True),
        (QUERY, VALUE),
    ),
    "additive": (listed(layers.AdditiveAttention()), (QUERY, VALUE)),
    "additive without a scale": (
        listed(layers.AdditiveAttention(use_scale=False, dropout=0.5), return_attention_scores=True),
        (QUERY, VALUE, VALUE),
    ),
}
