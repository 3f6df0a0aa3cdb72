"""Pictures for the tests of `WebDNN.Image`, and what Pillow makes of them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

Array = np.ndarray


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def photo(height: int, width: int) -> Array:
    """As smooth as a photograph, with edges."""
    coarse = Image.fromarray(noise(height // 9 + 2, width // 9 + 2))
    pixels = np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))
    pixels[height // 3 : height // 2, width // 4 : width // 3] = (250, 10, 30)
    return pixels


def encoded(pixels: Array, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def opened(content: bytes) -> Image.Image:
    """What a training script reads, upright."""
    return ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")


def resized(image: Image.Image, width: int, height: int) -> Array:
    return np.array(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)


def across_and_down(image: Image.Image, width: int, height: int) -> Array:
    """First along x, then along y. Pillow before 13 always did so; now it chooses the order, which makes some levels one more or less."""
    return resized(image.resize((width, image.height), Image.Resampling.BILINEAR), width, height)


def unpacked(text: str, dtype: str = "<f4") -> Array:
    """What `packed` of pictures.js has packed."""
    return np.frombuffer(base64.b64decode(text), dtype)


def swapped_profile() -> bytes:
    """The colour profile of a screen whose red is sRGB's green, and the other way round."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = (slice(entries[name] + 4, entries[name] + 12) for name in (b"rXYZ", b"gXYZ"))
    profile[red], profile[green] = profile[green], profile[red]
    return bytes(profile)
