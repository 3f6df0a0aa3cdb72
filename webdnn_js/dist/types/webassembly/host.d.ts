/** Where a Machine lives: in a worker if one starts, else here. Both answer the same calls. */
import { type ErrorCode } from '../errors.js';
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
export interface Host {
    /** One call at a time. `transfer`: buffers that the caller gives away. */
    call<M extends Method>(method: M, args: Parameters<Session[M]>, transfer?: ArrayBuffer[]): Promise<Answer<M>>;
    dispose(): void;
}
export declare class LocalHost implements Host {
    private session;
    call<M extends Method>(method: M, args: Parameters<Session[M]>): Promise<Answer<M>>;
    dispose(): void;
}
/** A host, and where it is, in words for people. */
export declare function startHost(url: string): Promise<{
    host: Host;
    thread: string;
}>;
