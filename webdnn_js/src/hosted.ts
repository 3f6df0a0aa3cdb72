/** An executor whose work is done by a session, in a worker or not. */

import type { Executor, Schedule, StepTime, Cells, WeightRows } from './backend';
import type { Host } from './host';
import type { Plan } from './plan';
import type { Results, Session } from './session';

export class HostedExecutor implements Executor {
  private schedule: Schedule | undefined;
  private copies: readonly Cells[] = [];

  /** `host` has made the model of `plan`. */
  constructor(
    private readonly host: Pick<Host<Session>, 'call' | 'dispose'>,
    private readonly plan: Plan,
    readonly info: Readonly<Record<string, unknown>>,
  ) {}

  writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer> {
    return this.host.call('writeWeights', [memory, pieces], [memory]);
  }

  finishWeights(): Promise<void> {
    return Promise.resolve();
  }

  async bind(schedule: Schedule, kept: readonly number[]): Promise<void> {
    await this.host.call('bind', [schedule, kept]);
    this.schedule = schedule;
  }

  resetStates(): Promise<void> {
    return this.host.call('resetStates', []);
  }

  async run(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<void> {
    const [copies, buffers] = this.give(inputs);
    this.take(await this.host.call('run', [copies], buffers), outputs);
  }

  async profile(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<StepTime[]> {
    const [copies, buffers] = this.give(inputs);
    const answer = await this.host.call('profile', [copies], buffers);
    this.take(answer, outputs);
    const { kernels } = this.plan;
    return (this.schedule?.steps ?? []).map(({ kernel, origin }, i) => ({
      kernel: kernels[kernel]!.name,
      origin,
      milliseconds: answer.milliseconds[i]!,
    }));
  }

  /** Copies that go to the worker and come back with its answer, to be used again: new memory would cost more than what is copied. */
  private give(inputs: readonly Cells[]): [Cells[], ArrayBuffer[]] {
    const copies = inputs.map((input, i) => {
      const copy = this.copies[i];
      if (copy?.length !== input.length) return input.slice();
      copy.set(input);
      return copy;
    });
    this.copies = [];
    return [copies, copies.map(({ buffer }) => buffer as ArrayBuffer)];
  }

  private take({ inputs, outputs: results }: Results, outputs: readonly Cells[]): void {
    this.copies = inputs;
    results.forEach((result, i) => outputs[i]!.set(result));
  }

  dispose(): void {
    this.host.dispose();
  }
}
