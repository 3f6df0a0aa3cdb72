/** Where a Machine lives, and its further threads. */

import { WebDNNError } from '../errors';
import { LocalHost, WorkerHost, mainThread, startWorker, type Host } from '../host';
import type { Answer, Args, Method } from '../session';
import type { Seat } from './machine';
import type { MachineSession } from './session';

/** What a further thread says of a trap, which ends the run on all threads. */
export interface Failure {
  readonly failure: string;
}

/** A host of a Machine, with all threads that it can have. */
export interface TeamHost extends Host<MachineSession> {
  readonly threads: number;
  /** Lets further threads take their seats, and ends those for whom there is none. */
  join(seats: readonly Seat[]): Promise<void>;
}

class LocalTeam extends LocalHost<MachineSession> implements TeamHost {
  readonly threads = 1;

  constructor() {
    super(async () => new (await import('./session')).MachineSession());
  }

  join(): Promise<void> {
    return Promise.resolve();
  }
}

/** How a thread ends that another thread's trap has stopped: on every engine the message has this word. */
const STOPPED = /unreachable/i;

class WorkerTeam extends WorkerHost<MachineSession> implements TeamHost {
  /** Why further threads trapped in the present call. */
  private failures: string[] = [];
  private seat: Seat | undefined;
  private others: readonly Worker[];

  constructor(first: Worker, ...others: readonly Worker[]) {
    super('webassembly', first);
    this.others = others;
  }

  get threads(): number {
    return 1 + this.others.length;
  }

  override async call<M extends Method<MachineSession>>(
    method: M,
    args: Args<MachineSession, M>,
    transfer: ArrayBuffer[] = [],
  ): Promise<Answer<MachineSession, M>> {
    this.failures = [];
    try {
      return await super.call(method, args, transfer);
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
    const hosts = this.others.map((worker) => new WorkerHost<MachineSession>('webassembly', worker));
    await Promise.all(hosts.map((host, i) => host.call('join', [seats[i]!])));
    this.others.forEach((worker, i) => {
      worker.onmessage = ({ data }: MessageEvent<Failure>) => {
        if (!STOPPED.test(data.failure)) this.failures.push(`thread ${i + 1}: ${data.failure}`);
      };
    });
  }

  override dispose(): void {
    // A worker that sleeps in compiled code would end seconds later, and hold its memory until then.
    if (this.seat) {
      const runs = new Int32Array(this.seat.memory.buffer, this.seat.runs, 1);
      Atomics.store(runs, 0, -1);
      Atomics.notify(runs, 0);
    }
    super.dispose();
    for (const worker of this.others) worker.terminate();
  }
}

export interface Placed {
  readonly host: TeamHost;
  /** Where it is, in words for people. */
  readonly thread: string;
}

/** Starts up to `threads` workers. `end` ends them, started or not. */
export function startTeam(
  file: string,
  make: () => Worker,
  threads: number,
): { readonly placed: Promise<Placed>; end(): void } {
  const starting = Array.from({ length: threads }, () => startWorker(file, make));
  const place = async (): Promise<Placed> => {
    const started = await Promise.allSettled(starting.map(({ ready }) => ready));
    const [first, ...others] = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (first) return { host: new WorkerTeam(first, ...others), thread: 'worker' };
    return { host: new LocalTeam(), thread: mainThread((started[0] as PromiseRejectedResult).reason) };
  };
  return { placed: place(), end: () => starting.forEach((one) => one.end()) };
}
