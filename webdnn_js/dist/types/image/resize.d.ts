/**
 * Resizing that gives the same bytes in every browser, and those of Pillow's `BILINEAR`: each pixel of the result is the mean of
 * the pixels around its place, weighted by a triangle that is two pixels wide, of the larger of both pictures. First along x,
 * then along y, in whole numbers, rounded to bytes in between.
 */
export type Bytes = Uint8ClampedArray<ArrayBuffer>;
/** RGBA of `count` rows from row `first` on, in memory of their own, which may be altered. */
export type Rows = (first: number, count: number) => Bytes;
/** `length` of `pixels`, from `start` on, become `size`. */
export interface Axis {
    readonly pixels: number;
    readonly start: number;
    readonly length: number;
    readonly size: number;
}
/** `x.size` × `y.size` pixels of RGBA. */
export declare function resize(rows: Rows, x: Axis, y: Axis): Bytes;
