/** What a worker, or the main thread in its place, does for the webassembly backend. */

import type { Schedule, TypedArray, WeightRows } from '../backend';
import { reasonOf } from '../errors';
import type { Content } from '../fetch';
import { compile, Machine, type Exports, type Model, type Results, type Seat, type Team } from './machine';

/** The calls, as the worker answers them. */
export class Session {
  private module: WebAssembly.Module | undefined;
  private machine: Machine | undefined;
  private seat: { exports: Exports; thread: number; threads: number } | undefined;

  async compile(code: Content): Promise<void> {
    this.module = await compile(code);
  }

  /** Returns what the other threads need to `join`. */
  async start(model: Model, team: Team): Promise<readonly Seat[]> {
    this.machine = await Machine.create(this.module!, model, team);
    return this.machine.seats;
  }

  writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): ArrayBuffer {
    for (const piece of pieces) this.machine!.writeWeight(piece);
    return memory;
  }

  bind(schedule: Schedule): void {
    this.machine!.bind(schedule);
  }

  run(inputs: readonly TypedArray[]): Results {
    return this.machine!.run(inputs);
  }

  profile(inputs: readonly TypedArray[]): Results & { milliseconds: number[] } {
    return this.machine!.profile(inputs);
  }

  /** Makes this worker a further thread of a machine that lives in another. */
  async join({ module, memory, stack, thread, threads }: Seat): Promise<void> {
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    this.seat = { exports: exports as unknown as Exports, thread, threads };
    this.seat.exports.__stack_pointer.value = stack;
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

export type Method = 'compile' | 'start' | 'writeWeights' | 'bind' | 'run' | 'profile' | 'join';
export type Answer<M extends Method> = Awaited<ReturnType<Session[M]>>;

/** A call by name. */
export async function answer(session: Session, method: Method, args: readonly unknown[]): Promise<unknown> {
  const work = (session[method] as (...args: readonly unknown[]) => unknown).bind(session);
  return await work(...args);
}
