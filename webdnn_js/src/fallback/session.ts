/** What a worker, or the main thread in its place, does for the fallback backend. */

import type { Schedule, Cells, WeightRows } from '../backend';
import type { Session, Times } from '../session';
import { Machine, type Model } from './machine';

export class FallbackSession implements Session {
  private model: Machine | undefined;

  private get machine(): Machine {
    if (this.model) return this.model;
    throw new Error('called before start');
  }

  start(model: Model): void {
    this.model = new Machine(model);
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

  run(inputs: readonly Cells[]): Promise<Times> {
    return this.machine.run(inputs);
  }

  profile(inputs: readonly Cells[]): Promise<Times> {
    return this.machine.run(inputs);
  }

  end(): void {
    this.model?.end();
  }
}
