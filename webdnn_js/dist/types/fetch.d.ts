/** All reading: over HTTP, or in Node from paths and file: URLs. What arrives whole and unaltered is returned; nothing else. */
import type { FileRef } from './plan.js';
export interface FetchOptions {
    /** Gets the address of every file, gives the one to read instead. */
    readonly transformUrlDelegate?: ((url: string) => string) | undefined;
    readonly signal?: AbortSignal | undefined;
}
export declare const joinUrl: (directory: string, name: string) => string;
/** All of a buffer, or its beginning. */
export type Content = Uint8Array<ArrayBuffer>;
/**
 * Reads `url`; `file`, when known, is what the content must be, and `memory` where it goes if it comes as a stream: new memory costs
 * more than what is copied into it. An abort rejects with the signal's reason.
 */
export declare function read(url: string, file: FileRef | undefined, options?: FetchOptions, memory?: ArrayBuffer): Promise<Content>;
/** Reads the files of one Descriptor. */
export declare class Reader {
    #private;
    constructor(directory: string, options: FetchOptions);
    /** The one file without integrity: whoever wants it checked serves it from their own host. */
    manifest(): Promise<unknown>;
    /** `memory`: room for it, of at least its length. */
    file(file: FileRef, directory?: string, memory?: ArrayBuffer): Promise<Content>;
    json(file: FileRef): Promise<unknown>;
}
