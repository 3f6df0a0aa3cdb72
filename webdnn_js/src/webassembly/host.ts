/** Where a Machine lives: in a worker if one starts, else here. Both answer the same calls. */

import { WebDNNError, reasonOf, type ErrorCode } from '../errors';
import { version } from '../version';
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

export interface Host {
  /** One call at a time. `transfer`: buffers that the caller gives away. */
  call<M extends Method>(method: M, args: Parameters<Session[M]>, transfer?: ArrayBuffer[]): Promise<Answer<M>>;
  dispose(): void;
}

export class LocalHost implements Host {
  private session: Session | undefined;

  async call<M extends Method>(method: M, args: Parameters<Session[M]>): Promise<Answer<M>> {
    const { Session, answer } = await import('./session');
    this.session ??= new Session();
    return (await answer(this.session, method, args)) as Answer<M>;
  }

  dispose(): void {
    this.session = undefined;
  }
}

class WorkerHost implements Host {
  constructor(private readonly worker: Worker) {}

  call<M extends Method>(method: M, args: Parameters<Session[M]>, transfer: ArrayBuffer[] = []): Promise<Answer<M>> {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }: MessageEvent<Response>) => {
        if ('error' in data) reject(new WebDNNError(data.error.code, data.error.message));
        else resolve(data.result as Answer<M>);
      };
      this.worker.onerror = (event) => {
        event.preventDefault();
        reject(new WebDNNError('backend', `webassembly: the worker failed: ${event.message}`));
      };
      this.worker.postMessage({ method, args } satisfies Request, transfer);
    });
  }

  dispose(): void {
    this.worker.terminate();
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

/** A host, and where it is, in words for people. */
export async function startHost(url: string): Promise<{ host: Host; thread: string }> {
  try {
    if (typeof Worker === 'undefined') throw new Error('there are no workers here');
    if (!url) throw new Error('the address of webdnn-worker.js is not known; give workerUrl');
    return { host: new WorkerHost(await startWorker(url)), thread: 'worker' };
  } catch (error) {
    return { host: new LocalHost(), thread: `main thread, because no worker could start: ${reasonOf(error)}` };
  }
}
