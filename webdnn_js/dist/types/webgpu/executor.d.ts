/**
 * Runs a plan on a GPU. Everything that depends on sizes (buffers, parameters, bind groups) is made by `bind`; a run
 * writes the inputs, encodes one compute pass, submits once and maps once.
 */
import { type Device } from './device.js';
import type { BackendContext, Executor, Schedule, StepTime, Cells, WeightRows } from '../backend.js';
export { openDevice } from './device.js';
/** A step, ready to be encoded. */
export interface Call {
    readonly pipeline: GPUComputePipeline;
    readonly group: GPUBindGroup;
    readonly dispatch: readonly number[];
}
export declare class WebGPUExecutor implements Executor {
    private readonly context;
    readonly info: Readonly<Record<string, unknown>>;
    readonly lost: Promise<string>;
    private readonly device;
    private readonly nudge;
    private readonly pipelines;
    /** Ends when all pipelines are there and, for a model of fixed sizes, all else that a run needs. */
    private compiled;
    /** Weight and packed buffers, by buffer index. */
    private readonly weights;
    /** What `bind` made, to be destroyed by the next. */
    private made;
    private bound;
    /** The first thing that went wrong on the device; every later run tells it. */
    private failure;
    private constructor();
    /** Pipelines are compiled while weights come; `finishWeights` waits for them. */
    static create(context: BackendContext, device: Device): Promise<WebGPUExecutor>;
    private start;
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer>;
    finishWeights(): Promise<void>;
    bind(schedule: Schedule, kept: readonly number[]): Promise<void>;
    resetStates(): Promise<void>;
    run(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<void>;
    profile(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<StepTime[]>;
    dispose(): void;
    private compile;
    private writePiece;
    private prepare;
    /** Before memory is taken: has every kernel as many bindings as its operands need? */
    private checkSizes;
    /**
     * Runs that leave out all but a small part of each step's work: what browsers and drivers do when something is first used (compile, clear
     * memory, map) is then done, and belongs to the load. What states hold afterwards is of no use.
     */
    private warmUp;
    /** Makes states zero, or what the regions of `kept` hold. */
    private setStates;
    private compute;
    /** Writes the inputs, if `encoder` is submitted; then call what is returned. */
    private writeInputs;
    /** Waits for the outputs that `copyOutputs` has sent for. */
    private readOutputs;
    /** What a run needs, if nothing is wrong. */
    private ready;
    /** Parameters of all steps go into one buffer, those of equal steps once. */
    private prepareCalls;
    private call;
    /** Hands rows of a weight to the kernels that pack them. */
    private runSetups;
    /** How many bindings a kernel has for one of its operands. */
    private windowsOf;
    private region;
    private keep;
    /** Does `work` and throws what the device says about it: WebGPU reports errors later, not where they happen. */
    private guard;
    private check;
}
