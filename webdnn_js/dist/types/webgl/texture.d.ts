/**
 * A buffer in a texture array: texel t holds elements 4t … 4t + 3 and stands at x = t mod 2048, y = (t div 2048) mod 2048,
 * layer = t div 2048². A texture has just the columns, rows and layers that it needs.
 */
export interface Rectangle {
    readonly layer: number;
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    /** Its first texel. */
    readonly first: number;
}
/** Texels first … last, both inclusive, as rectangles: at most a broken row, whole rows, a broken row in every layer. */
export declare function rectangles(first: number, last: number): Rectangle[];
export declare class Texture {
    private readonly gl;
    readonly handle: WebGLTexture;
    private readonly framebuffers;
    constructor(gl: WebGL2RenderingContext, format: number, elements: number);
    private bind;
    /** Renders into `layer` from now on; reads pixels from it, too. */
    target(layer: number): void;
    /** Stores `data`, whole texels, from element `offset` on. */
    write(offset: number, data: Float32Array): void;
    /** Copies `length` elements, whole texels, from element `offset` on into the pixel-pack buffer that is bound. */
    read(offset: number, length: number): void;
    dispose(): void;
}
