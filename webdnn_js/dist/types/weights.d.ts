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
 * Gives every shard to the executor, as soon as that is there; it must not be used for anything else meanwhile. Rejects as soon as
 * anything fails; whoever owns the executor then disposes of it.
 */
export declare function loadWeights(manifest: Manifest, shards: ShardSource, creating: Promise<Pick<Executor, 'writeWeights'>>): Promise<void>;
