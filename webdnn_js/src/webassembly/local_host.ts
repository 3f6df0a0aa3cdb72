/** The host of pages on which no worker starts: a machine on the page's own thread. A file of its own, which only those load. */

import type { Host } from './host';
import type { LoadJob } from './loader';
import { answer, Session, type Answer, type Method } from './session';

export class LocalHost implements Host {
  readonly threads = 1;
  private report: (shard: number) => void = () => undefined;
  private readonly abort = new AbortController();
  private session: Session | undefined = new Session((shard) => this.report(shard), this.abort.signal);

  async call<M extends Method>(method: M, args: Parameters<Session[M]>): Promise<Answer<M>> {
    return (await answer(this.session!, method, args)) as Answer<M>;
  }

  async load(job: LoadJob, report: (shard: number) => void, signal: AbortSignal | undefined): Promise<void> {
    this.report = report;
    signal?.addEventListener('abort', () => this.abort.abort(signal.reason), { once: true });
    await this.call('load', [job]);
  }

  join(): Promise<void> {
    return Promise.resolve();
  }

  serve(): void {
    // There is no other thread.
  }

  wake(): void {
    // Nor here.
  }

  dispose(): void {
    this.session = undefined;
    this.abort.abort();
  }
}
