/** The page's half of a backend that runs in a worker: where its session lives. In a worker if one starts, else here; both answer the same calls. */
import { type Answer, type Args, type Method, type Session } from './session.js';
import { type WorkerLike } from './node_threads.js';
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
    protected readonly worker: WorkerLike;
    constructor(name: string, worker: WorkerLike);
    call<M extends Method<S>>(method: M, args: Args<S, M>, transfer?: ArrayBuffer[]): Promise<Answer<S, M>>;
    dispose(): void;
}
/** A worker that starts. */
export interface Starting {
    /** Resolves when the worker has said that it answers. */
    readonly ready: Promise<WorkerLike>;
    /** Ends it, started or not. */
    end(): void;
}
/** How to make a worker: in a page, where only the page's own code can name the file so that bundlers find it, and from its address elsewhere. */
export interface WorkerFile {
    readonly name: string;
    make(): Worker;
    address(): URL;
}
/** The address that the option `workerUrl` gives, as the page means it. */
export declare function givenAddress(workerUrl: unknown): URL | undefined;
/** The worker in the file `name`: at the address `given` or else beside the runtime, where `makeOwn` makes it. */
export declare function workerFile(name: string, given: URL | undefined, makeOwn: () => Worker): WorkerFile;
/** There is nothing that could run a worker: no fault of whoever has built the page. */
export declare const hasWorkers: () => boolean;
/** Starts a worker of `file`. */
export declare function startWorker(file: WorkerFile): Starting;
/** Where a session is that no worker has, in words for people. Where a worker was to be had, whoever has built the page is told the cure. */
export declare function mainThread(backend: string, file: WorkerFile, reason: unknown): string;
