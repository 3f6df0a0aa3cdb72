/** Plain TypeScript: runs wherever JavaScript does. */

import type { Backend, BackendContext, Executor, Preparation, Surroundings } from '../backend';
import {
  LocalHost,
  WorkerHost,
  givenAddress,
  mainThread,
  startWorker,
  workerFile,
  type Host,
  type Starting,
  type WorkerFile,
} from '../host';
import { HostedExecutor } from '../hosted';
import { checkBackendOptions } from '../options';
import { REGISTERED } from '../registered';
import type { FallbackSession } from './session';

const WORKER = 'webdnn-fallback-worker.js';

/** `workerUrl` is the address of the webassembly backend's worker; this one lies next to it. */
function ownWorker({ options: { workerUrl } }: Surroundings): WorkerFile {
  const other = givenAddress(workerUrl);
  // Bundlers look for exactly this expression, and emit the file that it names.
  const make = (): Worker => new Worker(new URL('./webdnn-fallback-worker.js', import.meta.url));
  return workerFile(WORKER, other && new URL(WORKER, other), make);
}

/** A worker that starts, and the host in it. */
class Opening implements Preparation {
  private readonly file: WorkerFile;
  private readonly starting: Starting;

  constructor(surroundings: Surroundings) {
    this.file = ownWorker(surroundings);
    this.starting = startWorker(this.file);
  }

  private async place(isHere: boolean): Promise<{ host: Host<FallbackSession>; thread: string }> {
    const make = async () => new (await import('./session')).FallbackSession();
    if (isHere) {
      this.starting.end(); // functions of the page cannot be sent to a worker
      return { host: new LocalHost(make), thread: 'main thread, for kernels of the page' };
    }
    try {
      return { host: new WorkerHost('fallback', await this.starting.ready), thread: 'worker' };
    } catch (error) {
      return { host: new LocalHost(make), thread: mainThread('fallback', this.file, error) };
    }
  }

  /** Makes the model. */
  async start({ plan, manifest: { weights } }: BackendContext): Promise<Executor> {
    const isHere = plan.kernels.some(({ script }) => script);
    const { host, thread } = await this.place(isHere);
    await host.call('start', [{ plan, weights, ...(isHere && { kernels: REGISTERED }) }]);
    return new HostedExecutor(host, plan, { thread });
  }

  dispose(): void {
    this.starting.end();
  }
}

function open(surroundings: Surroundings): Opening {
  checkBackendOptions('fallback', surroundings.options);
  return new Opening(surroundings);
}

export const fallback: Backend = {
  name: 'fallback',
  memory: 'arena',
  unavailable: () => Promise.resolve(undefined),
  prepare: open,
  create: (context) => (context.prepared as Opening).start(context), // `load` has called `prepare`
};
