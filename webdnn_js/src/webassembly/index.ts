/** The webassembly backend: kernels compiled for this one model, run in a worker. */

import type {
  Backend,
  BackendContext,
  Executor,
  FetchFile,
  Preparation,
  Schedule,
  StepTime,
  Surroundings,
  TypedArray,
  WeightRows,
} from '../backend';
import { checkBackendOptions } from '../options';
import type { Files } from '../plan';
import { startHost, type Host } from './host';
import type { Results } from './machine';
import { chooseVariant, isSupported, mostThreads, type Choice } from './variant';

function workerUrl({ options, runtimeUrl }: Surroundings): string {
  if (typeof options.workerUrl === 'string') return options.workerUrl;
  return runtimeUrl && new URL('webdnn-worker.js', runtimeUrl).href;
}

/** A host that has the module of a variant. */
interface Opened {
  readonly host: Host;
  /** Where it is, in words for people. */
  readonly thread: string;
  readonly choice: Choice;
}

/** A host that is starting, and compiles the module as soon as both are there. */
class Opening implements Preparation {
  private readonly starting: Promise<{ host: Host; thread: string }>;
  /** From `fetch` on, which `load` has called before anybody asks. */
  opened!: Promise<Opened>;

  constructor(private readonly surroundings: Surroundings) {
    this.starting = startHost(workerUrl(surroundings), mostThreads(surroundings.options));
  }

  fetch(kernels: Files, fetchFile: FetchFile): void {
    this.opened = this.open(chooseVariant(kernels, this.surroundings.options), kernels, fetchFile);
    this.opened.catch(() => undefined); // whoever waits for it is told
  }

  private async open(choice: Choice, kernels: Files, fetchFile: FetchFile): Promise<Opened> {
    const [code, { host, thread }] = await Promise.all([fetchFile(choice.file), this.starting]);
    if (thread !== 'worker' && choice.shared) {
      return this.open(chooseVariant(kernels, this.surroundings.options, `runs on the ${thread}`), kernels, fetchFile);
    }
    await host.call('compile', [code], [code.buffer]);
    return { host, thread, choice };
  }

  /** A worker may be ready only after the download has failed, and all was given up. */
  dispose(): void {
    void this.starting.then(({ host }) => host.dispose());
  }
}

class WebAssemblyExecutor implements Executor {
  private readonly opening: Opening;
  private host: Host | undefined;
  private schedule: Schedule | undefined;
  private copies: readonly TypedArray[] = [];
  private facts: Readonly<Record<string, unknown>> = {};

  constructor(private readonly context: BackendContext) {
    this.opening = context.prepared as Opening; // `load` has called `prepare`
  }

  get info(): Readonly<Record<string, unknown>> {
    return this.facts;
  }

  async start(): Promise<void> {
    const { plan, setups, manifest, schedule } = this.context;
    const { host, thread, choice } = await this.opening.opened;
    this.host = host;
    const { variant, reason, shared, threadsReason } = choice;
    const threads = Math.min(choice.threads, host.threads);
    this.facts = { variant, variantReason: reason, thread, threads, threadsReason };
    const model = { plan, setups, weights: manifest.weights, schedule };
    await host.join(await host.call('start', [model, { threads, shared }]));
  }

  writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer> {
    return this.host!.call('writeWeights', [memory, pieces], [memory]);
  }

  finishWeights(): Promise<void> {
    return Promise.resolve();
  }

  async bind(schedule: Schedule): Promise<void> {
    await this.host!.call('bind', [schedule]);
    this.schedule = schedule;
  }

  async run(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<void> {
    this.take(await this.host!.call('run', ...this.give(inputs)), outputs);
  }

  async profile(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<StepTime[]> {
    const answer = await this.host!.call('profile', ...this.give(inputs));
    this.take(answer, outputs);
    const { kernels } = this.context.plan;
    return this.schedule!.steps.map(({ kernel, origin }, i) => ({
      kernel: kernels[kernel]!.name,
      origin,
      milliseconds: answer.milliseconds[i]!,
    }));
  }

  /** Copies that go to the worker and come back with its answer, to be used again: new memory would cost more than what is copied. */
  private give(inputs: readonly TypedArray[]): [[TypedArray[]], ArrayBuffer[]] {
    const copies = inputs.map((input, i) => {
      const copy = this.copies[i];
      if (copy?.length !== input.length) return input.slice();
      copy.set(input);
      return copy;
    });
    this.copies = [];
    return [[copies], copies.map(({ buffer }) => buffer as ArrayBuffer)];
  }

  private take({ inputs, outputs: results }: Results, outputs: readonly TypedArray[]): void {
    this.copies = inputs;
    results.forEach((result, i) => outputs[i]!.set(result));
  }

  dispose(): void {
    this.opening.dispose();
    this.host = undefined;
  }
}

function open(surroundings: Surroundings): Opening {
  checkBackendOptions('webassembly', surroundings.options, 'variant', 'threads', 'workerUrl');
  return new Opening(surroundings);
}

export const webassembly: Backend = {
  name: 'webassembly',
  memory: 'arena',
  unavailable() {
    if (typeof WebAssembly !== 'object') return Promise.resolve('there is no WebAssembly here');
    return Promise.resolve(isSupported('simd') ? undefined : 'this engine has no WebAssembly SIMD');
  },
  prepare: open,
  create: (context) => Promise.resolve(new WebAssemblyExecutor(context)),
};
