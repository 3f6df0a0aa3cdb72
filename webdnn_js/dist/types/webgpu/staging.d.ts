/** The way of large inputs to the GPU: through buffers that stay mapped between runs, which a page fills without a copy by the browser. */
export declare class Staging {
    private readonly device;
    private readonly bytes;
    /** Mapped. There is a second one, because a run may begin before the last one's buffer is mapped again. */
    private readonly free;
    private made;
    constructor(device: GPUDevice, bytes: number);
    /** A buffer that `fill` has written to; give it back when the work that reads it is submitted. */
    filled(fill: (memory: ArrayBuffer) => void): GPUBuffer;
    giveBack(buffer: GPUBuffer): void;
    destroy(): void;
    private make;
}
