/** The webassembly backend: kernels compiled for this one model, run in a worker. */

import type { Backend, BackendContext, Executor, FetchFile, Preparation, Surroundings } from '../backend';
import { givenAddress, workerFile, type WorkerFile } from '../host';
import { HostedExecutor } from '../hosted';
import { checkBackendOptions } from '../options';
import type { Files } from '../plan';
import { startTeam, type Placed, type TeamHost } from './host';
import { chooseVariant, isSupported, mostThreads, type Choice } from './variant';

const WORKER = 'webdnn-worker.js';

function ownWorker({ options: { workerUrl } }: Surroundings): WorkerFile {
  // Bundlers look for exactly this expression, and emit the file that it names.
  const make = (): Worker => new Worker(new URL('./webdnn-worker.js', import.meta.url));
  return workerFile(WORKER, givenAddress(workerUrl), make);
}

/** A host that has the module of a variant. */
interface Opened extends Placed {
  readonly choice: Choice;
}

/** A host that is starting, and compiles the module as soon as both are there. */
class Opening implements Preparation {
  private readonly team: ReturnType<typeof startTeam>;
  private opened: Promise<Opened> | undefined;
  private host: TeamHost | undefined;

  constructor(private readonly surroundings: Surroundings) {
    this.team = startTeam(ownWorker(surroundings), mostThreads(surroundings.options));
  }

  fetch(kernels: Files, fetchFile: FetchFile): void {
    this.opened = this.open(chooseVariant(kernels, this.surroundings.options), kernels, fetchFile);
    this.opened.catch(() => undefined); // whoever waits for it is told
  }

  private async open(choice: Choice, kernels: Files, fetchFile: FetchFile): Promise<Opened> {
    const [code, { host, thread }] = await Promise.all([fetchFile(choice.file), this.team.placed]);
    if (thread !== 'worker' && choice.shared) {
      return this.open(chooseVariant(kernels, this.surroundings.options, `runs on the ${thread}`), kernels, fetchFile);
    }
    this.host = host;
    await host.call('compile', [code], [code.buffer]);
    return { host, thread, choice };
  }

  /** Makes the model. */
  async start({ plan, setups, manifest, schedule }: BackendContext): Promise<Executor> {
    if (!this.opened) throw new Error('fetch comes before start');
    const { host, thread, choice } = await this.opened;
    const { variant, reason, shared, threadsReason } = choice;
    const threads = Math.min(choice.threads, host.threads);
    const model = { plan, setups, weights: manifest.weights, schedule };
    await host.join(await host.call('start', [model, { threads, shared }]));
    return new HostedExecutor(host, plan, { variant, variantReason: reason, thread, threads, threadsReason });
  }

  dispose(): void {
    this.host?.dispose();
    this.team.end();
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
  create: (context) => (context.prepared as Opening).start(context), // `load` has called `prepare`
};
