/** All reading: over HTTP, or in Node from paths and file: URLs. What arrives whole and unaltered is returned; nothing else. */
import type { FileRef } from './plan.js';
/** A shard is read, checked and handed on in chunks of this size: larger ones leave the cache of the processor between these. */
export declare const CHUNK_BYTES: number;
/** A shard, and where it is. */
export interface ShardSource {
    readonly url: string;
    readonly file: FileRef;
    /** What the SHA-256 hashes of its chunks, one after another, hash to. */
    readonly chunks: string;
}
/** A shard whose download has begun, or which is a local file. */
export interface OpenShard extends ShardSource {
    readonly signal: AbortSignal | undefined;
    readonly opened: Promise<Response> | undefined;
}
/** Reads `url`; `file`, when known, is what the content must be. */
export declare function read(url: string, file: FileRef | undefined, signal?: AbortSignal): Promise<ArrayBuffer>;
export declare function openShard(source: ShardSource, signal?: AbortSignal): OpenShard;
/**
 * Calls `take` with every chunk of a shard and its place, in order. A chunk's memory is used again when `take` has returned. Rejects
 * when the whole is not what it should be, but `take` has had it then: it may store numbers, and nothing else.
 */
export declare function readShard({ url, file, chunks, signal, opened }: OpenShard, take: (chunk: Uint8Array<ArrayBuffer>, at: number) => void): Promise<void>;
