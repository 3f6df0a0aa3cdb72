/** What a worker, or the main thread in its place, does for the webassembly backend. */
import type { Schedule, Cells, WeightRows } from '../backend.js';
import type { Content } from '../fetch.js';
import type { Results, Session, Times } from '../session.js';
import { type Model, type Seat, type Team } from './machine.js';
/** The calls, as the worker answers them. */
export declare class MachineSession implements Session {
    private module;
    private model;
    private seat;
    private get machine();
    compile(code: Content): Promise<void>;
    /** Returns what the other threads need to `join`. */
    start(model: Model, team: Team): Promise<readonly Seat[]>;
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): ArrayBuffer;
    bind(schedule: Schedule, kept: readonly number[]): void;
    resetStates(): void;
    run(inputs: readonly Cells[]): Results;
    profile(inputs: readonly Cells[]): Times;
    /** Makes this worker a further thread of a machine that lives in another. */
    join({ module, memory, stack, thread, threads }: Seat): Promise<void>;
    /** Does this thread's share of every run, until there will be no more. `fail` is told of every trap. */
    work(fail: (reason: string) => void): void;
}
