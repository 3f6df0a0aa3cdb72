/** One model in the WebGL context of the page: textures for buffers, draw calls for steps. */
import type { BackendContext, Executor, Schedule, StepTime, Cells, WeightRows } from '../backend.js';
import type { Contexts } from './context.js';
export declare class WebGLExecutor implements Executor {
    private readonly owner;
    private readonly contexts;
    readonly info: Readonly<Record<string, unknown>>;
    /** When the browser takes the context away. */
    readonly lost: Promise<string>;
    private context;
    /** Aborts at `dispose`: the context, which others use longer, forgets this runner. */
    private readonly life;
    /** Of the programs that this runner has asked for. */
    private readonly sources;
    private readonly programs;
    private readonly weights;
    /** Weights whose rows do not begin at texels (small ones: depthwise filters) gather here until they are whole. */
    private readonly unaligned;
    private slots;
    private spans;
    private schedule;
    private draws;
    private constructor();
    static create(owner: BackendContext, contexts: Contexts): Promise<WebGLExecutor>;
    private start;
    /** Numbers of 16 bits are whole up to 2048 only: more elements cannot be told apart by their index. */
    private checkHalf;
    private compile;
    private makeWeights;
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer>;
    private writePiece;
    finishWeights(): Promise<void>;
    bind(schedule: Schedule): Promise<void>;
    /** Drivers finish a program when it draws first: each draws a pixel now, so that the first run need not wait. States stay zero. */
    private warmUp;
    private place;
    run(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<void>;
    profile(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<StepTime[]>;
    private write;
    /** Reads back through pixel-pack buffers, so that the page's thread is free until the device has finished. */
    private read;
    /** `work` on the context, after all that runners have asked of it before. */
    private inTurn;
    private ready;
    private freeSlots;
    dispose(): void;
}
