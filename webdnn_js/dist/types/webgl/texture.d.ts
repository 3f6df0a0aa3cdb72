/**
 * Buffers in texture arrays. Texel t of a buffer holds its elements 4t … 4t + 3. It stands in layer t div `span`, and there, with
 * r = t mod `span`, at x = r mod 2048 and y = r div 2048. Each buffer has a `span` of its own (layout.ts).
 */
import type { Cells } from '../backend.js';
import type { Format } from './context.js';
export declare const FOLD = 2048;
/** Every WebGL 2 device has textures of 2048 rows. */
export declare const MOST_SPAN: number;
/** Every WebGL 2 device draws into as many layers at once. */
export declare const TARGETS = 4;
export interface Rectangle {
    readonly layer: number;
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    /** Its first texel. */
    readonly first: number;
}
/** Texels first … last, both inclusive, as rectangles: in each layer at most a part of a row, whole rows, and a part of a row. */
export declare function rectangles(first: number, last: number, span: number): Rectangle[];
export declare class Texture {
    private readonly gl;
    private readonly format;
    private readonly layers;
    readonly handle: WebGLTexture;
    /** One for each layer; and behind these, one for the first four layers together. */
    private readonly framebuffers;
    /** With room for `span` texels in each of its layers. */
    constructor(gl: WebGL2RenderingContext, format: Format, span: number, layers: number);
    private bind;
    /** Renders into `layer` from now on; reads pixels from it, too. */
    target(layer: number): void;
    /** Renders into the first four layers at once. */
    targetAll(): void;
    private attach;
    /** Stores `data`, whole texels, from element `offset` on, in a buffer with `span`. */
    write(offset: number, data: Cells, span: number): void;
    /** Copies `length` elements, whole texels, from element `offset` on into the pixel-pack buffer that is bound. */
    read(offset: number, length: number, span: number): void;
    /** Waits until it holds what was drawn into it last: `finish` does not wait in every browser, but to read a pixel does. */
    wait(): void;
    /** Makes all of it zero. */
    clear(): void;
    dispose(): void;
}
