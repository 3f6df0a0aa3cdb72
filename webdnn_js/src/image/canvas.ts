/** The pixels of whatever can be drawn, and pixels on a canvas: what needs a browser (a page or a worker). */

import { WebDNNError, reasonOf } from '../errors';
import { rectangles, type Rectangle, type Rectangles } from './options';
import { resize, type Axis, type Bytes, type Rows } from './resize';
import type { Pixels } from './pixels';

export type Canvas = HTMLCanvasElement | OffscreenCanvas;
/** What a canvas can draw, and pixels themselves: `data` is RGBA. */
export type Drawable = HTMLImageElement | HTMLVideoElement | VideoFrame | ImageBitmap | Canvas | ImageData | Pixels;

const KINDS = 'an img, video, canvas, OffscreenCanvas, ImageData, ImageBitmap or VideoFrame';
const FOREIGN =
  'it comes from another host, whose pixels a page may not read: set crossOrigin = "anonymous" before src, ' +
  'and let that host send Access-Control-Allow-Origin';

/** `HTMLImageElement`, `Uint8Array` …, whichever frame of the page it comes from. */
export const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** Of both kinds of canvas; an OffscreenCanvas's context has all that is used here, too. */
function contextOf(canvas: Canvas): CanvasRenderingContext2D {
  const context = (canvas as HTMLCanvasElement).getContext('2d', { willReadFrequently: true });
  if (context) return context;
  throw new WebDNNError('image', 'this canvas has no 2d context: it may have one of another kind, or be too large');
}

function newCanvas(width: number, height: number): Canvas {
  if ('OffscreenCanvas' in globalThis) return new OffscreenCanvas(width, height);
  if ('document' in globalThis) return Object.assign(document.createElement('canvas'), { width, height });
  throw new WebDNNError(
    'image',
    'pictures are read by a canvas, which is not here; give {data, width, height}, of RGBA',
  );
}

const isPixels = (source: Drawable): source is Pixels => 'data' in source;

/** Width and height in pixels. Drawing shows what is not there yet as black, so it is refused. */
function sizeOf(source: Drawable): readonly [width: number, height: number] {
  if ('readyState' in source && source.readyState < 2) {
    throw new WebDNNError('image', "the video has no frame yet: wait for its 'loadeddata'");
  }
  const { naturalWidth, naturalHeight, videoWidth, videoHeight, displayWidth, displayHeight, width, height } =
    source as unknown as Readonly<Record<string, unknown>>;
  const size = [
    naturalWidth ?? videoWidth ?? displayWidth ?? width,
    naturalHeight ?? videoHeight ?? displayHeight ?? height,
  ];
  if (!size.every(Number.isInteger))
    throw new WebDNNError('image', `got ${kindOf(source)} as a picture, want ${KINDS}`);
  if (size.includes(0)) throw new WebDNNError('image', 'the picture is empty, or not loaded yet');
  return size as [number, number];
}

/** The rows of a `cut` out of pixels in memory. */
function rowsOf({ data, width, height }: Pixels, [left, top, columns]: Rectangle): Rows {
  if (!kindOf(data).startsWith('Uint8') || data.length !== 4 * width * height) {
    const want = `${4 * width * height} bytes (RGBA of ${width}×${height} pixels) in a Uint8ClampedArray`;
    throw new WebDNNError('image', `data: got ${data.length} in a ${kindOf(data)}, want ${want}`);
  }
  return (first, count) => {
    const rows = new Uint8ClampedArray(4 * columns * count);
    for (let row = 0; row < count; row++) {
      const at = 4 * ((top + first + row) * width + left);
      rows.set(data.subarray(at, at + 4 * columns), 4 * columns * row);
    }
    return rows;
  };
}

/** The rows of a `cut` out of what can be drawn, at its own size: no browser resizes as another does. */
function drawnRows(source: CanvasImageSource, [left, top, columns]: Rectangle): Rows {
  let canvas: Canvas | undefined;
  return (first, count) => {
    canvas ??= newCanvas(columns, count);
    const context = contextOf(canvas);
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, columns, count);
    context.drawImage(source, left, top + first, columns, count, 0, 0, columns, count);
    return context.getImageData(0, 0, columns, count).data;
  };
}

/** A canvas converts the colours of ImageData that is not sRGB, or not of bytes. */
function asDrawn(source: ImageData): Canvas {
  const canvas = newCanvas(source.width, source.height);
  contextOf(canvas).putImageData(source, 0, 0);
  return canvas;
}

function rowsFrom(source: Drawable, cut: Rectangle): Rows {
  if (!isPixels(source)) return drawnRows(source, cut);
  const plain = ((source as ImageData).colorSpace ?? 'srgb') === 'srgb' && kindOf(source.data) !== 'Float16Array';
  return plain ? rowsOf(source, cut) : drawnRows(asDrawn(source as ImageData), cut);
}

/** The whole pixels from which `start … start + length` is resized to `size`. */
function axisOf(start: number, length: number, size: number): Axis & { readonly first: number } {
  const first = Math.floor(start);
  return { first, pixels: Math.ceil(start + length - 1e-6) - first, start: start - first, length, size };
}

/** `src` of `source`, resized to `width` × `height`. */
function cutOut(source: Drawable, [left, top, columns, lines]: Rectangle, width: number, height: number): Bytes {
  const [x, y] = [axisOf(left, columns, width), axisOf(top, lines, height)];
  return resize(rowsFrom(source, [x.first, y.first, x.pixels, y.pixels]), x, y);
}

/** The picture that `options`, which are checked, cut out, (dstX + dstW) wide and (dstY + dstH) high. */
export function readPixels(source: Drawable, options: Rectangles): Pixels {
  const { src, dst } = rectangles(options, ...sizeOf(source));
  const [left, top, columns, lines] = dst;
  const [width, height] = [left + columns, top + lines];
  try {
    const bytes = cutOut(source, src, columns, lines);
    if (!left && !top) return { data: bytes, width, height };
    const data = new Uint8ClampedArray(4 * width * height);
    for (let row = 0; row < lines; row++) {
      data.set(bytes.subarray(4 * columns * row, 4 * columns * (row + 1)), 4 * ((top + row) * width + left));
    }
    return { data, width, height };
  } catch (error) {
    if (error instanceof WebDNNError) throw error;
    const reason = (error as Error).name === 'SecurityError' ? FOREIGN : reasonOf(error);
    throw new WebDNNError('image', `the picture (${kindOf(source)}) cannot be read: ${reason}`, { cause: error });
  }
}

/** Replaces the `dst…` rectangle of `canvas`: all of it by default. */
export function writePixels(pixels: Pixels, canvas: Canvas, options: Rectangles): void {
  const { src, dst } = rectangles(options, pixels.width, pixels.height, [canvas.width, canvas.height]);
  const [left, top, width, height] = dst;
  const data = cutOut(pixels, src, width, height);
  contextOf(canvas).putImageData(new ImageData(data, width, height), left, top);
}
