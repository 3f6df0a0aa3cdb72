/** An executor whose work is done by a session, in a worker or not. */
import type { Executor, Schedule, StepTime, Cells, WeightRows } from './backend.js';
import type { Host } from './host.js';
import type { Plan } from './plan.js';
import type { Session } from './session.js';
export declare class HostedExecutor implements Executor {
    private readonly host;
    private readonly plan;
    readonly info: Readonly<Record<string, unknown>>;
    private schedule;
    private copies;
    /** `host` has made the model of `plan`. */
    constructor(host: Pick<Host<Session>, 'call' | 'dispose'>, plan: Plan, info: Readonly<Record<string, unknown>>);
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer>;
    finishWeights(): Promise<void>;
    bind(schedule: Schedule, kept: readonly number[]): Promise<void>;
    resetStates(): Promise<void>;
    run(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<void>;
    profile(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<StepTime[]>;
    /** Copies that go to the worker and come back with its answer, to be used again: new memory would cost more than what is copied. */
    private give;
    private take;
    dispose(): void;
}
