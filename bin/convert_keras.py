#!/usr/bin/env python3
"""Converts a Keras model for the browser: bin/convert_keras.py MODEL --input_shape '(1,224,224,3)' --out output

Works with an installed WebDNN, and from a checkout: its .venv is used when the running Python lacks a package.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _packages import COMPILER, require

if __name__ == "__main__":
    require(*COMPILER, "h5py", "keras", extra="keras")
    from webdnn.cli.convert_keras import main

    sys.exit(main())
