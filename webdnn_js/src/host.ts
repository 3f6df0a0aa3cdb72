/** The page's half of a backend that runs in a worker: where its session lives. In a worker if one starts, else here; both answer the same calls. */

import { WebDNNError, reasonOf } from './errors';
import {
  answer,
  type Answer,
  type Args,
  type Method,
  type Ready,
  type Request,
  type Response,
  type Session,
} from './session';
import { nodeThreads, nodeWorker, type WorkerLike } from './node_threads';
import { version } from './version';

export interface Host<S> {
  /** One call at a time. `transfer`: buffers that the caller gives away. */
  call<M extends Method<S>>(method: M, args: Args<S, M>, transfer?: ArrayBuffer[]): Promise<Answer<S, M>>;
  /** Ends the session at once. A call that is pending is answered no more. */
  dispose(): void;
}

/** A session on the thread that loads the model; `make` gets its code, which pages with a worker do without. */
export class LocalHost<S extends Session> implements Host<S> {
  private session: Promise<S> | undefined;

  constructor(private readonly make: () => Promise<S>) {}

  async call<M extends Method<S>>(method: M, args: Args<S, M>): Promise<Answer<S, M>> {
    this.session ??= this.make();
    return answer(await this.session, method, args);
  }

  dispose(): void {
    void this.session?.then((session) => session.end?.());
    this.session = undefined;
  }
}

/** A session in `worker`, which starts. */
export class WorkerHost<S> implements Host<S> {
  constructor(
    private readonly name: string,
    protected readonly worker: WorkerLike,
  ) {}

  call<M extends Method<S>>(method: M, args: Args<S, M>, transfer: ArrayBuffer[] = []): Promise<Answer<S, M>> {
    const { name, worker } = this;
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Response>) => {
        if ('error' in data) reject(new WebDNNError(data.error.code, data.error.message));
        else resolve(data.result as Answer<S, M>);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new WebDNNError('backend', `${name}: the worker failed: ${event.message}`));
      };
      worker.postMessage({ method, args } satisfies Request, transfer);
    });
  }

  dispose(): void {
    this.worker.terminate();
  }
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
export function givenAddress(workerUrl: unknown): URL | undefined {
  return typeof workerUrl === 'string' ? new URL(workerUrl, globalThis.location?.href ?? import.meta.url) : undefined;
}

/** The worker in the file `name`: at the address `given` or else beside the runtime, where `makeOwn` makes it. */
export function workerFile(name: string, given: URL | undefined, makeOwn: () => Worker): WorkerFile {
  return {
    name,
    make: () => (given ? new Worker(given) : makeOwn()),
    address: () => given ?? new URL(name, import.meta.url),
  };
}

/** There is nothing that could run a worker: no fault of whoever has built the page. */
export const hasWorkers = (): boolean => nodeThreads() !== undefined || typeof Worker !== 'undefined';

/** Starts a worker of `file`. */
export function startWorker(file: WorkerFile): Starting {
  let worker: WorkerLike | undefined;
  const ready = new Promise<WorkerLike>((resolve, reject) => {
    if (!hasWorkers()) throw new Error('there are no workers here');
    const node = nodeThreads();
    const started = (worker = node ? nodeWorker(node, file.address()) : file.make());
    const fail = (reason: string): void => {
      started.terminate();
      reject(new Error(reason));
    };
    started.onerror = (event) => {
      event.preventDefault();
      fail(event.message || `${file.name} could not be loaded`);
    };
    started.onmessage = ({ data }: MessageEvent<Ready>) => {
      if (data.ready === version) resolve(started);
      else fail(`${file.name} is of version ${data.ready}, this runtime is ${version}`);
    };
  });
  ready.catch(() => undefined); // whoever waits is told
  return { ready, end: () => worker?.terminate() };
}

/** Where a session is that no worker has, in words for people. Where a worker was to be had, whoever has built the page is told the cure. */
export function mainThread(backend: string, file: WorkerFile, reason: unknown): string {
  const why = `no worker could start: ${reasonOf(reason)}`;
  if (hasWorkers()) {
    console.warn(
      `WebDNN: ${backend} runs on the main thread, which it blocks, because ${why}. Copy ${file.name} from the folder dist of the ` +
        `package webdnn to where the page's script is served, or give its address there to load as workerUrl.`,
    );
  }
  return `main thread, because ${why}`;
}
