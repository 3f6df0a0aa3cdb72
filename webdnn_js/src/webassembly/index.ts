/** The webassembly backend: kernels compiled for this one model, run in a worker. */

import type {
  Backend,
  BackendContext,
  Executor,
  Preparation,
  Schedule,
  ShardQueue,
  StepTime,
  TypedArray,
} from '../backend';
import { checkBackendOptions } from '../options';
import { bindPlan } from '../schedule';
import { startHost, type Host } from './host';
import type { Places, Results } from './machine';
import { readRows, writeRows } from './memory';
import { chooseVariant, isSupported, mostThreads } from './variant';

type Surroundings = Pick<BackendContext, 'options' | 'runtimeUrl'>;

function workerUrl({ options, runtimeUrl }: Surroundings): string {
  if (typeof options.workerUrl === 'string') return options.workerUrl;
  return runtimeUrl && new URL('webdnn-worker.js', runtimeUrl).href;
}

/** Threads that read weights: fewer would leave processors idle, and each needs room for a shard. */
const MOST_LOADERS = 4;

/** A host that is starting. */
class Opening implements Preparation {
  readonly opened: Promise<{ host: Host; thread: string }>;
  private disposed = false;

  constructor(surroundings: Surroundings) {
    this.opened = startHost(workerUrl(surroundings), mostThreads(surroundings.options));
    // A worker may be ready only after the download of the plan has failed, and all was given up.
    void this.opened.then(({ host }) => this.disposed && host.dispose());
  }

  dispose(): void {
    this.disposed = true;
    void this.opened.then(({ host }) => host.dispose());
  }
}

class WebAssemblyExecutor implements Executor {
  private readonly opening: Opening;
  private host: Host | undefined;
  private memory: WebAssembly.Memory | undefined;
  private schedule: Schedule | undefined;
  private places: Places | undefined;
  private copies: readonly TypedArray[] = [];
  private facts: Readonly<Record<string, unknown>> = {};
  private threads = 1;

  constructor(private readonly context: BackendContext) {
    this.opening = context.prepared as Opening;
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
    this.threads = Math.min(choice.threads, host.threads);
    this.facts = { variant, variantReason: reason, thread, threads: this.threads, threadsReason };
    const isStatic = !Object.keys(manifest.placeholders).length;
    const schedule = isStatic ? bindPlan(manifest, plan, {}, 'arena') : undefined;
    const team = { threads: this.threads, loaders: shared ? Math.min(host.threads, MOST_LOADERS) : 1, shared };
    const largestShard = Math.max(0, ...manifest.shards.map(({ file }) => file.bytes));
    const model = { plan, setups, weights: manifest.weights, largestShard, schedule };
    const { memory, seats } = await host.call('start', [code, model, team], [code]);
    this.memory = memory;
    await host.join(seats);
  }

  async readShards({ shards, report, signal }: ShardQueue): Promise<void> {
    const taken = new Int32Array(this.memory ? new SharedArrayBuffer(4) : new ArrayBuffer(4));
    await this.host!.load({ shards, taken }, report, signal);
    this.host!.serve(this.threads);
  }

  finishWeights(): Promise<void> {
    return Promise.resolve();
  }

  async bind(schedule: Schedule): Promise<void> {
    this.places = await this.host!.call('bind', [schedule]);
    this.schedule = schedule;
  }

  async run(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<void> {
    if (!this.memory) {
      this.take((await this.host!.call('run', ...this.give(inputs)))!, outputs);
      return;
    }
    const { memory, places, host } = this;
    inputs.forEach((data, i) => writeRows(memory.buffer, places!.inputs[i]!, data));
    host!.wake();
    await host!.call('run', []);
    outputs.forEach((data, i) => readRows(memory.buffer, places!.outputs[i]!, data));
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

export const webassembly: Backend = {
  name: 'webassembly',
  memory: 'arena',
  unavailable() {
    if (typeof WebAssembly !== 'object') return Promise.resolve('there is no WebAssembly here');
    return Promise.resolve(isSupported('simd') ? undefined : 'this engine has no WebAssembly SIMD');
  },
  readsShards: true,
  prepare(context) {
    checkBackendOptions('webassembly', context.options, 'variant', 'threads', 'workerUrl');
    return new Opening(context);
  },
  create: (context) => Promise.resolve(new WebAssemblyExecutor(context)),
};
