/** The host of pages on which no worker starts: a machine on the page's own thread. A file of its own, which only those load. */
import type { Host } from './host.js';
import type { LoadJob } from './loader.js';
import { Session, type Answer, type Method } from './session.js';
export declare class LocalHost implements Host {
    readonly threads = 1;
    private report;
    private readonly abort;
    private session;
    call<M extends Method>(method: M, args: Parameters<Session[M]>): Promise<Answer<M>>;
    load(job: LoadJob, report: (shard: number) => void, signal: AbortSignal | undefined): Promise<void>;
    join(): Promise<void>;
    serve(): void;
    wake(): void;
    dispose(): void;
}
