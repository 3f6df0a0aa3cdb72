/** Time of each step: measured by the device where it can, else by waiting for every step. */
import type { Texture } from './texture.js';
export declare class Timer {
    private readonly gl;
    private readonly onDevice;
    private readonly queries;
    private readonly waits;
    constructor(gl: WebGL2RenderingContext);
    /** `work` draws into `output`. */
    measure(work: () => void, output: Texture): void;
    /** Milliseconds, in order. */
    results(): Promise<number[]>;
}
