/**
 * A compiled model in its linear memory: constants and stack | scratch of each thread, stacks of threads 1, 2 … | weights, packed weights | arena |
 * parameters of the steps. Everything after the weights moves when sizes change. Lives in a worker, or on the main thread where there is none.
 */
import type { BoundSetup, Cells, Schedule, WeightRows } from '../backend.js';
import type { Content } from '../fetch.js';
import type { Plan, Weight } from '../plan.js';
/** What a module exports; kernels/team.h.jinja and module.c.jinja explain it. */
export interface Exports {
    readonly __heap_base: WebAssembly.Global;
    readonly __stack_pointer: WebAssembly.Global;
    scratch_bytes(): number;
    use_scratch(address: number): void;
    run(table: number, first: number, last: number, threads: number): void;
    serve(thread: number, threads: number, seen: number): void;
    runs(): number;
    leave(): number;
    recover(threads: number): void;
}
/** What another thread needs to take part: it makes an instance of its own on the same memory. */
export interface Seat {
    readonly module: WebAssembly.Module;
    readonly memory: WebAssembly.Memory;
    readonly thread: number;
    readonly threads: number;
    /** Its upper end. */
    readonly stack: number;
    /** Address of the number of runs; −1 ends the thread. */
    readonly runs: number;
}
/** What is run. */
export interface Model {
    readonly plan: Plan;
    readonly setups: readonly BoundSetup[];
    readonly weights: readonly Weight[];
    /** If sizes never change. */
    readonly schedule: Schedule | undefined;
}
/** How many threads run it, and whether their memory is shared (a module is linked for one or the other). */
export interface Team {
    readonly threads: number;
    readonly shared: boolean;
}
export interface Results {
    readonly inputs: readonly Cells[];
    readonly outputs: readonly Cells[];
}
/** An instance of `module` on `memory`, which has all that we call. */
export declare function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Exports>;
export declare const compile: (code: Content) => Promise<WebAssembly.Module>;
export declare class Machine {
    private readonly module;
    private readonly model;
    private readonly threads;
    private readonly memory;
    private readonly exports;
    /** Where the stacks of threads 1, 2 … begin, less the length of one. */
    private readonly stacks;
    /** Address of every weight and packed buffer, by buffer index. */
    private readonly fixed;
    private readonly arena;
    private table;
    private schedule;
    private steps;
    private inputs;
    private outputs;
    private constructor();
    static create(module: WebAssembly.Module, model: Model, team: Team): Promise<Machine>;
    /** For threads 1, 2 …. */
    get seats(): Seat[];
    /** Runs steps first … last of `table` on all threads; a trap becomes an error of ours. */
    private execute;
    /**
     * Runs some steps of every way through a kernel, the smallest first, on memory that is still all zero, so that the engine has replaced its first,
     * slow code when the weights are there. On one thread: the others have not joined yet, and share the code.
     */
    private warmUp;
    /**
     * Writes into memory that is still all zero. The system gives a page when it is first written; one that was read before, it has to take
     * from all processors again, which takes several times as long.
     */
    private touch;
    /** Lets the memory reach up to `end`. */
    private reserve;
    /** All of the memory, as cells of a storage class. Never kept: the memory may grow, and this would not. */
    private cells;
    /** The piece lies where the arena will be while Setup kernels read it; the memory behind it holds their parameters. */
    writeWeight({ weight, row, rows, data }: WeightRows): void;
    private place;
    /** The cells of a state buffer, until the memory grows. */
    private state;
    resetStates(): void;
    /** The buffers `kept` hold what they held, though all of the arena moves. */
    bind(schedule: Schedule, kept: readonly number[]): void;
    private setInputs;
    /** Copies: the memory may be shared by threads, and not every API takes such memory. */
    private getOutputs;
    /** Copies of the outputs; `inputs` are given back. */
    run(inputs: readonly Cells[]): Results;
    /** The same, and the milliseconds of each step. */
    profile(inputs: readonly Cells[]): Results & {
        milliseconds: number[];
    };
}
