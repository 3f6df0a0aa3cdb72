"""`WebDNN.Image` resizes as Pillow does, whatever the source and the browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.firefox import Firefox
from harness.server import StaticServer
from runtime.pictures import across_and_down, encoded, noise, opened, photo, resized, swapped_profile, unpacked
from runtime.support import FOLDER, ask, value

# (height, width) of the picture → of the array: smaller, larger, both at once, by little, by much, by primes.
PAIRS = [
    ((300, 700), (32, 32)),
    ((300, 700), (224, 224)),
    ((480, 640), (224, 224)),
    ((640, 480), (299, 299)),
    ((224, 224), (224, 224)),
    ((224, 224), (223, 225)),
    ((225, 223), (224, 224)),
    ((97, 89), (13, 11)),
    ((13, 11), (97, 89)),
    ((64, 48), (128, 96)),
    ((64, 48), (32, 24)),
    ((50, 200), (200, 50)),
    ((200, 50), (50, 200)),
    ((120, 160), (120, 40)),
    ((120, 160), (30, 160)),
    ((1, 1), (5, 4)),
    ((1, 37), (8, 8)),
    ((41, 2), (1, 1)),
    ((7, 1500), (3, 2)),
    ((900, 3), (5, 299)),
]
JPEG = encoded(photo(300, 700), "JPEG", quality=85)
TURNED = Image.Exif()
TURNED[0x0112] = 6  # the camera was held upright
FILES = {
    "photo.jpg": JPEG,
    "turned.jpg": encoded(photo(120, 200), "JPEG", exif=TURNED),
    "profile.png": encoded(photo(120, 200), icc_profile=swapped_profile()),
    "profile.jpg": encoded(photo(120, 200), "JPEG", icc_profile=swapped_profile()),
    "grey.png": encoded(photo(120, 200)[..., 0]),
    "palette.gif": encoded(photo(120, 200), "GIF"),
    "lossless.webp": encoded(photo(120, 200), "WEBP", lossless=True),
}


@pytest.fixture(scope="module")
def firefox(server: StaticServer) -> Iterator[Firefox]:
    with Firefox() as firefox:
        firefox.goto(server.url("/page.html"))
        firefox.wait_for_function("!!window.WebDNN")
        yield firefox


@pytest.fixture(params=["chromium", pytest.param("firefox", marks=pytest.mark.exhaustive)])
def page(request: pytest.FixtureRequest, server: StaticServer) -> Any:
    """A page of each browser, with pictures.js."""
    page = request.getfixturevalue("site" if request.param == "chromium" else "firefox")
    page.evaluate("(text) => { if (!window.arrayOf) (0, eval)(text); }", (FOLDER / "pictures.js").read_text())
    return page


def arrays(page: Any, *jobs: tuple[str, dict[str, Any]]) -> list[np.ndarray]:
    """What getImageArray gives for each (address, options)."""
    body = "const done = []; for (const [url, options] of jobs) done.push(await arrayOf(url, options)); return done;"
    return [unpacked(text) for text in value(ask(page, body, jobs=[list(job) for job in jobs]))]


def assert_as_pillow(array: np.ndarray, want: np.ndarray, context: object) -> None:
    """At most one level off, and mostly none."""
    difference = np.abs(array.reshape(want.shape) - want)
    assert difference.max() <= 1, (context, difference.max())
    assert difference.mean() < 0.3, (context, difference.mean())


def test_a12_sizes(page: Any, server: StaticServer) -> None:
    jobs, wanted = [], []
    for i, ((height, width), (rows, columns)) in enumerate(PAIRS):
        content = encoded(noise(height, width, seed=i) if i % 2 else photo(height, width))
        server.add(f"/pair{i}.png", content)
        jobs.append((f"/pair{i}.png", {"dstW": columns, "dstH": rows}))
        wanted.append(opened(content))
    for pair, array, image in zip(PAIRS, arrays(page, *jobs), wanted, strict=True):
        rows, columns = pair[1]
        assert_as_pillow(array, resized(image, columns, rows), pair)
        np.testing.assert_array_equal(array, across_and_down(image, columns, rows).ravel(), str(pair))


@pytest.mark.parametrize("name", FILES)
def test_a12_files(page: Any, server: StaticServer, name: str) -> None:
    """By address and by element: upright, as stored whatever its colour profile says, and as Pillow reads it."""
    server.add(f"/{name}", FILES[name])
    body = """
      const img = Object.assign(new Image(), {src: url});
      return [await arrayOf(url, options), await arrayOf(img, options), await arrayOf(url), await arrayOf(img)];"""
    answers = value(ask(page, body, url=f"/{name}", options={"dstW": 50, "dstH": 40}))
    by_url, by_img, whole_by_url, whole_by_img = map(unpacked, answers)
    image = opened(FILES[name])
    assert_as_pillow(by_url, resized(image, 50, 40), name)
    assert_as_pillow(whole_by_url, np.array(image, np.float32), name)
    np.testing.assert_array_equal(by_img, by_url)
    np.testing.assert_array_equal(whole_by_img, whole_by_url)


def test_a12_every_source(page: Any, server: StaticServer) -> None:
    """The same numbers from every kind of source, at once and by the functions that do not wait."""
    server.add("/photo.jpg", JPEG)
    body = """
      const {getImageArrayFromCanvas, getImageArrayFromDrawable, getImageArrayFromImageData} = WebDNN.Image;
      const answers = {};
      const sources = await sourcesOf('/photo.jpg');
      for (const [kind, make] of Object.entries(sources)) answers[kind] = await arrayOf(await make(), options);
      for (const kind of ['img', 'VideoFrame', 'ImageBitmap', 'pixels']) {
        answers[`${kind}, at once`] = packed(getImageArrayFromDrawable(await sources[kind](), options));
      }
      answers['canvas, at once'] = packed(getImageArrayFromCanvas(sources.canvas(), options));
      answers['ImageData, at once'] = packed(getImageArrayFromImageData(sources.ImageData(), options));
      return answers;"""
    answers = value(ask(page, body, options={"dstW": 32, "dstH": 32}))
    want = resized(opened(JPEG), 32, 32)
    assert_as_pillow(unpacked(answers["url"]), want, "url")
    different = [kind for kind, text in answers.items() if text != answers["url"]]
    assert not different
    assert len(answers) == 22


def test_a12_video(page: Any, server: StaticServer) -> None:
    """A frame is the same picture as its copy on a canvas."""
    server.add("/photo.jpg", JPEG)
    video, canvas = map(
        unpacked, value(ask(page, "return videoAndCanvas('/photo.jpg', options)", options={"dstW": 32, "dstH": 32}))
    )
    np.testing.assert_array_equal(video, canvas)
    assert np.abs(video.reshape(32, 32, 3) - resized(opened(JPEG), 32, 32)).mean() < 8  # videos lose colour


def test_a12_in_a_worker(page: Any, server: StaticServer) -> None:
    server.add("/photo.jpg", JPEG)
    server.add(
        "/picture-worker.mjs",
        """import * as WebDNN from '/runtime/webdnn.mjs';
        postMessage([...await WebDNN.Image.getImageArray('/photo.jpg', {dstW: 32, dstH: 32})]);""",
    )
    body = """
      const worker = new Worker('/picture-worker.mjs', {type: 'module'});
      const {data} = await new Promise((resolve, reject) => Object.assign(worker, {onmessage: resolve, onerror: reject}));
      worker.terminate();
      return data;"""
    assert_as_pillow(np.array(value(ask(page, body))), resized(opened(JPEG), 32, 32), "worker")


# (what is cut out, to which size, where): whole pixels and parts of them.
CUTS = [
    ({"srcX": 100, "srcY": 20, "srcW": 200, "srcH": 200, "dstW": 64, "dstH": 64}, (100, 20, 300, 220)),
    ({"srcX": 650, "srcY": 290, "dstW": 64, "dstH": 64}, (650, 290, 700, 300)),
    (
        {"srcX": 10.25, "srcY": 20.5, "srcW": 333.5, "srcH": 100.75, "dstW": 50, "dstH": 60},
        (10.25, 20.5, 343.75, 121.25),
    ),
    ({"srcX": 30, "srcY": 40, "srcW": 50, "srcH": 60}, (30, 40, 80, 100)),
]


def test_a12_cut_out(page: Any, server: StaticServer) -> None:
    """Nothing outside of the rectangle counts, and what is not covered by it is zero."""
    server.add("/photo.jpg", JPEG)
    image = opened(JPEG)
    placed = {"dstX": 7, "dstY": 3}
    options = [options for cut, _ in CUTS for options in (cut, cut | placed)]
    results = arrays(page, *(("/photo.jpg", each) for each in options))
    for i, (cut, (left, top, right, bottom)) in enumerate(CUTS):
        columns, rows = cut.get("dstW", 50), cut.get("dstH", 60)
        outer = (int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom)))
        box = (left - outer[0], top - outer[1], right - outer[0], bottom - outer[1])
        part = image.crop(outer).resize((columns, rows), Image.Resampling.BILINEAR, box=box)
        want = np.array(part, np.float32)
        assert_as_pillow(results[2 * i], want, cut)
        assert_as_pillow(results[2 * i + 1], np.pad(want, ((3, 0), (7, 0), (0, 0))), cut)


def test_a12_alpha(page: Any) -> None:
    """What is transparent does not colour its neighbours; without resizing, pixels in memory stay as they are."""
    pixels = noise(40, 30, 4)
    pixels[:10, :, 3] = 0
    pixels[10:20, :, 3] = 255
    image = Image.fromarray(pixels)
    body = """
      const picture = {data: Uint8ClampedArray.from(data), width: 30, height: 40};
      const before = packed(picture.data);
      const {RGBA, RGB} = WebDNN.Image.Color;
      const answers = [];
      for (const size of [{}, {dstW: 11, dstH: 9}, {dstW: 50, dstH: 64}]) {
        for (const color of [RGBA, RGB]) answers.push(await arrayOf(picture, {...size, color}));
      }
      return {answers, same: packed(picture.data) === before};"""
    answer = value(ask(page, body, data=pixels.ravel().tolist()))
    assert answer["same"]
    for i, (columns, rows) in enumerate([(30, 40), (11, 9), (50, 64)]):
        want = resized(image, columns, rows)
        assert_as_pillow(unpacked(answer["answers"][2 * i]), want, (columns, rows))
        np.testing.assert_array_equal(
            unpacked(answer["answers"][2 * i + 1]),
            unpacked(answer["answers"][2 * i]).reshape(want.shape)[..., :3].ravel(),
        )
