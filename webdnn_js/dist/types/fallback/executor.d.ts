/** The fallback backend: plain TypeScript that runs wherever JavaScript does. */
import type { BackendContext, Executor, Schedule, StepTime, TypedArray, WeightRows } from '../backend.js';
export declare class FallbackExecutor implements Executor {
    private readonly context;
    readonly info: {};
    private kernels;
    /** By buffer index. Weight buffers stay, the others lie in the arena of the present schedule. */
    private buffers;
    private calls;
    private inputs;
    private outputs;
    constructor(context: BackendContext);
    start(): Promise<void>;
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer>;
    private writePiece;
    finishWeights(): Promise<void>;
    bind(schedule: Schedule): Promise<void>;
    run(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<void>;
    profile(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<StepTime[]>;
    dispose(): void;
}
