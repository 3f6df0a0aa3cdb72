/** Workers of Node, and of what offers Node's modules (Bun, Deno): they take and give messages otherwise than a page's. */
/** The part of a page's Worker that the runtime uses. */
export type WorkerLike = Pick<Worker, 'onmessage' | 'onerror' | 'postMessage' | 'terminate'>;
interface NodeWorker {
    on(event: 'message', listener: (data: unknown) => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
    terminate(): Promise<number>;
    ref(): void;
    unref(): void;
}
/** Where a worker's messages come from and go to. */
export interface Port {
    onmessage: ((event: MessageEvent<never>) => void) | null;
    postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
}
interface NodeThreads {
    readonly Worker: new (url: URL, options: {
        readonly execArgv: readonly string[];
    }) => NodeWorker;
    readonly parentPort: Port | null;
}
export declare const nodeThreads: () => NodeThreads | undefined;
/** Processors that this program may use; undefined in a browser. */
export declare const nodeProcessors: () => number | undefined;
/** A worker of Node as a page's. It keeps the program alive only while it has been asked something. */
export declare function nodeWorker({ Worker }: NodeThreads, url: URL): WorkerLike;
export {};
