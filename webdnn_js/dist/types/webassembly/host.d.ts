/** Where a Machine lives: in a worker if one starts, else here. Both answer the same calls. */
import { type ErrorCode } from '../errors.js';
import type { LoadJob } from './loader.js';
import type { Seat } from './machine.js';
import type { Answer, Method, Session } from './session.js';
/** To a worker. `serve` has no answer. */
export type Request = {
    readonly method: Method;
    readonly args: readonly unknown[];
} | {
    readonly method: 'serve';
};
/** From a worker. */
export type Message = {
    readonly ready: string;
} | {
    readonly result: unknown;
} | {
    readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
    };
} | {
    readonly shard: number;
} | {
    readonly failure: string;
};
export interface Host {
    /** One call at a time. `transfer`: buffers that the caller gives away. */
    call<M extends Method>(method: M, args: Parameters<Session[M]>, transfer?: ArrayBuffer[]): Promise<Answer<M>>;
    /** Threads that it can have. */
    readonly threads: number;
    /** Lets further threads take their seats. */
    join(seats: readonly Seat[]): Promise<void>;
    /** Reads weights on all threads that have a seat. */
    load(job: LoadJob, report: (shard: number) => void, signal: AbortSignal | undefined): Promise<void>;
    /** Lets all threads but one wait for runs, and ends those that are not among the first `threads`. */
    serve(threads: number): void;
    /** A run is about to come: threads that are woken now are awake when it does. */
    wake(): void;
    dispose(): void;
}
/** A host that can have up to `threads` threads, and where it is, in words for people. */
export declare function startHost(url: string, threads: number): Promise<{
    host: Host;
    thread: string;
}>;
