/** One model in the WebGL context of the page: textures for buffers, draw calls for steps. */
import type { BackendContext, Cells, Executor, Schedule, StepTime, WeightRows } from '../backend.js';
import type { Contexts } from './context.js';
export declare class WebGLExecutor implements Executor {
    private readonly owner;
    private readonly contexts;
    readonly info: Readonly<Record<string, unknown>>;
    /** When the browser takes the context away. */
    readonly lost: Promise<string>;
    private context;
    /** Aborted at `dispose`, which takes this runner's listeners off the context: others use that longer. */
    private readonly life;
    /** The sources of the programs that this runner has asked for, to be given back. */
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
    private compile;
    private makeWeights;
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer>;
    private writePiece;
    finishWeights(): Promise<void>;
    /** A state of `kept` keeps its texture: its slot is its own, and lies as its size and its kernels say. */
    bind(schedule: Schedule, kept: readonly number[]): Promise<void>;
    /**
     * Drivers finish a program only when it first draws, so each program draws a pixel now, and the first run need not wait. What draws
     * into a state does not, since states are zero before the first run.
     */
    private warmUp;
    resetStates(): Promise<void>;
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
