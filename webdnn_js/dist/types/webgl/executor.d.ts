/** One model in one WebGL context: textures for buffers, a draw call for every step and every layer of its result. */
import type { BackendContext, Executor, Schedule, StepTime, TypedArray, WeightRows } from '../backend.js';
export declare class WebGLExecutor implements Executor {
    private readonly owner;
    info: Readonly<Record<string, unknown>>;
    /** When the browser takes the context away. */
    lost: Promise<string> | undefined;
    private context;
    private programs;
    private readonly weights;
    /** Weights whose rows do not begin at texels (small ones: depthwise filters) gather here until they are whole. */
    private readonly unaligned;
    private slots;
    private schedule;
    private draws;
    constructor(owner: BackendContext);
    static create(owner: BackendContext): Promise<WebGLExecutor>;
    private start;
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer>;
    private writePiece;
    finishWeights(): Promise<void>;
    bind(schedule: Schedule): Promise<void>;
    private texture;
    private draw;
    private execute;
    run(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<void>;
    profile(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<StepTime[]>;
    private write;
    /** Reads back through pixel-pack buffers, so that the page's thread is free until the device has finished. */
    private read;
    private finished;
    private ready;
    private check;
    dispose(): void;
}
