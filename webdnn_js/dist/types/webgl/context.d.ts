/**
 * The WebGL 2 context of this page or worker, which renders to textures of floats and of integers. All runners share it, since browsers
 * keep no more than 16 contexts of a page and take the oldest away without asking.
 */
import type { Storage } from '../plan.js';
/** How textures hold four cells, in WebGL's names; `format` and `type` are those of the arrays that go there and come back. */
export interface Format {
    readonly internal: number;
    readonly format: number;
    readonly type: number;
}
export interface Context {
    readonly gl: WebGL2RenderingContext;
    /** By storage class. Floats are RGBA32F, or RGBA16F where nothing better can be rendered to; integers are RGBA32I everywhere. */
    readonly formats: Readonly<Record<Storage, Format>>;
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
