/**
 * The WebGL 2 context of this page or worker, which renders to floating-point textures. All runners share it, since browsers
 * keep no more than 16 contexts of a page and take the oldest away without asking.
 */
export interface Context {
    readonly gl: WebGL2RenderingContext;
    /** Of the textures: RGBA32F, or RGBA16F where nothing better can be rendered to. */
    readonly format: number;
    readonly precision: 'float32' | 'float16';
    /** Runners that have not been disposed of. */
    users: number;
}
/** How runners get the context and give it back. */
export interface Contexts {
    acquire(): Context;
    release(context: Context): void;
}
/** Why this browser cannot; undefined if it can. */
export declare function reasonAgainst(): string | undefined;
export declare const contexts: Contexts;
