/**
 * Runs a plan on a GPU. Everything that depends on sizes (buffers, parameters, bind groups) is made by `bind`; a run
 * writes the inputs, encodes one compute pass, submits once and maps once.
 */
import type { BackendContext, Executor, Schedule, StepTime, TypedArray, WeightRows } from '../backend.js';
/** A step, ready to be encoded. */
export interface Call {
    readonly pipeline: GPUComputePipeline;
    readonly group: GPUBindGroup;
    readonly dispatch: readonly number[];
}
export declare class WebGPUExecutor implements Executor {
    private readonly context;
    info: Readonly<Record<string, unknown>>;
    lost: Promise<string> | undefined;
    private device;
    private readonly pipelines;
    /** Weight and packed buffers, by buffer index. */
    private readonly weights;
    /** What `bind` made, to be destroyed by the next. */
    private bound;
    private slots;
    private readback;
    private schedule;
    private calls;
    /** The first thing that went wrong on the device; every later run tells it. */
    private failure;
    constructor(context: BackendContext);
    static create(context: BackendContext): Promise<WebGPUExecutor>;
    private start;
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer>;
    private writePiece;
    finishWeights(): Promise<void>;
    bind(schedule: Schedule): Promise<void>;
    run(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<void>;
    profile(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<StepTime[]>;
    dispose(): void;
    private writeInputs;
    private write;
    /** Submits `encoder` and waits for the outputs. */
    private readOutputs;
    /** Parameters of all steps go into one buffer, those of equal steps once. */
    private prepare;
    private call;
    /** Hands rows of a weight to the kernels that pack them. */
    private runSetups;
    private bufferOf;
    /** The part of a slot that buffer `index` takes. */
    private binding;
    private storage;
    private buffer;
    private keep;
    private release;
    /** Does `work` and throws what the device says about it: WebGPU reports errors later, not where they happen. */
    private guard;
    private check;
}
