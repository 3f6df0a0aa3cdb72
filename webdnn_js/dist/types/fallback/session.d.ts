/** What a worker, or the main thread in its place, does for the fallback backend. */
import type { Schedule, Cells, WeightRows } from '../backend.js';
import type { Session, Times } from '../session.js';
import { type Model } from './machine.js';
export declare class FallbackSession implements Session {
    private model;
    private get machine();
    start(model: Model): void;
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): ArrayBuffer;
    bind(schedule: Schedule, kept: readonly number[]): void;
    resetStates(): void;
    run(inputs: readonly Cells[]): Promise<Times>;
    profile(inputs: readonly Cells[]): Promise<Times>;
    end(): void;
}
