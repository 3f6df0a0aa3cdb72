/** Time of each step: measured by the device where it can, else by waiting for every step. */
export declare class Timer {
    private readonly gl;
    private readonly onDevice;
    private readonly queries;
    private readonly waits;
    private readonly pixel;
    constructor(gl: WebGL2RenderingContext);
    measure(work: () => void): void;
    /** Milliseconds, in order. */
    results(): Promise<number[]>;
}
