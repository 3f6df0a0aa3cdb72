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
    protected readonly worker: Worker,
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
  readonly ready: Promise<Worker>;
  /** Ends it, started or not. */
  end(): void;
}

/** Starts the worker that `make` makes from `file`. */
export function startWorker(file: string, make: () => Worker): Starting {
  let worker: Worker | undefined;
  const ready = new Promise<Worker>((resolve, reject) => {
    if (typeof Worker === 'undefined') throw new Error('there are no workers here');
    const started = (worker = make());
    const fail = (reason: string): void => {
      started.terminate();
      reject(new Error(reason));
    };
    started.onerror = (event) => {
      event.preventDefault();
      fail(event.message || `${file} could not be loaded`);
    };
    started.onmessage = ({ data }: MessageEvent<Ready>) => {
      if (data.ready === version) resolve(started);
      else fail(`${file} is of version ${data.ready}, this runtime is ${version}`);
    };
  });
  ready.catch(() => undefined); // whoever waits is told
  return { ready, end: () => worker?.terminate() };
}

/** Where a session is that no worker has, in words for people. */
export const mainThread = (reason: unknown): string =>
  `main thread, because no worker could start: ${reasonOf(reason)}`;
