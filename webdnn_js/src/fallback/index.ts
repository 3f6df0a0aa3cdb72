/** Plain TypeScript: runs wherever JavaScript does. */

import type { Backend, BackendContext, Executor, Preparation, Surroundings } from '../backend';
import { LocalHost, WorkerHost, mainThread, startWorker, type Host, type Starting } from '../host';
import { HostedExecutor } from '../hosted';
import { checkBackendOptions } from '../options';
import type { FallbackSession } from './session';

const WORKER = 'webdnn-fallback-worker.js';

/** `workerUrl` is the address of the webassembly backend's worker; this one lies next to it. */
const makeWorker = ({ options: { workerUrl } }: Surroundings): Worker =>
  typeof workerUrl === 'string'
    ? new Worker(new URL(WORKER, new URL(workerUrl, location.href)))
    : new Worker(new URL('./webdnn-fallback-worker.js', import.meta.url));

/** A worker that starts, and the host in it. */
class Opening implements Preparation {
  private readonly starting: Starting;

  constructor(surroundings: Surroundings) {
    this.starting = startWorker(WORKER, () => makeWorker(surroundings));
  }

  private async place(): Promise<{ host: Host<FallbackSession>; thread: string }> {
    try {
      return { host: new WorkerHost('fallback', await this.starting.ready), thread: 'worker' };
    } catch (error) {
      const make = async () => new (await import('./session')).FallbackSession();
      return { host: new LocalHost(make), thread: mainThread(error) };
    }
  }

  /** Makes the model. */
  async start({ plan, manifest: { weights } }: BackendContext): Promise<Executor> {
    const { host, thread } = await this.place();
    await host.call('start', [{ plan, weights }]);
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
