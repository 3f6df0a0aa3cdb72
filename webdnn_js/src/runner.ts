/** A loaded model, on one backend. */

import { isObject } from './check';
import type { Backend, Cells, DeviceSymbols, Executor, Schedule, StepTime, WeightRows } from './backend';
import { fromCells, toCells } from './dtypes';
import { WebDNNError, reasonOf, rejectUnknown, withoutName } from './errors';
import { checkPlaceholder, formatValues, unsetPlaceholders, type Values } from './placeholders';
import { bindPlan, bindShape, unchangedStates } from './schedule';
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

/** Rejects the call that is pending. */
type Stop = (error: WebDNNError) => void;

interface Ready {
  readonly is: 'ready';
  readonly executor: Executor;
  readonly values: Values;
  /** After a run that failed: the model's states may hold anything, and become zero before the next. */
  readonly isSpoilt: boolean;
}

/** What a runner can be. A state has what may be used in it, and nothing else. */
type State =
  /** Its weights are on their way. */
  | { readonly is: 'created'; readonly executor: Executor; readonly stop?: Stop }
  /** All weights are there. */
  | { readonly is: 'filled'; readonly executor: Executor }
  /** Some placeholders have no value yet. */
  | { readonly is: 'unsized'; readonly executor: Executor; readonly values: Values }
  | {
      readonly is: 'binding';
      readonly executor: Executor;
      readonly stop: Stop;
      /** Never rejects. */
      readonly settled: Promise<void>;
    }
  | Ready
  | { readonly is: 'running'; readonly executor: Executor; readonly stop: Stop }
  /** The device could not be set up for `values`. */
  | { readonly is: 'broken'; readonly executor: Executor; readonly values: Values; readonly error: WebDNNError }
  /** The device is gone. */
  | { readonly is: 'lost'; readonly error: WebDNNError }
  | { readonly is: 'disposed' };

type Sizable = Extract<State, { is: 'filled' | 'unsized' | 'ready' | 'broken' }>;

const disposed = (): WebDNNError =>
  new WebDNNError('disposed', 'this runner was disposed of; load the model again to go on');

export class Runner {
  readonly backendName: BackendName;
  /** Reused at every run: set their values before, read them after. */
  readonly inputs: readonly TensorView[];
  readonly outputs: readonly TensorView[];
  /** What was chosen, and why: the model, the backends that could not start, what the backend says about itself. */
  readonly info: Readonly<Record<string, unknown>>;
  readonly #parts: Omit<RunnerParts, 'executor'>;
  #state: State;

  /** @internal Use `load`. */
  constructor({ executor, ...parts }: RunnerParts) {
    const { manifest, backend, fallThrough } = (this.#parts = parts);
    const { name, converter } = manifest;
    this.backendName = backend.name;
    this.inputs = manifest.inputs.map((tensor) => new TensorView(tensor, 'input'));
    this.outputs = manifest.outputs.map((tensor) => new TensorView(tensor, 'output'));
    this.info = { ...executor.info, model: name, converter, backend: backend.name, fallThrough };
    this.#state = { is: 'created', executor };
    void executor.lost?.then((reason) => {
      const error = this.#ours(new Error(reason));
      this.#end({ is: 'lost', error }, error);
    });
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

  /**
   * What the model keeps from run to run becomes what it was when the model was loaded; without effect on a model that keeps nothing.
   * It does so by itself after a run that failed, and for states whose size `setPlaceholderValue` changes.
   */
  resetStates(): Promise<void> {
    return this.#work((executor) => executor.resetStates());
  }

  /** Like `run`; tells how long each step took. */
  profile(): Promise<StepTime[]> {
    return this.#compute((executor, inputs, outputs) => executor.profile(inputs, outputs));
  }

  /**
   * Sets some placeholders; once all are set, checks the model's constraints and sizes the inputs, outputs and states. Those whose size
   * changes become zero; states then are as after `resetStates`, and other states keep what they hold. If a value is refused, or is the
   * present one, nothing changes.
   */
  async setPlaceholderValue(values: Values): Promise<void> {
    const state = this.#sizable();
    const { manifest, plan, backend, symbols } = this.#parts;
    if (!isObject(values)) {
      throw new WebDNNError('placeholder', `setPlaceholderValue: got ${String(values)}, want an object like {N: 1}`);
    }
    for (const [name, value] of Object.entries(values)) checkPlaceholder(manifest, name, value);
    const old = 'values' in state ? state.values : {};
    const all = { ...old, ...values };
    if (state.is === 'ready' && Object.keys(all).every((name) => all[name] === old[name])) return;
    if (unsetPlaceholders(manifest, all).length) {
      this.#state = { is: 'unsized', executor: state.executor, values: all };
      return;
    }
    await this.#bind(state, bindPlan(manifest, plan, all, backend.memory, symbols), all);
  }

  /** @internal For `load`: as an executor's. */
  async writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer> {
    const state = this.#created();
    const { executor } = state;
    const write = () => executor.writeWeights(memory, pieces);
    return this.#during(
      (stop) => ({ is: 'created', executor, stop }),
      write,
      state,
      () => state,
    );
  }

  /** @internal For `load`: all weights were written. */
  async finishWeights(): Promise<void> {
    const state = this.#created();
    const { executor } = state;
    const finish = () => executor.finishWeights();
    const filled = { is: 'filled', executor } as const;
    await this.#during(
      (stop) => ({ is: 'created', executor, stop }),
      finish,
      filled,
      () => state,
    );
  }

  /** @internal For `load`, after `finishWeights`: a model without placeholders is ready at once, others wait for values. */
  async settle(schedule: Schedule | undefined): Promise<void> {
    const state = this.#sizable();
    if (schedule) await this.#bind(state, schedule, {});
    else this.#state = { is: 'unsized', executor: state.executor, values: {} };
  }

  /** Gives all memory and workers back at once. A call that is pending rejects. */
  dispose(): void {
    this.#end({ is: 'disposed' }, disposed());
    this.#state = { is: 'disposed' };
  }

  /** Runs `schedule`, which is that of `values`, from now on. */
  #bind(state: Sizable, schedule: Schedule, values: Values): Promise<void> {
    const { executor } = state;
    const { manifest, plan } = this.#parts;
    const kept = state.is === 'ready' && !state.isSpoilt ? unchangedStates(plan, state.values, values) : [];
    const symbols = new Map(Object.entries(values));
    // Before anything is awaited: pages of WebDNN 1 set inputs without waiting.
    this.inputs.forEach((view, i) => view.bind(bindShape(manifest.inputs[i]!.shape, symbols)));
    this.outputs.forEach((view, i) => view.bind(bindShape(manifest.outputs[i]!.shape, symbols)));
    return this.#during(
      (stop, settled) => ({ is: 'binding', executor, stop, settled }),
      () => executor.bind(schedule, kept),
      { is: 'ready', executor, values, isSpoilt: false },
      (error) => ({ is: 'broken', executor, values, error }),
    );
  }

  #compute<T>(
    work: (executor: Executor, inputs: readonly Cells[], outputs: readonly Cells[]) => Promise<T>,
  ): Promise<T> {
    return this.#work(async (executor, { isSpoilt }) => {
      if (isSpoilt) await executor.resetStates();
      const cellsOf = (view: TensorView): Cells => toCells(view.toActual(), view.dtype);
      const outputs = this.outputs.map(cellsOf);
      const result = await work(executor, this.inputs.map(cellsOf), outputs);
      this.outputs.forEach((view, i) => fromCells(outputs[i]!, view.toActual()));
      return result;
    });
  }

  /** Does `work` when the runner is ready. If it fails, nobody knows what states hold. */
  async #work<T>(work: (executor: Executor, ready: Ready) => Promise<T>): Promise<T> {
    if (this.#state.is === 'binding') await this.#state.settled;
    const ready = this.#state;
    if (ready.is !== 'ready') throw this.#refusal(ready);
    const { executor } = ready;
    return this.#during(
      (stop) => ({ is: 'running', executor, stop }),
      () => work(executor, ready),
      { ...ready, isSpoilt: false },
      () => ({ ...ready, isSpoilt: true }),
    );
  }

  /** Does `work` in a state of its own, which goes over into `after`, or into what `failed` says. Rejects when that state is stopped. */
  #during<T>(
    during: (stop: Stop, settled: Promise<void>) => State,
    work: () => Promise<T>,
    after: State,
    failed: (error: WebDNNError) => State,
  ): Promise<T> {
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => (settle = resolve));
    return new Promise<T>((resolve, reject) => {
      const state = (this.#state = during(reject, settled));
      /** Unless the runner was lost or disposed of meanwhile, and the call has been rejected. */
      const go = (next: State, answer: () => void): void => {
        if (this.#state !== state) return;
        this.#state = next;
        answer();
      };
      work().then(
        (result) => go(after, () => resolve(result)),
        (thrown: unknown) => {
          const error = this.#ours(thrown);
          go(failed(error), () => reject(error));
        },
      );
    }).finally(settle);
  }

  /** The last that is done with the executor. */
  #end(state: State, error: WebDNNError): void {
    const last = this.#state;
    if (!('executor' in last)) return;
    this.#state = state;
    last.executor.dispose();
    if ('stop' in last) last.stop?.(error);
  }

  #ours(thrown: unknown): WebDNNError {
    if (thrown instanceof WebDNNError) return thrown;
    const name = this.backendName;
    return new WebDNNError('backend', `${name}: ${withoutName(name, reasonOf(thrown))}`, { cause: thrown });
  }

  #created(): Extract<State, { is: 'created' }> {
    if (this.#state.is === 'created') return this.#state;
    throw this.#refusal(this.#state);
  }

  #sizable(): Sizable {
    const state = this.#state;
    if (state.is === 'filled' || state.is === 'unsized' || state.is === 'ready' || state.is === 'broken') return state;
    throw this.#refusal(state);
  }

  /** Why a call is not possible in `state`. */
  #refusal(state: State): WebDNNError {
    switch (state.is) {
      case 'disposed':
        return disposed();
      case 'lost':
        return new WebDNNError(state.error.code, state.error.message, { cause: state.error });
      case 'filled':
      case 'unsized': {
        const unset = unsetPlaceholders(this.#parts.manifest, 'values' in state ? state.values : {}).join(', ');
        return new WebDNNError('placeholder', `call setPlaceholderValue first; not set: ${unset}`);
      }
      case 'broken': {
        const cause = state.error;
        const what = `call setPlaceholderValue again: ${formatValues(state.values)} failed: ${cause.message}`;
        return new WebDNNError('placeholder', what, { cause });
      }
      default:
        return new WebDNNError('busy', 'this runner is busy: await the last call first, or load a second one');
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
