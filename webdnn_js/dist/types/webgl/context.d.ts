/** A WebGL 2 context that can render to floating-point textures. */
export interface Context {
    readonly gl: WebGL2RenderingContext;
    /** Of the textures: RGBA32F, or RGBA16F where nothing better can be rendered to. */
    readonly format: number;
    readonly precision: 'float32' | 'float16';
}
/** A page has few contexts (16 in Chromium): unused ones are given back at once. */
export declare const release: (gl: WebGL2RenderingContext) => void;
/** Why this browser cannot; undefined if it can. Asked once a page. */
export declare function reasonAgainst(): string | undefined;
export declare function makeContext(): Context;
/** The graphics card's name, where the browser tells it. */
export declare function rendererName(gl: WebGL2RenderingContext): string;
