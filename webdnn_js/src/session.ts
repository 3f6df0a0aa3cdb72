/** The worker's half of a backend that runs in one: what it answers, and how. */

import type { Schedule, Cells, WeightRows } from './backend';
import { WebDNNError, reasonOf, type ErrorCode } from './errors';
import { nodeThreads, type Port } from './node_threads';
import { version } from './version';

/** Results of a run; `inputs` are given back, for the next. */
export interface Results {
  readonly inputs: readonly Cells[];
  readonly outputs: readonly Cells[];
}

export interface Times extends Results {
  /** One entry per bound step. */
  readonly milliseconds: readonly number[];
}

/** The calls that every such backend answers, once its own have made the model. What an Executor does, but for the page's arrays. */
export interface Session {
  writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): ArrayBuffer;
  bind(schedule: Schedule, kept: readonly number[]): void;
  resetStates(): void;
  run(inputs: readonly Cells[]): Results | Promise<Results>;
  profile(inputs: readonly Cells[]): Times | Promise<Times>;
  /** Ends, where there is no worker to be ended, a run that is on its way. */
  end?(): void;
}

/** The names of a session's calls, and what one takes and gives. */
export type Method<S> = Extract<keyof S, string>;
export type Args<S, M extends keyof S> = S[M] extends (...args: infer A) => unknown ? A : never;
export type Answer<S, M extends keyof S> = S[M] extends (...args: never[]) => infer R ? Awaited<R> : never;

export interface Request {
  readonly method: string;
  readonly args: readonly unknown[];
}

export type Response = { readonly result: unknown } | { readonly error: { code: ErrorCode; message: string } };

/** A worker's first message. */
export interface Ready {
  readonly ready: string;
}

/** A call by name. */
export async function answer<S, M extends Method<S>>(session: S, method: M, args: Args<S, M>): Promise<Answer<S, M>> {
  const work = session[method] as (this: S, ...args: Args<S, M>) => unknown;
  return (await work.apply(session, args)) as Answer<S, M>;
}

/** The page gets the memory of a shard back, and the buffers of a run's results; copying them would cost a run of a small model. */
function buffersOf(result: unknown): ArrayBuffer[] {
  if (result instanceof ArrayBuffer) return [result];
  const { inputs = [], outputs = [] } = (result ?? {}) as Partial<Results>;
  return [...inputs, ...outputs].map(({ buffer }) => buffer as ArrayBuffer);
}

/** Answers the page's calls, one at a time, and says that it does. `done` is told of each call that was answered. */
export function serve(session: Session, done: (method: string, port: Port) => void = () => undefined): void {
  const port: Port = nodeThreads()?.parentPort ?? (globalThis as unknown as Port);
  const reply = async ({ method, args }: Request): Promise<void> => {
    try {
      const result: unknown = await answer(session, method as never, args as never);
      port.postMessage({ result } satisfies Response, buffersOf(result));
    } catch (error) {
      const code = error instanceof WebDNNError ? error.code : 'backend';
      port.postMessage({ error: { code, message: reasonOf(error) } } satisfies Response);
      return;
    }
    done(method, port);
  };
  port.onmessage = ({ data }: MessageEvent<Request>) => void reply(data);
  port.postMessage({ ready: version } satisfies Ready);
}
