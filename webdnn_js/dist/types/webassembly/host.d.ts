/** Where a Machine lives: in a worker if one starts, else here. Both answer the same calls. */
import { type ErrorCode } from '../errors.js';
import type { Seat } from './machine.js';
import type { Answer, Method, Session } from './session.js';
export interface Request {
    readonly method: Method;
    readonly args: readonly unknown[];
}
export type Response = {
    readonly result: unknown;
} | {
    readonly error: {
        code: ErrorCode;
        message: string;
    };
};
/** The worker's first message. */
export interface Ready {
    readonly ready: string;
}
/** What a further thread says of a trap, which ends the run on all threads. */
export interface Failure {
    readonly failure: string;
}
export interface Host {
    /** One call at a time. `transfer`: buffers that the caller gives away. */
    call<M extends Method>(method: M, args: Parameters<Session[M]>, transfer?: ArrayBuffer[]): Promise<Answer<M>>;
    /** Threads that it can have. */
    readonly threads: number;
    /** Lets further threads take their seats, and ends those for whom there is none. */
    join(seats: readonly Seat[]): Promise<void>;
    dispose(): void;
}
export declare class LocalHost implements Host {
    readonly threads = 1;
    private session;
    call<M extends Method>(method: M, args: Parameters<Session[M]>): Promise<Answer<M>>;
    join(): Promise<void>;
    dispose(): void;
}
/** A host that can have up to `threads` threads, and where it is, in words for people. */
export declare function startHost(url: string, threads: number): Promise<{
    host: Host;
    thread: string;
}>;
