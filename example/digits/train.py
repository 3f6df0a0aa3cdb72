"""Trains a small CNN on scikit-learn's handwritten digits with Keras; writes the model and what the page needs to check itself.

usage: python example/digits/train.py FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS = 40


def build_model() -> keras.Model:
    """(N, 8, 8, 1) pixels of 0…16 → (N, 10) probabilities."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Rescaling(1 / 16),
            layers.Conv2D(32, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )


def shifted(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The images, and each moved by one pixel in the four directions: people do not draw in the middle."""
    moves = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    return np.concatenate([np.roll(images, move, (1, 2)) for move in moves]), np.tile(labels, len(moves))


def main(folder: Path) -> None:
    keras.utils.set_random_seed(1)
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1).astype(np.float32)
    train, held_out, train_labels, held_out_labels = train_test_split(
        images, labels, test_size=0.25, random_state=1, stratify=labels
    )
    model = build_model()
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(*shifted(train, train_labels), batch_size=128, epochs=EPOCHS, verbose=0)
    predictions = model.predict(held_out, verbose=0).argmax(1)

    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "digits.h5")
    held_out.astype("<f4").tofile(folder / "heldout.bin")
    record = {"labels": held_out_labels.tolist(), "keras": predictions.tolist()}
    (folder / "heldout.json").write_text(json.dumps(record))
    print(f"Keras: {np.mean(predictions == held_out_labels):.2%} of {len(held_out)} held-out digits right")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
