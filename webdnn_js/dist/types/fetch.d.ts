/** All reading: over HTTP, or in Node from paths and file: URLs. What arrives whole and unaltered is returned; nothing else. */
import { type TransformUrl } from './options.js';
import type { FileRef } from './plan.js';
export interface FetchOptions {
    /** Gets the address of every file, gives the one to read instead. */
    readonly transformUrlDelegate?: TransformUrl | undefined;
    readonly signal?: AbortSignal | undefined;
}
/** All of a buffer, or its beginning. */
export type Content = Uint8Array<ArrayBuffer>;
/** The address of a file in a directory, whose own query (`/model?v=2`) stays at the end. */
export declare function joinUrl(directory: string, name: string): string;
/**
 * Reads `url`; `file`, when known, is what the content must be, and `memory` where it goes if it comes as a stream: new memory costs
 * more than what is copied into it. An abort rejects with the signal's reason.
 */
export declare function read(url: string, file: FileRef | undefined, { transformUrlDelegate, signal }?: FetchOptions, memory?: ArrayBuffer): Promise<Content>;
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
