/** Drawing with a canvas: what needs a browser (a page or a worker). */

import { WebDNNError } from '../errors';
import type { Pixels } from './pixels';

/** Cuts `src…` out of the source and puts it, resized, at `dst…`. */
export interface Rectangles {
  readonly srcX?: number;
  readonly srcY?: number;
  /** Default: all that is right of srcX. */
  readonly srcW?: number;
  /** Default: all that is below srcY. */
  readonly srcH?: number;
  readonly dstX?: number;
  readonly dstY?: number;
  /** Default: srcW. */
  readonly dstW?: number;
  /** Default: srcH. */
  readonly dstH?: number;
}

export type Canvas = HTMLCanvasElement | OffscreenCanvas;
export type Drawable = HTMLImageElement | HTMLVideoElement | ImageBitmap | Canvas;

type Rectangle = readonly [x: number, y: number, width: number, height: number];

export function rectangles(options: Rectangles, width: number, height: number): { src: Rectangle; dst: Rectangle } {
  const { srcX = 0, srcY = 0, dstX = 0, dstY = 0 } = options;
  const { srcW = width - srcX, srcH = height - srcY } = options;
  const { dstW = srcW, dstH = srcH } = options;
  return { src: [srcX, srcY, srcW, srcH], dst: [dstX, dstY, dstW, dstH] };
}

/** Of both kinds of canvas; an OffscreenCanvas's context has all that is used here, too. */
function contextOf(canvas: Canvas): CanvasRenderingContext2D {
  const context = (canvas as HTMLCanvasElement).getContext('2d', { willReadFrequently: true });
  if (context) return context;
  throw new WebDNNError('image', 'this canvas has no 2d context: it may have one of another kind');
}

function newCanvas(width: number, height: number): Canvas {
  if ('OffscreenCanvas' in globalThis) return new OffscreenCanvas(width, height);
  if (!('document' in globalThis))
    throw new WebDNNError('image', 'resizing and drawing need a canvas, which is not here');
  return Object.assign(document.createElement('canvas'), { width, height });
}

function canvasOf({ data, width, height }: Pixels): Canvas {
  const canvas = newCanvas(width, height);
  contextOf(canvas).putImageData(new ImageData(data as Uint8ClampedArray<ArrayBuffer>, width, height), 0, 0);
  return canvas;
}

function sizeOf(source: Drawable): readonly [number, number] {
  if ('naturalWidth' in source) return [source.naturalWidth, source.naturalHeight];
  return 'videoWidth' in source ? [source.videoWidth, source.videoHeight] : [source.width, source.height];
}

const isPixels = (source: Drawable | Pixels): source is Pixels => 'data' in source;

/** The picture that `options` cut out, (dstX + dstW) wide and (dstY + dstH) high. */
export function readPixels(source: Drawable | Pixels, options: Rectangles): Pixels {
  const [width, height] = isPixels(source) ? [source.width, source.height] : sizeOf(source);
  const { src, dst } = rectangles(options, width, height);
  if (!(width && height)) throw new WebDNNError('image', 'the picture is empty, or not loaded yet');
  const whole = [0, 0, width, height];
  if (isPixels(source) && [...src, ...dst].every((value, i) => value === whole[i % 4])) return source;
  const outputWidth = dst[0] + dst[2];
  const outputHeight = dst[1] + dst[3];
  const context = contextOf(newCanvas(outputWidth, outputHeight));
  context.drawImage(isPixels(source) ? canvasOf(source) : source, ...src, ...dst);
  return context.getImageData(0, 0, outputWidth, outputHeight);
}

/** Replaces the `dst…` rectangle of `canvas`. */
export function writePixels(pixels: Pixels, canvas: Canvas, options: Rectangles): void {
  const { src, dst } = rectangles(options, pixels.width, pixels.height);
  const context = contextOf(canvas);
  context.clearRect(...dst);
  context.drawImage(canvasOf(pixels), ...src, ...dst);
}
