/** The webassembly backend: kernels compiled for this one model, run in a worker. */

import type {
  Backend,
  BackendContext,
  Executor,
  Preparation,
  Schedule,
  StepTime,
  Surroundings,
  TypedArray,
  WeightRows,
} from '../backend';
import { checkBackendOptions } from '../options';
import { bindPlan } from '../schedule';
import { startHost, type Host } from './host';
import type { Results } from './machine';
import { chooseVariant, isSupported, mostThreads } from './variant';

function workerUrl({ options, runtimeUrl }: Surroundings): string {
  if (typeof options.workerUrl === 'string') return options.workerUrl;
  return runtimeUrl && new URL('webdnn-worker.js', runtimeUrl).href;
}

/** A host that is starting. */
class Opening implements Preparation {
  readonly opened: Promise<{ host: Host; thread: string }>;

  constructor(surroundings: Surroundings) {
    this.opened = startHost(workerUrl(surroundings), mostThreads(surroundings.options));
  }

  /** A worker may be ready only after the download has failed, and all was given up. */
  dispose(): void {
    void this.opened.then(({ host }) => host.dispose());
  }
}

class WebAssemblyExecutor implements Executor {
  private readonly opening: Opening;
  private host: Host | undefined;
  private schedule: Schedule | undefined;
  private copies: readonly TypedArray[] = [];
  private facts: Readonly<Record<string, unknown>> = {};

  constructor(private readonly context: BackendContext) {
    const { prepared } = context;
    this.opening = prepared instanceof Opening ? prepared : open(context);
  }

  get info(): Readonly<Record<string, unknown>> {
    return this.facts;
  }

  async start(): Promise<void> {
    const { plan, setups, manifest, options, fetchFile } = this.context;
    const files = plan.files ?? {};
    let choice = chooseVariant(files, options);
    const [fetched, { host, thread }] = await Promise.all([fetchFile(choice.file), this.opening.opened]);
    let code = fetched;
    this.host = host;
    if (thread !== 'worker' && choice.shared) {
      choice = chooseVariant(files, options, `runs on the ${thread}`);
      code = await fetchFile(choice.file);
    }
    const { variant, reason, shared, threadsReason } = choice;
    const threads = Math.min(choice.threads, host.threads);
    this.facts = { variant, variantReason: reason, thread, threads, threadsReason };
    const isStatic = !Object.keys(manifest.placeholders).length;
    const schedule = isStatic ? bindPlan(manifest, plan, {}, 'arena') : undefined;
    const model = { plan, setups, weights: manifest.weights, schedule };
    await host.join(await host.call('start', [code, model, { threads, shared }], [code]));
  }

  async writeWeights(pieces: readonly WeightRows[]): Promise<void> {
    await this.host!.call(
      'writeWeights',
      [pieces],
      pieces.slice(0, 1).map(({ data }) => data.buffer as ArrayBuffer),
    );
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
