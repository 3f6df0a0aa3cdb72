/** The options of `WebDNN.Image`. What is not known, or of the wrong kind, is an error: nothing that a page says is ignored. */
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
/** Cuts `src…` out of the picture, resizes it, and puts it at `dst…`. All in pixels. */
export interface Rectangles {
    /** Default 0, as srcY. */
    readonly srcX?: number;
    readonly srcY?: number;
    /** Default: all that is right of srcX. */
    readonly srcW?: number;
    /** Default: all that is below srcY. */
    readonly srcH?: number;
    /** Default 0, as dstY. The result is dstX + dstW wide and dstY + dstH high, and 0 outside of the picture. */
    readonly dstX?: number;
    readonly dstY?: number;
    /** Default: srcW; of `setImageArrayToCanvas` the canvas's width. */
    readonly dstW?: number;
    /** Default: srcH; of `setImageArrayToCanvas` the canvas's height. */
    readonly dstH?: number;
}
/** Channel c of the array is `(pixel − bias[c]) / scale[c]`; pixels are 0 … 255. */
export interface ArrayOptions {
    /** Default RGB. */
    readonly color?: Color;
    /** Default HWC. */
    readonly order?: Order;
    /** Default 0. One number stands for all channels; three of a grey picture are those of red, green and blue. */
    readonly bias?: number | ArrayLike<number>;
    /** Default 1. Otherwise as `bias`. */
    readonly scale?: number | ArrayLike<number>;
    /** Default Float32Array. Int32Array cuts off what is behind the point. */
    readonly type?: Float32ArrayConstructor | Int32ArrayConstructor;
}
export type ImageOptions = Rectangles & ArrayOptions;
/** What `options` asks for. */
export type ArrayOf<O extends ImageOptions> = O extends {
    readonly type: Int32ArrayConstructor;
} ? Int32Array<ArrayBuffer> : Float32Array<ArrayBuffer>;
/** By name, since a frame of the page has constructors of its own. */
export declare const ARRAYS: Readonly<Record<string, Float32ArrayConstructor | Int32ArrayConstructor>>;
/** Throws unless `options` are such as `RULES` wants; one that is undefined counts as not given. */
export declare function checkOptions(options: ImageOptions): void;
/** x, y, width, height. */
export type Rectangle = readonly [x: number, y: number, width: number, height: number];
/** From where to where, of a picture of `width` × `height`; `dst` is where it goes if `options` do not say. */
export declare function rectangles(options: Rectangles, width: number, height: number, dst?: readonly [width: number, height: number]): {
    src: Rectangle;
    dst: Rectangle;
};
