/** The page's half of a backend that runs in a worker: where its session lives. In a worker if one starts, else here; both answer the same calls. */
import { type Answer, type Args, type Method, type Session } from './session.js';
export interface Host<S> {
    /** One call at a time. `transfer`: buffers that the caller gives away. */
    call<M extends Method<S>>(method: M, args: Args<S, M>, transfer?: ArrayBuffer[]): Promise<Answer<S, M>>;
    /** Ends the session at once. A call that is pending is answered no more. */
    dispose(): void;
}
/** A session on the thread that loads the model; `make` gets its code, which pages with a worker do without. */
export declare class LocalHost<S extends Session> implements Host<S> {
    private readonly make;
    private session;
    constructor(make: () => Promise<S>);
    call<M extends Method<S>>(method: M, args: Args<S, M>): Promise<Answer<S, M>>;
    dispose(): void;
}
/** A session in `worker`, which starts. */
export declare class WorkerHost<S> implements Host<S> {
    private readonly name;
    protected readonly worker: Worker;
    constructor(name: string, worker: Worker);
    call<M extends Method<S>>(method: M, args: Args<S, M>, transfer?: ArrayBuffer[]): Promise<Answer<S, M>>;
    dispose(): void;
}
/** A worker that starts. */
export interface Starting {
    /** Resolves when the worker has said that it answers. */
    readonly ready: Promise<Worker>;
    /** Ends it, started or not. */
    end(): void;
}
/** Starts the worker that `make` makes from `file`. */
export declare function startWorker(file: string, make: () => Worker): Starting;
/** Where a session is that no worker has, in words for people. */
export declare const mainThread: (reason: unknown) => string;
