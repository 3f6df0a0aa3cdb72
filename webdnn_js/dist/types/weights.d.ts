/** Shards → executor. A few shards download at once; they wait in memory for their turn, and are handed over one by one, in order of arrival. */
import type { Executor } from './backend.js';
import type { Content } from './fetch.js';
import type { FileRef, Manifest } from './plan.js';
export declare const DOWNLOADS = 4;
export interface ShardSource {
    read(file: FileRef): Promise<Content>;
    /** Takes the memory of a shard that is no longer needed, for shards to come. */
    reuse(memory: ArrayBuffer): void;
}
/**
 * Gives every shard to `executor`, which must not be used for anything else meanwhile; first waits for `ready`.
 * Rejects only when the executor has come to rest, so that the caller may dispose of it.
 */
export declare function loadWeights(manifest: Manifest, shards: ShardSource, executor: Pick<Executor, 'writeWeights'>, ready: Promise<void>): Promise<void>;
