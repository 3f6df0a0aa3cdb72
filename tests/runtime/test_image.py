"""`WebDNN.Image`, `WebDNN.Math` and `getBackendAvailability` in a page, against a picture whose pixels are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.cases import graph_of, source
from harness.server import StaticServer
from runtime.pictures import encoded as png
from runtime.pictures import resized
from runtime.support import ask, refusal, value, write_model
from webdnn.graph.ops.elementwise import elementwise

HEIGHT, WIDTH = 5, 7
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
LUMA = [0.2126, 0.7152, 0.0722]
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


@pytest.fixture(scope="module", autouse=True)
def picture(server: StaticServer) -> None:
    server.add("/picture.png", png(PIXELS))
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
        ("{color: Color.GREY}", PIXELS @ LUMA),
        ("{bias: [1, 2, 3], scale: [2, 4, 8]}", (PIXELS - [1.0, 2.0, 3.0]) / [2, 4, 8]),
        ("{bias: 127.5, scale: 127.5}", (PIXELS - 127.5) / 127.5),
        ("{srcX: 2, srcY: 1, srcW: 4, srcH: 3}", PIXELS[1:4, 2:6]),
        ("{srcX: 2, srcY: 1}", PIXELS[1:, 2:]),
    ],
)
def test_options(site: Any, source: str, options: str, want: np.ndarray) -> None:
    np.testing.assert_allclose(array(site, SOURCES[source], options), want.ravel(), rtol=1e-6)


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


# What is wrong with an option, and what the message says.
WRONG_OPTIONS = {
    "{order: 'CHW'}": ['unknown order "CHW"', "WebDNN.Image.Order.CHW"],
    "{order: 7}": ["unknown order 7"],
    "{order: null}": ["unknown order null"],
    "{color: 'RGB'}": ["unknown color", "WebDNN.Image.Color.RGB"],
    "{bias: '127'}": ['bias: got "127"', "a number or a list of numbers"],
    "{bias: ['1', 2, 3]}": ["bias"],
    "{bias: NaN}": ["bias"],
    "{scale: [1, 0, 1]}": ["scale", "other than 0"],
    "{scale: Infinity}": ["scale"],
    "{scale: {}}": ["scale"],
    "{color: Color.RGBA, bias: [1, 2, 3]}": ["bias", "want one or 4"],
    "{dstWidth: 1}": ["unknown option 'dstWidth'", "did you mean dstW?"],
    "{dstheight: 1}": ["unknown option 'dstheight'", "did you mean dstH?"],
    "{colour: 0}": ["did you mean color?"],
    "{mean: 1}": ["unknown option 'mean'", "known: srcX"],
    "{type: Uint8Array}": ["type", "Float32Array or Int32Array"],
    "{type: 'Int32Array'}": ["type"],
    "{type: 7}": ["type"],
    "{dstW: 0}": ["dstW: got 0", "whole number"],
    "{dstH: 2.5}": ["dstH: got 2.5"],
    "{dstW: '224'}": ['dstW: got "224"'],
    "{dstW: 2 ** 31, dstH: 1}": ["dstW"],
    "{dstW: 2 ** 16, dstH: 2 ** 16}": ["more than", "dstW"],
    "{dstX: -1}": ["dstX"],
    "{srcW: 0}": ["srcW: got 0"],
    "{srcX: -2}": ["srcX"],
    "{srcX: 3, srcW: 5}": ["is not inside of the picture", "7×5"],
    "{srcY: 5}": ["is not inside of the picture"],
    "{srcW: 2.5}": ["not whole", "dstW"],
    "224": ["options: got 224", "an object"],
    "null": ["options: got null"],
    "[224, 224]": ["options: got a list of 2"],
}


def test_a11_wrong_options(site: Any) -> None:
    tries = ",".join(f"[{options!r}, () => ({options})]" for options in WRONG_OPTIONS)
    body = f"""{PREPARE}
      const answers = {{}};
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      for (const [name, make] of [{tries}]) {{
        answers[name] = [
          await attempt(() => WebDNN.Image.getImageArray('/picture.png', make())),
          await attempt(() => WebDNN.Image.getImageArrayFromImageData(pixels, make())),
        ];
      }}
      return answers;"""
    answers = value(ask(site, body))
    assert set(answers) == set(WRONG_OPTIONS)
    for options, words in WRONG_OPTIONS.items():
        for answer in answers[options]:
            refusal(answer, *words, code="image")


def test_a11_type(site: Any) -> None:
    """Int32Array cuts off what is behind the point, as in WebDNN 1; an option that is undefined is not given."""
    body = f"""{PREPARE}
      const frame = document.body.appendChild(document.createElement('iframe'));
      const answers = [];
      for (const type of [undefined, Float32Array, Int32Array, frame.contentWindow.Int32Array]) {{
        const array = await WebDNN.Image.getImageArray(image, {{type, bias: 100, scale: [3, 4, 5], order: Order.CHW}});
        answers.push([array.constructor.name, [...array]]);
      }}
      frame.remove();
      return answers;"""
    exact = ((PIXELS - 100.0) / [3, 4, 5]).transpose(2, 0, 1).ravel()
    answers = value(ask(site, body))
    assert [name for name, _ in answers] == ["Float32Array", "Float32Array", "Int32Array", "Int32Array"]
    for name, values in answers:
        np.testing.assert_allclose(values, np.trunc(exact) if name == "Int32Array" else exact, rtol=1e-6)


def test_a11_lists(site: Any) -> None:
    """Lists of one number, typed arrays, three numbers for a grey picture."""
    options = [
        ("{bias: [5], scale: new Float32Array([2])}", (PIXELS - 5.0) / 2),
        ("{color: Color.BGR, bias: Uint8Array.of(3, 2, 1)}", PIXELS[..., ::-1] - [3.0, 2, 1]),
        ("{color: Color.GREY, bias: [1, 2, 3], scale: [2, 4, 8]}", ((PIXELS - [1.0, 2, 3]) / [2, 4, 8]) @ LUMA),
    ]
    for text, want in options:
        np.testing.assert_allclose(array(site, "image", text), want.ravel(), rtol=1e-5, atol=1e-5)


def test_c4_loading_functions(site: Any) -> None:
    """`loadImage…` of WebDNN 1 give img elements."""
    body = f"""{PREPARE}
      const {{loadImageByUrl, loadImageFromFileInput, getImageArray}} = WebDNN.Image;
      const input = Object.assign(document.createElement('input'), {{type: 'file'}});
      const list = new DataTransfer();
      list.items.add(new File([await (await fetch('/picture.png')).blob()], 'picture.png'));
      input.files = list.files;
      const images = [await loadImageByUrl('/picture.png'), await loadImageByUrl(new URL('/picture.png', location)),
        await loadImageFromFileInput(input)];
      const arrays = [];
      for (const one of images) arrays.push([...await getImageArray(one)]);
      return {{arrays, elements: images.every((one) => one instanceof HTMLImageElement && one.complete)}};"""
    answer = value(ask(site, body))
    assert answer["elements"]
    for values in answer["arrays"]:
        np.testing.assert_array_equal(values, PIXELS.ravel())


def test_c4_dialog(site: Any) -> None:
    start = "() => { window.picked = attempt(async () => [...await WebDNN.Image.getImageArray(await WebDNN.Image.loadImageByDialog())]); }"
    with site.expect_file_chooser() as chooser:
        site.evaluate(start)
    chooser.value.set_files({"name": "picture.png", "mimeType": "image/png", "buffer": png(PIXELS)})
    np.testing.assert_array_equal(value(site.evaluate("picked")), PIXELS.ravel())
    site.evaluate(start)
    site.evaluate("document.querySelector('input[type=file]')?.dispatchEvent(new Event('cancel'))")
    refusal(site.evaluate("picked"), "closed without a choice", code="image")
    assert site.evaluate("document.querySelectorAll('input').length") == 0


def test_c4_wrong_arguments(site: Any) -> None:
    body = """
      const I = WebDNN.Image;
      const canvas = document.createElement('canvas');
      const tries = [() => I.loadImageByUrl('/nowhere.png'), () => I.loadImageByUrl(''), () => I.loadImageByUrl(7),
        () => I.loadImageFromFileInput(document.createElement('input')), () => I.getImageArrayFromCanvas('/picture.png'),
        () => I.getImageArrayFromDrawable(undefined), () => I.getImageArrayFromDrawable(document.createElement('div')),
        () => I.getImageArrayFromImageData({data: new Uint8ClampedArray(5), width: 1, height: 1}),
        () => I.getImageArrayFromImageData({data: new Float32Array(4), width: 1, height: 1}),
        () => I.setImageArrayToCanvas([1, 2], 1, 1, canvas), () => I.setImageArrayToCanvas([1, 2, 3], 1, 0, canvas),
        () => I.setImageArrayToCanvas([1, 2, 3], 1, 1, null), () => I.setImageArrayToCanvas([1, 2, 3], 1, 1, canvas, {dstw: 1}),
        () => I.setImageArrayToCanvas('abc', 1, 1, canvas), () => I.setImageArrayToCanvas(null, 1, 1, canvas)];
      const answers = [];
      for (const one of tries) answers.push(await attempt(one));
      return answers;"""
    words = [
        ["/nowhere.png", "not loaded"], ["address"], ["address"], ["no file"], ["getImageArray takes addresses"],
        ["want a picture"], ["HTMLDivElement", "an img, video, canvas"], ["data: got 5", "4 bytes"], ["data", "Float32Array"],
        ["got 2 values, want 3"], ["dstH"], ["want a canvas"], ["did you mean dstW?"], ["want a list of numbers"],
        ["want a list of numbers"],
    ]  # fmt: skip
    for answer, expected in zip(value(ask(site, body)), words, strict=True):
        refusal(answer, *expected, code="image")


def test_c4_array_to_canvas(site: Any) -> None:
    """The way back: onto the whole canvas by default, as in WebDNN 1; nested lists and views of a runner are arrays, too."""
    body = f"""{PREPARE}
      const read = (one) => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data];
      const make = (width, height) => {{
        const made = Object.assign(document.createElement('canvas'), {{width, height}});
        made.getContext('2d', {{willReadFrequently: true}}).fillRect(0, 0, width, height);
        return made;
      }};
      const options = {{color: Color.BGR, order: Order.CHW, bias: [1, 2, 3], scale: 2}};
      const values = await WebDNN.Image.getImageArray(image, options);
      const answers = {{}};
      const draw = (name, target, given, more) => {{
        WebDNN.Image.setImageArrayToCanvas(given, {WIDTH}, {HEIGHT}, target, {{...options, ...more}});
        answers[name] = read(target);
      }};
      draw('same', make({WIDTH}, {HEIGHT}), values);
      draw('view', make({WIDTH}, {HEIGHT}), {{toActual: () => values}});
      draw('nested', make({WIDTH}, {HEIGHT}), [[...values.slice(0, 9)], [[...values.slice(9)]]]);
      draw('stretched', make(20, 10), values);
      draw('placed', make(20, 10), values, {{srcX: 1, srcY: 2, srcW: 3, srcH: 2, dstX: 5, dstY: 6, dstW: 3, dstH: 2}});
      return answers;"""
    answers = value(ask(site, body))
    opaque = np.dstack([PIXELS, np.full((HEIGHT, WIDTH, 1), 255, np.uint8)])
    for name in ("same", "view", "nested"):
        np.testing.assert_array_equal(answers[name], opaque.ravel(), name)
    stretched = np.array(answers["stretched"]).reshape(10, 20, 4)[..., :3]
    assert np.abs(stretched - resized(Image.fromarray(PIXELS), 20, 10)).max() <= 1
    placed = np.full((10, 20, 4), (0, 0, 0, 255))
    placed[6:8, 5:8] = opaque[2:4, 1:4]
    np.testing.assert_array_equal(answers["placed"], placed.ravel())


SVG = '<svg xmlns="http://www.w3.org/2000/svg" {}><rect width="50%" height="100%" fill="#ff8040"/></svg>'


def test_c8_svg(site: Any, server: StaticServer) -> None:
    """By every way; one without a size has the one that browsers give it. A worker has nothing that could draw it."""
    server.add("/drawing.svg", SVG.format('width="40" height="20"'))
    server.add("/sizeless.svg", SVG.format(""))
    server.add(
        "/drawing-worker.mjs",
        """import * as WebDNN from '/runtime/webdnn.mjs';
        WebDNN.Image.getImageArray('/drawing.svg').catch((error) => postMessage([error.name, error.code, error.message]));""",
    )
    body = """
      const blob = await (await fetch('/drawing.svg')).blob();
      const answers = [];
      for (const one of ['/drawing.svg', blob, new Blob([blob]), Object.assign(new Image(), {src: '/drawing.svg'})]) {
        answers.push([...await WebDNN.Image.getImageArray(one)]);
      }
      const sizeless = (await WebDNN.Image.getImageArray('/sizeless.svg')).length;
      const worker = new Worker('/drawing-worker.mjs', {type: 'module'});
      const {data} = await new Promise((resolve) => (worker.onmessage = resolve));
      worker.terminate();
      return {answers, sizeless, data};"""
    answer = value(ask(site, body))
    want = np.zeros((20, 40, 3))
    want[:, :20] = (255, 128, 64)
    for values in answer["answers"]:
        np.testing.assert_array_equal(values, want.ravel())
    assert answer["sizeless"] == 300 * 150 * 3
    name, code, message = answer["data"]
    assert (name, code) == ("WebDNNError", "image")
    assert "img element" in message


def test_c8_another_host(site: Any, serve_models: Any) -> None:
    """A picture whose pixels the page may not read; with its host's leave, it may."""
    other = serve_models()
    other.add("/picture.png", png(PIXELS))
    shared = serve_models()
    shared.add("/picture.png", png(PIXELS))
    shared.fault("/picture.png", lambda r: replace(r, headers={**r.headers, "Access-Control-Allow-Origin": "*"}))
    body = f"""{PREPARE}
      const tainted = Object.assign(new Image(), {{src: other}});
      await tainted.decode();
      const copy = document.createElement('canvas');
      copy.getContext('2d').drawImage(tainted, 0, 0);
      const {{getImageArray, getImageArrayFromDrawable, loadImageByUrl}} = WebDNN.Image;
      return [await attempt(() => getImageArray(tainted)), await attempt(() => getImageArrayFromDrawable(tainted)),
        await attempt(() => getImageArray(copy)), await attempt(() => getImageArray(other)),
        await attempt(() => loadImageByUrl(other)), await attempt(async () => [...await getImageArray(shared)]),
        await attempt(async () => [...await getImageArray(await loadImageByUrl(shared))])];"""
    answers = value(ask(site, body, other=other.url("/picture.png"), shared=shared.url("/picture.png")))
    for answer in answers[:3]:
        refusal(answer, "crossOrigin", "Access-Control-Allow-Origin", code="image")
    refusal(answers[3], "Access-Control-Allow-Origin", code="fetch")
    refusal(answers[4], "Access-Control-Allow-Origin", code="image")
    for answer in answers[5:]:
        np.testing.assert_array_equal(value(answer), PIXELS.ravel())


def test_c8_not_there(site: Any) -> None:
    """What is drawn as black, or as nothing, is refused."""
    body = f"""{PREPARE}
      const closed = new VideoFrame(canvas, {{timestamp: 0}});
      closed.close();
      const spent = await createImageBitmap(canvas);
      spent.close();
      const broken = Object.assign(new Image(), {{src: '/text.png'}});
      await broken.decode().catch(() => undefined);
      const {{getImageArray, getImageArrayFromDrawable}} = WebDNN.Image;
      const answers = [];
      for (const one of [document.createElement('video'), closed, spent, broken, new Image(), {{width: 3, height: 3}}, [], '']) {{
        answers.push(await attempt(() => getImageArray(one)));
      }}
      return [...answers, await attempt(() => getImageArrayFromDrawable(broken))];"""
    words = ["loadeddata", "empty", "empty", "empty", "empty", "cannot be read", "as a picture", "address", "empty"]
    for answer, word in zip(value(ask(site, body)), words, strict=True):
        refusal(answer, word, code="image")


def test_c8_size_of_the_input(site: Any, tmp_path_factory: pytest.TempPathFactory, server: StaticServer) -> None:
    """A picture that was not resized: the message says how to."""
    x = source("image", 1, 6, 9, 3)
    graph = graph_of([x], [elementwise("neg", x)])
    model = write_model(graph, tmp_path_factory.mktemp("picture") / "picture", ["fallback"])
    server.mount("/picture/", model.folder)
    body = f"""{PREPARE}
      const runner = await WebDNN.load('/picture', {{backendOrder: 'fallback'}});
      const wrong = await attempt(async () => runner.inputs[0].set(await WebDNN.Image.getImageArray(image)));
      runner.inputs[0].set(await WebDNN.Image.getImageArray(image, {{dstW: 9, dstH: 6}}));
      runner.dispose();
      return wrong;"""
    refusal(value(ask(site, body)), "got 105 values", "1×6×9×3", "dstW: 9, dstH: 6", code="input")


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
