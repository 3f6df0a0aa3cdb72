/** What a worker, or the main thread in its place, does for the webassembly backend. */

import type { Schedule, Cells, WeightRows } from '../backend';
import { reasonOf } from '../errors';
import type { Content } from '../fetch';
import type { Results, Session, Times } from '../session';
import { compile, instantiate, Machine, type Exports, type Model, type Seat, type Team } from './machine';

/** The calls, as the worker answers them. */
export class MachineSession implements Session {
  private module: WebAssembly.Module | undefined;
  private model: Machine | undefined;
  private seat: { exports: Exports; thread: number; threads: number } | undefined;

  private get machine(): Machine {
    if (this.model) return this.model;
    throw new Error('called before start');
  }

  async compile(code: Content): Promise<void> {
    this.module = await compile(code);
  }

  /** Returns what the other threads need to `join`. */
  async start(model: Model, team: Team): Promise<readonly Seat[]> {
    if (!this.module) throw new Error('start was called before compile');
    this.model = await Machine.create(this.module, model, team);
    return this.machine.seats;
  }

  writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): ArrayBuffer {
    for (const piece of pieces) this.machine.writeWeight(piece);
    return memory;
  }

  bind(schedule: Schedule, kept: readonly number[]): void {
    this.machine.bind(schedule, kept);
  }

  resetStates(): void {
    this.machine.resetStates();
  }

  run(inputs: readonly Cells[]): Results {
    return this.machine.run(inputs);
  }

  profile(inputs: readonly Cells[]): Times {
    return this.machine.profile(inputs);
  }

  /** Makes this worker a further thread of a machine that lives in another. */
  async join({ module, memory, stack, thread, threads }: Seat): Promise<void> {
    const exports = await instantiate(module, memory);
    exports.__stack_pointer.value = stack;
    this.seat = { exports, thread, threads };
  }

  /** Does this thread's share of every run, until there will be no more. `fail` is told of every trap. */
  work(fail: (reason: string) => void): void {
    if (!this.seat) throw new Error('work was called before join');
    const { exports, thread, threads } = this.seat;
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
