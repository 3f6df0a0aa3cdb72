"""Keras tests set all weights themselves, so that drawing initial ones, most of a small model's time, is left out."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import pytest

from webdnn.frontend.keras.loading import without_initializers


@pytest.fixture(autouse=True)
def fast_keras() -> Iterator[None]:
    with without_initializers(keras):
        yield
    keras.utils.clear_session(free_memory=False)
