/**
 * Weights on their way into a machine's memory. Every thread that reads has a Loader of its own, on the same memory, and takes the next
 * shard when it is done with one. A shard is gathered, chunk by chunk, in a part of the memory that is this loader's; as soon as a piece of it
 * is whole, it is copied to the buffers that want its rows as they are, and packed by the kernels of its Setup steps.
 */
import { type ShardSource } from '../fetch.js';
import type { DType, Shard } from '../plan.js';
import type { Exports } from './machine.js';
/** What becomes of a weight. */
export interface Destination {
    readonly columns: number;
    readonly dtype: DType;
    /** Buffers that hold its rows, `pitch` elements apart. */
    readonly copies: readonly {
        readonly address: number;
        readonly pitch: number;
    }[];
    readonly setups: readonly {
        readonly kernel: number;
        readonly address: number;
        readonly pitch: number;
        readonly args: readonly number[];
    }[];
}
export interface Layout {
    /** By weight. */
    readonly destinations: readonly Destination[];
    /** Each loader's part of the memory, one behind the other: for a shard, and behind it for parameters. */
    readonly staging: number;
    readonly stagingBytes: number;
}
/** The work of all loaders. */
export interface LoadJob {
    readonly shards: readonly (Shard & {
        readonly source: ShardSource;
    })[];
    /** One element: how many shards have been taken. Loaders in different threads share it. */
    readonly taken: Int32Array;
}
/** Of a loader's memory, behind the shard. */
export declare const PARAMETER_BYTES: number;
export declare class Loader {
    private readonly exports;
    private readonly memory;
    private readonly layout;
    private readonly staging;
    private readonly parameters;
    constructor(exports: Exports, memory: WebAssembly.Memory, layout: Layout, number: number);
    /** Reads shards until none is left. The next one's download begins before the present one has ended. */
    load({ shards, taken }: LoadJob, report: (shard: number) => void, signal?: AbortSignal): Promise<void>;
    private endOf;
    private place;
}
