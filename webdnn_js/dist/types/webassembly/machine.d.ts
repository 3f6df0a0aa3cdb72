/**
 * A compiled model in its linear memory: constants and stack | weights, packed weights | arena | parameters of the steps. Everything after the
 * weights moves when sizes change. Lives in a worker, or on the main thread where there is none.
 */
import type { Schedule, TypedArray } from '../backend.js';
import type { Plan, Weight } from '../plan.js';
export declare class Machine {
    private readonly plan;
    private readonly weights;
    private readonly memory;
    private exports;
    /** Address of every weight and packed buffer, by buffer index. */
    private readonly fixed;
    private arena;
    private table;
    private steps;
    private inputs;
    private outputs;
    private readonly setups;
    private constructor();
    static create(code: ArrayBuffer, plan: Plan, weights: readonly Weight[]): Promise<Machine>;
    private fixedBytes;
    private placeWeights;
    /** Lets the memory reach up to `end`. */
    private reserve;
    private floats;
    /** The piece lies where the arena will be while Setup kernels read it; the memory behind it holds their parameters. */
    writeWeight(weight: number, row: number, rows: number, data: TypedArray): void;
    private place;
    bind(schedule: Schedule): void;
    private writeRows;
    private readRows;
    /** Copies of the outputs. */
    run(inputs: readonly TypedArray[]): Float32Array[];
    /** Outputs, and the milliseconds of each step. */
    profile(inputs: readonly TypedArray[]): {
        outputs: Float32Array[];
        milliseconds: number[];
    };
}
