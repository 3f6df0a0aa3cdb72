/** RGBA bytes, as a canvas has them, to and from the arrays that models take. */
import { type ArrayOf, type ArrayOptions } from './options.js';
/** RGBA of each pixel, row after row, colours not multiplied by alpha. */
export interface Pixels {
    readonly data: Uint8ClampedArray<ArrayBuffer>;
    readonly width: number;
    readonly height: number;
}
/** Options are checked. */
export declare function pixelsToArray<O extends ArrayOptions>({ data, width, height }: Pixels, options: O): ArrayOf<O>;
/** The inverse: `value · scale + bias`, rounded and cut to 0 … 255. Without an alpha channel all is opaque. Options are checked. */
export declare function arrayToPixels(array: ArrayLike<number>, width: number, height: number, options: ArrayOptions): Pixels;
