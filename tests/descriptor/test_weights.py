"""The weight set on disk."""

from __future__ import annotations

import numpy as np
import pytest

from webdnn.descriptor.weights import Piece, cut_shards
from webdnn.graph.errors import UnsupportedError


def test_shards_are_cut_at_rows() -> None:
    arrays = [np.arange(12, dtype=np.float32).reshape(4, 3), np.float32(7), np.arange(5, dtype=np.float32)]
    shards = list(cut_shards(arrays, limit=30))
    assert [pieces for _, pieces in shards] == [
        [Piece(0, 0, 2, 0)],
        [Piece(0, 2, 2, 0), Piece(1, 0, 1, 24)],
        [Piece(2, 0, 1, 0)],
    ]
    assert b"".join(content for content, _ in shards) == b"".join(a.tobytes() for a in arrays)


def test_a_row_that_no_shard_holds_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"shape \(2, 9\) has rows of 36 bytes; a shard holds 30"):
        list(cut_shards([np.zeros((2, 9), np.float32)], limit=30))


def test_only_a_weight_that_no_shard_holds_is_cut() -> None:
    arrays = [np.arange(n, dtype=np.float32).reshape(-1, 1) for n in (6, 5, 3, 4, 1, 2)]
    shards = list(cut_shards(arrays, limit=20, usual=16, small=0))
    assert [pieces for _, pieces in shards] == [
        [Piece(0, 0, 5, 0)],
        [Piece(0, 5, 1, 0)],
        [Piece(1, 0, 5, 0)],
        [Piece(2, 0, 3, 0)],
        [Piece(3, 0, 4, 0)],
        [Piece(4, 0, 1, 0), Piece(5, 0, 2, 4)],
    ]


def test_a_full_shard_takes_small_weights() -> None:
    arrays = [np.zeros((n, 1), np.float32) for n in (4, 1, 1, 1)]
    shards = list(cut_shards(arrays, limit=24, usual=16, small=8))
    assert [pieces for _, pieces in shards] == [
        [Piece(0, 0, 4, 0), Piece(1, 0, 1, 16), Piece(2, 0, 1, 20)],
        [Piece(3, 0, 1, 0)],
    ]
