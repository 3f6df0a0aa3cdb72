/** What a worker, or the main thread in its place, does for the webassembly backend. */

import type { Schedule, TypedArray } from '../backend';
import { reasonOf } from '../errors';
import { Loader, type LoadJob } from './loader';
import { Machine, type Exports, type Model, type Places, type Results, type Seat, type Team } from './machine';

export interface Started {
  readonly seats: readonly Seat[];
  readonly memory: WebAssembly.Memory | undefined;
}

/** The calls, as the worker answers them. */
export class Session {
  private machine: Machine | undefined;
  private seat: (Seat & { exports: Exports }) | undefined;

  /** `report` is told of every shard that this thread has read. */
  constructor(
    private readonly report: (shard: number) => void,
    private readonly signal?: AbortSignal,
  ) {}

  /** Returns what the other threads need to `join`, and the memory if it is shared. */
  async start(code: ArrayBuffer, model: Model, team: Team): Promise<Started> {
    this.machine = await Machine.create(code, model, team);
    const [own, ...others] = this.machine.seats;
    this.seat = { ...own!, exports: this.machine.exports };
    return { seats: others, memory: team.shared ? own!.memory : undefined };
  }

  /** Makes this worker a further thread of a machine that lives in another. */
  async join(seat: Seat): Promise<void> {
    const { exports } = await WebAssembly.instantiate(seat.module, { env: { memory: seat.memory } });
    this.seat = { ...seat, exports: exports as unknown as Exports };
    this.seat.exports.__stack_pointer.value = seat.stack;
  }

  /** Reads weights as long as there are any that no other thread has taken. */
  async load(job: LoadJob): Promise<void> {
    const { exports, memory, layout, thread } = this.seat!;
    this.machine?.warmUp();
    await new Loader(exports, memory, layout, thread).load(job, this.report, this.signal);
  }

  bind(schedule: Schedule): Places {
    return this.machine!.bind(schedule);
  }

  run(inputs?: readonly TypedArray[]): Results | undefined {
    return this.machine!.run(inputs);
  }

  profile(inputs: readonly TypedArray[]): Results & { milliseconds: number[] } {
    return this.machine!.profile(inputs);
  }

  /** Does this thread's share of every run, until there will be no more. `fail` is told of every trap. */
  serve(fail: (reason: string) => void): void {
    const { exports, thread, threads } = this.seat!;
    const stack: unknown = exports.__stack_pointer.value;
    for (let seen = 0; ;) {
      try {
        return exports.serve(thread, threads, seen);
      } catch (error) {
        fail(reasonOf(error));
        exports.__stack_pointer.value = stack;
        seen = exports.leave();
      }
    }
  }
}

export type Method = 'start' | 'join' | 'load' | 'bind' | 'run' | 'profile';
export type Answer<M extends Method> = Awaited<ReturnType<Session[M]>>;

/** A call by name. */
export async function answer(session: Session, method: Method, args: readonly unknown[]): Promise<unknown> {
  const work = (session[method] as (...args: readonly unknown[]) => unknown).bind(session);
  return await work(...args);
}
