/** The pixels of whatever can be drawn, and pixels on a canvas: what needs a browser (a page or a worker). */
import { type Rectangles } from './options.js';
import type { Pixels } from './pixels.js';
export type Canvas = HTMLCanvasElement | OffscreenCanvas;
/** What a canvas can draw, and pixels themselves: `data` is RGBA. */
export type Drawable = HTMLImageElement | HTMLVideoElement | VideoFrame | ImageBitmap | Canvas | ImageData | Pixels;
/** `HTMLImageElement`, `Uint8Array` …, whichever frame of the page it comes from. */
export declare const kindOf: (value: unknown) => string;
/** The picture that `options`, which are checked, cut out, (dstX + dstW) wide and (dstY + dstH) high. */
export declare function readPixels(source: Drawable, options: Rectangles): Pixels;
/** Replaces the `dst…` rectangle of `canvas`: all of it by default. */
export declare function writePixels(pixels: Pixels, canvas: Canvas, options: Rectangles): void;
