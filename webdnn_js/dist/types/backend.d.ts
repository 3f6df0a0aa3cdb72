/**
 * What a backend is to the rest of the runtime. A backend executes flat, fully evaluated steps; everything symbolic
 * (expressions, loops, memory planning, checks) has happened before it sees them.
 */
import type { Content } from './fetch.js';
import type { Cells } from './dtypes.js';
import type { BackendName, FileRef, Files, Manifest, Plan, Storage } from './plan.js';
export type { Cells };
/** A View whose expressions have been evaluated; checked to lie inside its buffer. Units: elements. */
export interface BoundView {
    readonly buffer: number;
    readonly offset: number;
    readonly pitch: number;
    readonly shape: readonly number[];
    readonly rows: number;
    readonly columns: number;
}
export interface BoundStep {
    readonly kernel: number;
    readonly in: readonly BoundView[];
    readonly out: readonly BoundView[];
    readonly args: readonly number[];
    readonly dispatch: readonly number[];
    readonly origin: string;
}
/** A Setup step, evaluated. Its kernel reads a piece of `weight` and writes into `out`. */
export interface BoundSetup {
    readonly kernel: number;
    readonly weight: number;
    readonly out: BoundView;
    readonly args: readonly number[];
    readonly dispatch: readonly number[];
}
/** Where an activation or state buffer lives: `offset` bytes into the arena, or in slot number `slot`. */
export type Placement = {
    readonly offset: number;
    readonly bytes: number;
} | {
    readonly slot: number;
    readonly bytes: number;
};
/** A plan for one set of placeholder values: loops expanded, sizes evaluated, memory planned. */
export interface Schedule {
    readonly steps: readonly BoundStep[];
    readonly inputs: readonly BoundView[];
    readonly outputs: readonly BoundView[];
    /** By buffer index; undefined for weight and packed buffers, which are not planned. */
    readonly placements: readonly (Placement | undefined)[];
    /** Arena backends: bytes of the arena. Slot backends: 0. */
    readonly arenaBytes: number;
    /** Slot backends: bytes and storage class of each slot. Arena backends: empty. */
    readonly slots: readonly {
        readonly bytes: number;
        readonly storage: Storage;
    }[];
    /** Elements of every buffer, by buffer index (weight buffers: rows · pitch). */
    readonly elements: readonly number[];
}
export interface StepTime {
    readonly kernel: string;
    readonly origin: string;
    readonly milliseconds: number;
}
/** What is known before there is a plan. */
export interface Surroundings {
    /** `backendOptions[name]` of `WebDNN.load`. */
    readonly options: Readonly<Record<string, unknown>>;
}
/** Fetches a file of the Descriptor, verified against its integrity and length. */
export type FetchFile = (file: FileRef) => Promise<Content>;
/** What a plan may ask of the device that runs it: docs/descriptor.md names the symbols. */
export type DeviceSymbols = Readonly<Record<string, number>>;
/** What a backend has begun before there is a plan. */
export interface Preparation {
    /** Values of the `$` symbols that only the device knows; rejects where there is none. */
    readonly symbols?: Promise<DeviceSymbols>;
    /** Begins to fetch one of `kernels`, while the plan downloads. */
    fetch?(kernels: Files, fetchFile: FetchFile): void;
    /** Ends at once what was begun, also in the middle of `create`; unless an executor has come to own it. */
    dispose(): void;
}
export interface BackendContext extends Surroundings {
    readonly manifest: Manifest;
    readonly plan: Plan;
    readonly setups: readonly BoundSetup[];
    readonly symbols?: DeviceSymbols | undefined;
    /** If sizes never change. */
    readonly schedule?: Schedule | undefined;
    readonly fetchFile: FetchFile;
    /** What the backend's `prepare` has made; the executor's from now on. */
    readonly prepared?: Preparation | undefined;
}
/** Rows `row … row+rows` of `weight`, dense. */
export interface WeightRows {
    readonly weight: number;
    readonly row: number;
    readonly rows: number;
    readonly data: Cells;
}
/**
 * One model on one device, whose kernels are compiled. Order of calls: any number of `writeWeights`, `finishWeights`, then
 * `bind` and `run` in any alternation, one at a time; `dispose` at any time.
 */
export interface Executor {
    /**
     * Fills the weight buffers of each piece of a shard, and runs the Setup steps of its weight. The data of all pieces are views of
     * `memory`, which may be given away; resolves to it, or to what has come back in its place.
     */
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer>;
    finishWeights(): Promise<void>;
    /**
     * Makes memory and whatever else depends on sizes. State buffers become zero, but those of `kept` (buffer indices), whose sizes are those of
     * the last `bind`, hold what they held.
     */
    bind(schedule: Schedule, kept: readonly number[]): Promise<void>;
    /** State buffers become zero. Called after `bind`. */
    resetStates(): Promise<void>;
    /** Copies the inputs in, runs every step, fills `outputs`. Arrays are dense, in the manifest's order. */
    run(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<void>;
    /** Like `run`, but times each step; one entry per bound step. */
    profile(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<StepTime[]>;
    /**
     * Ends everything at once, a call that is pending too: whatever becomes of that, or if nothing ever does, nobody listens any more.
     * Called once.
     */
    dispose(): void;
    /** What was chosen and why, for `runner.info`: variant, adapter, reason a worker could not start … */
    readonly info: Readonly<Record<string, unknown>>;
    /** Resolves, to the reason in words for people, when the device is gone and no call can succeed any more. */
    readonly lost?: Promise<string> | undefined;
}
export interface Backend {
    readonly name: BackendName;
    /** How `planMemory` places activations for it. */
    readonly memory: 'arena' | 'slots';
    /** Undefined when this browser can run it, else the reason why not, in words for people. */
    unavailable(): Promise<string | undefined>;
    /** Begins what takes time and needs no plan; for the first of the backends while the manifest downloads, else while the plan does. */
    prepare?(surroundings: Surroundings): Preparation;
    /** Compiles the kernels and makes weight buffers, while weights download. Most of a backend is a file of its own, loaded here. */
    create(context: BackendContext): Promise<Executor>;
}
