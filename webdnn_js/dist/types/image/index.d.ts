/** `WebDNN.Image`: pictures to arrays and back. Works in pages and in workers. */
import { type Canvas, type Drawable, type Rectangles } from './canvas.js';
import { type ArrayOptions } from './pixels.js';
export { Color, Order, type ArrayOptions } from './pixels.js';
export type { Rectangles } from './canvas.js';
export type ImageOptions = Rectangles & ArrayOptions;
/** A string is a URL; a file input stands for its first file. */
export type ImageSource = string | Drawable | ImageData | Blob | HTMLInputElement;
/** The values of a picture, cut out, resized and scaled as `options` say, for `runner.inputs[i].set`. */
export declare function getImageArray(image: ImageSource, options?: ImageOptions): Promise<Float32Array>;
/** Draws an array of `width` × `height` pixels, for example an output, onto `canvas`; `options` as for `getImageArray`. */
export declare function setImageArrayToCanvas(array: ArrayLike<number> | {
    toActual(): ArrayLike<number>;
}, width: number, height: number, canvas: Canvas, options?: ImageOptions): void;
