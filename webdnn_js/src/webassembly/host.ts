/** Where a Machine lives: in a worker if one starts, else here. Both answer the same calls. */

import { WebDNNError, reasonOf, type ErrorCode } from '../errors';
import { version } from '../version';
import type { Seat } from './machine';
import type { Answer, Method, Session } from './session';

export interface Request {
  readonly method: Method;
  readonly args: readonly unknown[];
}

export type Response = { readonly result: unknown } | { readonly error: { code: ErrorCode; message: string } };

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

export class LocalHost implements Host {
  readonly threads = 1;
  private session: Session | undefined;

  async call<M extends Method>(method: M, args: Parameters<Session[M]>): Promise<Answer<M>> {
    const { Session, answer } = await import('./session');
    this.session ??= new Session();
    return (await answer(this.session, method, args)) as Answer<M>;
  }

  join(): Promise<void> {
    return Promise.resolve();
  }

  dispose(): void {
    this.session = undefined;
  }
}

/** One call of `worker`. */
function ask<M extends Method>(
  worker: Worker,
  method: M,
  args: Parameters<Session[M]>,
  transfer: ArrayBuffer[] = [],
): Promise<Answer<M>> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Response>) => {
      if ('error' in data) reject(new WebDNNError(data.error.code, data.error.message));
      else resolve(data.result as Answer<M>);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new WebDNNError('backend', `webassembly: the worker failed: ${event.message}`));
    };
    worker.postMessage({ method, args } satisfies Request, transfer);
  });
}

/** How a thread ends that another thread's trap has stopped: on every engine the message has this word. */
const STOPPED = /unreachable/i;

class WorkerHost implements Host {
  /** Why further threads trapped in the present call. */
  private failures: string[] = [];
  private seat: Seat | undefined;

  constructor(
    private readonly worker: Worker,
    private others: readonly Worker[],
  ) {}

  get threads(): number {
    return 1 + this.others.length;
  }

  async call<M extends Method>(
    method: M,
    args: Parameters<Session[M]>,
    transfer: ArrayBuffer[] = [],
  ): Promise<Answer<M>> {
    this.failures = [];
    try {
      return await ask(this.worker, method, args, transfer);
    } catch (error) {
      if (!(error instanceof WebDNNError) || !STOPPED.test(error.message)) throw error;
      // The other thread has spoken first, but by a way of its own.
      for (let turn = 0; turn < 10 && !this.failures.length; turn++) await new Promise((go) => setTimeout(go, 1));
      throw new WebDNNError(error.code, [error.message, ...this.failures].join('; '));
    }
  }

  async join(seats: readonly Seat[]): Promise<void> {
    this.seat = seats[0];
    for (const worker of this.others.slice(seats.length)) worker.terminate();
    this.others = this.others.slice(0, seats.length);
    await Promise.all(seats.map((seat, i) => ask(this.others[i]!, 'join', [seat])));
    this.others.forEach((worker, i) => {
      worker.onmessage = ({ data }: MessageEvent<Failure>) => {
        if (!STOPPED.test(data.failure)) this.failures.push(`thread ${i + 1}: ${data.failure}`);
      };
    });
  }

  dispose(): void {
    // A worker that sleeps in compiled code would end seconds later, and hold its memory until then.
    if (this.seat) {
      const runs = new Int32Array(this.seat.memory.buffer, this.seat.runs, 1);
      Atomics.store(runs, 0, -1);
      Atomics.notify(runs, 0);
    }
    for (const worker of [this.worker, ...this.others]) worker.terminate();
  }
}

/** The worker of `url` when it has said that it is ready. */
function startWorker(url: string): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(url);
    const fail = (reason: string): void => {
      worker.terminate();
      reject(new Error(reason));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(event.message || `${url} could not be loaded`);
    };
    worker.onmessage = ({ data }: MessageEvent<Ready>) => {
      if (data.ready === version) resolve(worker);
      else fail(`${url} is of version ${data.ready}, this runtime is ${version}`);
    };
  });
}

/** A host that can have up to `threads` threads, and where it is, in words for people. */
export async function startHost(url: string, threads: number): Promise<{ host: Host; thread: string }> {
  try {
    if (typeof Worker === 'undefined') throw new Error('there are no workers here');
    if (!url) throw new Error('the address of webdnn-worker.js is not known; give workerUrl');
    const started = await Promise.allSettled(Array.from({ length: threads }, () => startWorker(url)));
    const workers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (!workers[0]) throw (started[0] as PromiseRejectedResult).reason;
    return { host: new WorkerHost(workers[0], workers.slice(1)), thread: 'worker' };
  } catch (error) {
    return { host: new LocalHost(), thread: `main thread, because no worker could start: ${reasonOf(error)}` };
  }
}
