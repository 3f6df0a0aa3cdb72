/** Drawing with a canvas: what needs a browser (a page or a worker). */
import type { Pixels } from './pixels.js';
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
export declare function rectangles(options: Rectangles, width: number, height: number): {
    src: Rectangle;
    dst: Rectangle;
};
/** The picture that `options` cut out, (dstX + dstW) wide and (dstY + dstH) high. */
export declare function readPixels(source: Drawable | Pixels, options: Rectangles): Pixels;
/** Replaces the `dst…` rectangle of `canvas`. */
export declare function writePixels(pixels: Pixels, canvas: Canvas, options: Rectangles): void;
export {};
