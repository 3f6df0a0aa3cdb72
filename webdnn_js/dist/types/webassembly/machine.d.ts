/**
 * A compiled model in its linear memory: constants and stack | scratch of each thread, stacks of threads 1, 2 … | weights, packed weights | arena |
 * parameters of the steps. Everything after the weights moves when sizes change. While weights arrive, every loader has a part of the memory behind
 * that, since the arena is in use: thread 0 warms up. Lives in a worker, or on the main thread where there is none.
 */
import type { BoundSetup, Schedule, TypedArray } from '../backend.js';
import type { Plan, Weight } from '../plan.js';
import { type Layout } from './loader.js';
import { type Place } from './memory.js';
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
/** What is run. */
export interface Model {
    readonly plan: Plan;
    readonly setups: readonly BoundSetup[];
    readonly weights: readonly Weight[];
    /** In bytes. */
    readonly largestShard: number;
    /** If sizes never change. */
    readonly schedule: Schedule | undefined;
}
/** How many threads run a model, how many read its weights, and whether they share memory (a module is linked for one or the other). */
export interface Team {
    readonly threads: number;
    readonly loaders: number;
    readonly shared: boolean;
}
/** What another thread needs to take part: it makes an instance of its own on the same memory. */
export interface Seat {
    readonly module: WebAssembly.Module;
    readonly memory: WebAssembly.Memory;
    readonly layout: Layout;
    readonly thread: number;
    readonly threads: number;
    /** Its upper end. */
    readonly stack: number;
    /** Address of the number of runs; −1 ends the thread. */
    readonly runs: number;
}
/** Where inputs and outputs are. */
export interface Places {
    readonly inputs: readonly Place[];
    readonly outputs: readonly Place[];
}
export interface Results {
    readonly inputs: readonly TypedArray[];
    readonly outputs: readonly TypedArray[];
}
export declare class Machine {
    private readonly model;
    private readonly team;
    private readonly memory;
    private module;
    exports: Exports;
    private stacks;
    /** Address of every weight and packed buffer, by buffer index. */
    private readonly fixed;
    private arena;
    private table;
    private steps;
    private places;
    /** Where weights go, and each loader's part of the memory. */
    layout: Layout;
    private constructor();
    static create(code: ArrayBuffer, model: Model, team: Team): Promise<Machine>;
    /** For all threads, the caller's first. */
    get seats(): Seat[];
    private get seatCount();
    /** Runs steps first … last of `table` on all threads; a trap becomes an error of ours. */
    private execute;
    /**
     * Runs some steps of every kernel, the smallest first, on memory that is still all zero, so that the engine has replaced its first,
     * slow code when the weights are there. On one thread: the others read weights, and share the code.
     */
    warmUp(): void;
    private get threadBytes();
    private fixedBytes;
    private placeWeights;
    /** Of the arena and the parameters, where sizes are known. */
    private get arenaBytes();
    /** Of each loader. */
    private get stagingBytes();
    private destinations;
    /** Lets the memory reach up to `end`. */
    private reserve;
    private floats;
    private place;
    bind(schedule: Schedule): Places;
    /** Without `inputs`, they are in the memory already, and the outputs are left there. */
    run(inputs?: readonly TypedArray[]): Results | undefined;
    /** The same, and the milliseconds of each step. */
    profile(inputs: readonly TypedArray[]): Results & {
        milliseconds: number[];
    };
    private compute;
}
