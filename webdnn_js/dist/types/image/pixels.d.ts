/** RGBA bytes, as a canvas has them, to and from the arrays that models take. */
/** `WebDNN.Image.Color`: the channels of an array, in order. */
export declare const Color: {
    readonly RGB: 0;
    readonly BGR: 1;
    readonly GREY: 2;
    readonly RGBA: 3;
    readonly BGRA: 4;
};
/** `WebDNN.Image.Order`: planes one after another, or channels together. */
export declare const Order: {
    readonly CHW: 0;
    readonly HWC: 1;
};
export type Color = (typeof Color)[keyof typeof Color];
export type Order = (typeof Order)[keyof typeof Order];
/** Channel c of the array is `(pixel − bias[c]) / scale[c]`; pixels are 0 … 255. */
export interface ArrayOptions {
    /** Default RGB. */
    readonly color?: Color;
    /** Default HWC. */
    readonly order?: Order;
    /** Default 0. One number stands for all channels. */
    readonly bias?: number | ArrayLike<number>;
    /** Default 1. One number stands for all channels. */
    readonly scale?: number | ArrayLike<number>;
}
export interface Pixels {
    readonly data: Uint8ClampedArray;
    readonly width: number;
    readonly height: number;
}
export declare function pixelsToArray({ data, width, height }: Pixels, options: ArrayOptions): Float32Array;
/** The inverse: `value · scale + bias`, rounded and cut to 0 … 255. Without an alpha channel all is opaque. */
export declare function arrayToPixels(array: ArrayLike<number>, width: number, height: number, options: ArrayOptions): Pixels;
