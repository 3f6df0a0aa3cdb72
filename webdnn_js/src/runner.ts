/** A loaded model, on one backend. */

import { isObject } from './check';
import type { Backend, DeviceSymbols, Executor, Schedule, StepTime, TypedArray } from './backend';
import { WebDNNError, reasonOf, rejectUnknown } from './errors';
import { checkPlaceholder, unsetPlaceholders } from './placeholders';
import { bindPlan, bindShape } from './schedule';
import { TensorView } from './tensor_view';
import type { BackendName, Manifest, Plan } from './plan';

export interface FallThrough {
  readonly backend: string;
  readonly reason: string;
}

/** What `load` has made. @internal */
export interface RunnerParts {
  readonly manifest: Manifest;
  readonly plan: Plan;
  readonly backend: Backend;
  readonly symbols?: DeviceSymbols | undefined;
  readonly executor: Executor;
  readonly fallThrough: readonly FallThrough[];
}

export class Runner {
  readonly backendName: BackendName;
  /** Reused at every run: set their values before, read them after. */
  readonly inputs: readonly TensorView[];
  readonly outputs: readonly TensorView[];
  readonly #parts: RunnerParts;
  #values: Readonly<Record<string, number>> = {};
  #bound = false;
  #busy = false;
  #disposed = false;

  /** @internal Use `load`. */
  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.backendName = parts.backend.name;
    this.inputs = parts.manifest.inputs.map((tensor) => new TensorView(tensor));
    this.outputs = parts.manifest.outputs.map((tensor) => new TensorView(tensor));
  }

  /** What was chosen, and why: the model, the backends that could not start, what the backend says about itself. */
  get info(): Readonly<Record<string, unknown>> {
    const { manifest, executor, fallThrough } = this.#parts;
    const { name, converter } = manifest;
    return { ...executor.info, model: name, converter, backend: this.backendName, fallThrough };
  }

  getInput(name: string): TensorView {
    return find(this.inputs, name, 'input');
  }

  getOutput(name: string): TensorView {
    return find(this.outputs, name, 'output');
  }

  /** As in WebDNN 1. */
  getInputViews(): readonly TensorView[] {
    return this.inputs;
  }

  /** As in WebDNN 1. */
  getOutputViews(): readonly TensorView[] {
    return this.outputs;
  }

  /** Computes `outputs` from `inputs`. */
  run(): Promise<void> {
    return this.#compute((executor, inputs, outputs) => executor.run(inputs, outputs));
  }

  /** Like `run`; tells how long each step took. */
  profile(): Promise<StepTime[]> {
    return this.#compute((executor, inputs, outputs) => executor.profile(inputs, outputs));
  }

  /**
   * Sets some placeholders; once all are set, checks the model's constraints and makes new inputs, outputs and states,
   * all zero. If a value is refused, the runner stays as it was.
   */
  setPlaceholderValue(values: Readonly<Record<string, number>>): Promise<void> {
    return this.#exclusive(async () => {
      const { manifest } = this.#parts;
      if (!isObject(values)) {
        throw new WebDNNError('placeholder', `setPlaceholderValue: got ${String(values)}, want an object like {N: 1}`);
      }
      for (const [name, value] of Object.entries(values)) checkPlaceholder(manifest, name, value);
      await this.#bind({ ...this.#values, ...values });
    });
  }

  /** @internal For `load`: a model without placeholders is ready at once. */
  bindStatic(schedule: Schedule): Promise<void> {
    return this.#use(schedule, {});
  }

  /** Gives all memory back; after a run in progress. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (!this.#busy) this.#parts.executor.dispose();
  }

  async #bind(values: Readonly<Record<string, number>>): Promise<void> {
    const { manifest, plan, backend, symbols } = this.#parts;
    if (unsetPlaceholders(manifest, values).length) {
      this.#values = values;
      return;
    }
    await this.#use(bindPlan(manifest, plan, values, backend.memory, symbols), values);
  }

  /** Runs `schedule`, which is that of `values`, from now on. */
  async #use(schedule: Schedule, values: Readonly<Record<string, number>>): Promise<void> {
    const { manifest, executor } = this.#parts;
    this.#bound = false;
    await executor.bind(schedule);
    const symbols = new Map(Object.entries(values));
    this.inputs.forEach((view, i) => view.bind(bindShape(manifest.inputs[i]!.shape, symbols)));
    this.outputs.forEach((view, i) => view.bind(bindShape(manifest.outputs[i]!.shape, symbols)));
    this.#values = values;
    this.#bound = true;
  }

  #compute<T>(
    work: (executor: Executor, inputs: readonly TypedArray[], outputs: readonly TypedArray[]) => Promise<T>,
  ): Promise<T> {
    return this.#exclusive(() => {
      if (!this.#bound) {
        const unset = unsetPlaceholders(this.#parts.manifest, this.#values).join(', ');
        throw new WebDNNError(
          'placeholder',
          `call setPlaceholderValue first; not set: ${unset || 'the last call failed'}`,
        );
      }
      const arrays = (views: readonly TensorView[]): TypedArray[] => views.map((view) => view.toActual());
      return work(this.#parts.executor, arrays(this.inputs), arrays(this.outputs));
    });
  }

  /** One thing at a time: the arrays and the device's memory are shared by all runs. */
  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#disposed) throw new WebDNNError('disposed', 'this runner was disposed of; load the model again');
    if (this.#busy)
      throw new WebDNNError('busy', 'this runner is busy: await the last call first, or load a second one');
    this.#busy = true;
    try {
      return await work();
    } catch (error) {
      if (error instanceof WebDNNError) throw error;
      throw new WebDNNError('backend', `${this.backendName}: ${reasonOf(error)}`, { cause: error });
    } finally {
      this.#busy = false;
      if (this.#disposed) this.#parts.executor.dispose();
    }
  }
}

const find = (views: readonly TensorView[], name: string, side: string): TensorView =>
  views.find((view) => view.name === name) ??
  rejectUnknown(
    'option',
    side,
    name,
    views.map((view) => view.name),
  );
