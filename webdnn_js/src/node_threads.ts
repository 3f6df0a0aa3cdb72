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
  readonly Worker: new (url: URL, options: { readonly execArgv: readonly string[] }) => NodeWorker;
  readonly parentPort: Port | null;
}

interface NodeSystem {
  availableParallelism(): number;
}

function nodeModule<T>(name: string): T | undefined {
  if (typeof document !== 'undefined') return undefined; // a page, whatever else there is
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => T | undefined } };
  return process?.getBuiltinModule?.(name);
}

export const nodeThreads = (): NodeThreads | undefined => nodeModule('node:worker_threads');

/** Processors that this program may use; undefined in a browser. */
export const nodeProcessors = (): number | undefined => nodeModule<NodeSystem>('node:os')?.availableParallelism();

/** A worker of Node as a page's. It keeps the program alive only while it has been asked something. */
export function nodeWorker({ Worker }: NodeThreads, url: URL): WorkerLike {
  const worker = new Worker(url, { execArgv: [] }); // options of the program, such as --eval, are not meant for it
  const like: WorkerLike = {
    onmessage: null,
    onerror: null,
    postMessage(message: unknown, transfer: unknown = []) {
      worker.ref();
      worker.postMessage(message, transfer as ArrayBuffer[]);
    },
    terminate: () => void worker.terminate(),
  };
  worker.on('message', (data) => {
    worker.unref();
    like.onmessage?.call(like as Worker, { data } as MessageEvent);
  });
  worker.on('error', ({ message }) => {
    like.onerror?.call(like as Worker, { message, preventDefault: () => undefined } as ErrorEvent);
  });
  return like;
}
