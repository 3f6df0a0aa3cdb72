/** Reads the files of one Descriptor. */
import { type ShardSource } from './fetch.js';
import type { FileRef, Shard } from './plan.js';
export interface ReaderOptions {
    /** Gets the address of every file, gives the one to read instead. */
    readonly transformUrlDelegate?: ((url: string) => string) | undefined;
    readonly signal?: AbortSignal | undefined;
}
export declare const joinUrl: (directory: string, name: string) => string;
export declare class Reader {
    #private;
    constructor(directory: string, options: ReaderOptions);
    /** The one file without integrity: whoever wants it checked serves it from their own host. */
    manifest(): Promise<unknown>;
    file(file: FileRef): Promise<ArrayBuffer>;
    json(file: FileRef): Promise<unknown>;
    /** `directory`: where the weights are, if not with the rest. */
    source({ file, chunks }: Shard, directory?: string): ShardSource;
    /** All of a shard. */
    shard(shard: Shard, directory?: string): Promise<ArrayBuffer>;
}
