/** Which compiled module this engine can run, fastest first, and on how many threads. */
import type { FileRef, Files } from '../plan.js';
export declare const isSupported: (variant: string) => boolean;
export interface Choice {
    readonly variant: string;
    readonly file: FileRef;
    /** Why this one, in words for people. */
    readonly reason: string;
    readonly threads: number;
    /** Whether the module wants memory that threads share; it can be run by one thread, too. */
    readonly shared: boolean;
    readonly threadsReason: string;
}
interface Options {
    readonly variant?: unknown;
    readonly threads?: unknown;
}
/** Most threads that `chooseVariant` could choose. */
export declare const mostThreads: (options: Options) => number;
/**
 * `options` are the backend's. A `variant` names one module, and one thread unless it or `threads` asks for more;
 * `noThreads` is a reason that the caller has for a single thread.
 */
export declare function chooseVariant(files: Files, options: Options, noThreads?: string | undefined): Choice;
export {};
