"""The programs of webdnn/children.py, by the name under which backends know them."""

from __future__ import annotations

from webdnn.children import StoppedError as StoppedError
from webdnn.children import run as run
