/** What a worker, or the main thread in its place, does for the webassembly backend. */

import type { Schedule, TypedArray } from '../backend';
import type { Plan, Weight } from '../plan';
import { Machine } from './machine';

/** The calls, as the worker answers them. */
export class Session {
  private machine: Machine | undefined;

  async start(code: ArrayBuffer, plan: Plan, weights: readonly Weight[]): Promise<void> {
    this.machine = await Machine.create(code, plan, weights);
  }

  writeWeight(weight: number, row: number, rows: number, data: TypedArray): void {
    this.machine!.writeWeight(weight, row, rows, data);
  }

  bind(schedule: Schedule): void {
    this.machine!.bind(schedule);
  }

  run(inputs: readonly TypedArray[]): Float32Array[] {
    return this.machine!.run(inputs);
  }

  profile(inputs: readonly TypedArray[]): { outputs: Float32Array[]; milliseconds: number[] } {
    return this.machine!.profile(inputs);
  }
}

export type Method = 'start' | 'writeWeight' | 'bind' | 'run' | 'profile';
export type Answer<M extends Method> = Awaited<ReturnType<Session[M]>>;

/** A call by name. */
export async function answer(session: Session, method: Method, args: readonly unknown[]): Promise<unknown> {
  const work = (session[method] as (...args: readonly unknown[]) => unknown).bind(session);
  return await work(...args);
}
