/** A model that kernels in TypeScript compute, in plain arrays. Lives in a worker, or on the main thread where there is none. */
import type { Schedule, Cells, WeightRows } from '../backend.js';
import type { Plan, Weight } from '../plan.js';
import type { RegisteredKernels } from '../registered.js';
import type { Times } from '../session.js';
/** What is run. */
export interface Model {
    readonly plan: Plan;
    readonly weights: readonly Weight[];
    /** Those of the page, where the plan asks for some. */
    readonly kernels?: RegisteredKernels;
}
export declare class Machine {
    private readonly model;
    private readonly kernels;
    /** By buffer index. Weight buffers stay, the others lie in the arena of the present schedule. */
    private readonly buffers;
    private calls;
    private inputs;
    private outputs;
    private ended;
    constructor(model: Model);
    writeWeight({ weight, row, rows, data }: WeightRows): void;
    /** The buffers `kept` hold what they held. */
    bind(schedule: Schedule, kept: readonly number[]): void;
    resetStates(): void;
    /** Computes copies of the outputs; `inputs` are given back, and the milliseconds of each step. */
    run(inputs: readonly Cells[]): Promise<Times>;
    /** Lets a run that is on its way end at its next breath. */
    end(): void;
    private breathe;
}
