/** Where a Machine lives: in a worker if one starts, else here. Both answer the same calls. */

import { WebDNNError, reasonOf, type ErrorCode } from '../errors';
import { version } from '../version';
import type { LoadJob } from './loader';
import type { Seat } from './machine';
import type { Answer, Method, Session } from './session';

/** To a worker. `serve` has no answer. */
export type Request = { readonly method: Method; readonly args: readonly unknown[] } | { readonly method: 'serve' };

/** From a worker. */
export type Message =
  | { readonly ready: string } // the first one
  | { readonly result: unknown }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } }
  | { readonly shard: number } // has been read; the answer is still to come
  | { readonly failure: string }; // a further thread's trap, which ends the run on all threads

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

/** One call of `worker`. */
function ask<M extends Method>(
  worker: Worker,
  method: M,
  args: Parameters<Session[M]>,
  transfer: ArrayBuffer[] = [],
  report: (shard: number) => void = () => undefined,
): Promise<Answer<M>> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Message>) => {
      if ('shard' in data) {
        try {
          report(data.shard);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(reasonOf(error)));
        }
      } else if ('error' in data) reject(new WebDNNError(data.error.code, data.error.message));
      else if ('result' in data) resolve(data.result as Answer<M>);
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

/** Rejects with the reason of `signal` as soon as it is aborted. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

class WorkerHost implements Host {
  /** Why further threads trapped in the present call. */
  private failures: string[] = [];
  private seats: readonly Seat[] = [];

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
    this.seats = seats;
    await Promise.all(seats.map((seat, i) => ask(this.others[i]!, 'join', [seat])));
  }

  async load(job: LoadJob, report: (shard: number) => void, signal: AbortSignal | undefined): Promise<void> {
    const workers = [this.worker, ...this.others.slice(0, this.seats.length)];
    const loading = Promise.all(workers.map((worker) => ask(worker, 'load', [job], [], report)));
    await orAborted(loading, signal);
  }

  serve(threads: number): void {
    for (const worker of this.others.slice(threads - 1)) worker.terminate();
    this.others = this.others.slice(0, threads - 1);
    this.others.forEach((worker, i) => {
      worker.onmessage = ({ data }: MessageEvent<Message>) => {
        if ('failure' in data && !STOPPED.test(data.failure)) this.failures.push(`thread ${i + 1}: ${data.failure}`);
      };
      worker.postMessage({ method: 'serve' } satisfies Request);
    });
  }

  /** The element of memory that further threads watch. */
  private runs(): Int32Array | undefined {
    const [seat] = this.seats;
    return seat && new Int32Array(seat.memory.buffer, seat.runs, 1);
  }

  wake(): void {
    const runs = this.others.length ? this.runs() : undefined;
    if (runs) Atomics.notify(runs, 0);
  }

  dispose(): void {
    // A worker that sleeps in compiled code would end seconds later, and hold its memory until then.
    const runs = this.runs();
    if (runs) {
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
    worker.onmessage = ({ data }: MessageEvent<Message>) => {
      const ready = 'ready' in data ? data.ready : 'unknown';
      if (ready === version) resolve(worker);
      else fail(`${url} is of version ${ready}, this runtime is ${version}`);
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
    const { LocalHost } = await import('./local_host');
    return { host: new LocalHost(), thread: `main thread, because no worker could start: ${reasonOf(error)}` };
  }
}
