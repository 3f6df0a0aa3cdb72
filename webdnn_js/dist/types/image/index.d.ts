/** `WebDNN.Image`: pictures to arrays and back. Works in pages and in workers. */
import { type Canvas, type Drawable } from './canvas.js';
import { type ArrayOf, type ImageOptions } from './options.js';
import { type ImageSource } from './sources.js';
export { Color, Order, type ArrayOptions, type ImageOptions, type Rectangles } from './options.js';
export { loadImageByDialog, loadImageByUrl, loadImageFromFileInput, type ImageSource } from './sources.js';
export type { Drawable } from './canvas.js';
/** The values of a picture that is there already, cut out, resized and scaled as `options` say. */
export declare function getImageArrayFromDrawable<O extends ImageOptions = ImageOptions>(image: Drawable, options?: O): ArrayOf<O>;
/** As in WebDNN 1. */
export { getImageArrayFromDrawable as getImageArrayFromCanvas, getImageArrayFromDrawable as getImageArrayFromImageData, };
/** The values of a picture, cut out, resized and scaled as `options` say, for `runner.inputs[i].set`. */
export declare function getImageArray<O extends ImageOptions = ImageOptions>(image: ImageSource, options?: O): Promise<ArrayOf<O>>;
/**
 * Draws an array of `width` × `height` pixels, for example an output, onto `canvas`, all of it if there is no `dst…`; the other
 * options as for `getImageArray`.
 */
export declare function setImageArrayToCanvas(array: ArrayLike<number> | {
    toActual(): ArrayLike<number>;
}, width: number, height: number, canvas: Canvas, options?: ImageOptions): void;
