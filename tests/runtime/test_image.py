"""`WebDNN.Image`, `WebDNN.Math` and `getBackendAvailability` in a page, against a picture whose pixels are known."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest

from harness.server import StaticServer
from runtime.support import ask, refusal, value

HEIGHT, WIDTH = 5, 7
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
SOURCES = {
    "url": "'/picture.png'",
    "img, not loaded yet": "Object.assign(new Image(), {src: '/picture.png'})",
    "img": "image",
    "canvas": "canvas",
    "offscreen": "offscreen",
    "ImageData": "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)",
    "bitmap": "await createImageBitmap(canvas)",
    "blob": "await (await fetch('/picture.png')).blob()",
}
PREPARE = """
  const bitmap = await createImageBitmap(await (await fetch('/picture.png')).blob());
  const canvas = Object.assign(document.createElement('canvas'), {width: bitmap.width, height: bitmap.height});
  const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
  for (const one of [canvas, offscreen]) one.getContext('2d').drawImage(bitmap, 0, 0);
  const image = Object.assign(new Image(), {src: '/picture.png'});
  await image.decode();
  const {Color, Order} = WebDNN.Image;
"""


def png(pixels: np.ndarray) -> bytes:
    """An 8-bit PNG of (height, width, 3), without loss and without a colour profile."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module", autouse=True)
def picture(server: StaticServer) -> None:
    server.add("/picture.png", png(PIXELS))
    server.add("/flat.png", png(np.full((6, 9, 3), (10, 120, 250), np.uint8)))
    server.add("/text.png", b"no picture")


def array(site: Any, source: str, options: str = "{}") -> np.ndarray:
    body = f"{PREPARE} const source = ({source}); return [...await WebDNN.Image.getImageArray(source, {options})];"
    return np.array(value(ask(site, body)))


@pytest.mark.parametrize("source", SOURCES)
def test_every_source(site: Any, source: str) -> None:
    np.testing.assert_array_equal(array(site, SOURCES[source]), PIXELS.ravel())


@pytest.mark.parametrize("source", ["url", "ImageData"])
@pytest.mark.parametrize(
    ("options", "want"),
    [
        ("{color: Color.BGR}", PIXELS[..., ::-1]),
        ("{order: Order.CHW}", PIXELS.transpose(2, 0, 1)),
        ("{color: Color.BGR, order: Order.CHW}", PIXELS[..., ::-1].transpose(2, 0, 1)),
        ("{color: Color.RGBA}", np.concatenate([PIXELS, np.full((HEIGHT, WIDTH, 1), 255)], 2)),
        ("{color: Color.GREY}", PIXELS @ [0.2126, 0.7152, 0.0722]),
        ("{bias: [1, 2, 3], scale: [2, 4, 8]}", (PIXELS - [1.0, 2.0, 3.0]) / [2, 4, 8]),
        ("{bias: 127.5, scale: 127.5}", (PIXELS - 127.5) / 127.5),
        ("{srcX: 2, srcY: 1, srcW: 4, srcH: 3}", PIXELS[1:4, 2:6]),
        ("{srcX: 2, srcY: 1}", PIXELS[1:, 2:]),
    ],
)
def test_options(site: Any, source: str, options: str, want: np.ndarray) -> None:
    np.testing.assert_allclose(array(site, SOURCES[source], options), want.ravel(), rtol=1e-6)


def test_resized(site: Any) -> None:
    """To a model's size: of one colour exactly, of any picture within its range, with about its mean."""
    flat = array(site, "'/flat.png'", "{dstW: 4, dstH: 3}").reshape(3, 4, 3)
    np.testing.assert_array_equal(flat, np.broadcast_to([10, 120, 250], (3, 4, 3)))
    doubled = array(site, "'/picture.png'", f"{{dstW: {2 * WIDTH}, dstH: {2 * HEIGHT}}}")
    assert doubled.size == 4 * PIXELS.size
    assert abs(doubled.mean() - PIXELS.mean()) < 8


def test_wrong_pictures(site: Any) -> None:
    body = """
      const tries = [() => WebDNN.Image.getImageArray('/nowhere.png'), () => WebDNN.Image.getImageArray('/text.png'),
        () => WebDNN.Image.getImageArray(document.createElement('canvas'), {color: 9}),
        () => WebDNN.Image.getImageArray(Object.assign(document.createElement('canvas'), {width: 0})),
        () => WebDNN.Image.getImageArray(document.createElement('input')),
        () => WebDNN.Image.getImageArray(Object.assign(new Image(), {src: '/nowhere.png'})),
        () => WebDNN.Image.getImageArray('/picture.png', {scale: [1, 2]}),
        ...[undefined, null, 5, {}].map((source) => () => WebDNN.Image.getImageArray(source))];
      const answers = [];
      for (const one of tries) answers.push(await attempt(one));
      return answers;"""
    answers = value(ask(site, body))
    refusal(answers[0], "/nowhere.png", "404", code="fetch")
    refusal(answers[1], "/text.png", "not a picture", code="image")
    refusal(answers[2], "unknown color 9", code="image")
    refusal(answers[3], "empty", code="image")
    refusal(answers[4], "no file", code="image")
    refusal(answers[5], "not loaded", code="image")
    refusal(answers[6], "scale", "got 2 numbers, want one or 3", code="image")
    for answer in answers[7:]:
        refusal(answer, "picture", code="image")


def test_math(site: Any) -> None:
    body = """
      const values = [3, NaN, -1, 3, 8, -Infinity];
      const {argmax, argmin} = WebDNN.Math;
      return [argmax(values), argmin(values), argmax(values, 3), argmin(new Float32Array(values), 2), argmax([]),
        argmax(values, 100)];"""
    assert value(ask(site, body)) == [[4], [5], [4, 0, 3], [5, 2], [], [4, 0, 3, 2, 5]]


def test_availability(site: Any) -> None:
    assert value(ask(site, "return WebDNN.getBackendAvailability()")) == {
        "status": {"webgpu": True, "webgl": True, "webassembly": True, "fallback": True},
        "defaultOrder": ["webgpu", "webgl", "webassembly", "fallback"],
    }
