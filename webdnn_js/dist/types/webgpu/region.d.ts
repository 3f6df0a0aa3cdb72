/** GPU memory as a plan sees it: so many elements, though a GPU may not allow a buffer of that size. */
/**
 * What every GPU can bind at once. Where a buffer of the plan is larger, its kernels have a binding for every window of so many bytes
 * (`windows` of a kernel), and then it may be several GPU buffers.
 */
export declare const WINDOW: number;
/** `bytes` of a GPU buffer from `offset` on, which are those of a region from `from` bytes after the place that was asked for. */
export interface Part {
    readonly buffer: GPUBuffer;
    readonly offset: number;
    readonly from: number;
    readonly bytes: number;
}
/** Throws where a kernel has too few bindings for an operand of so many bytes. */
export declare function checkWindows({ limits }: GPUDevice, bytes: number, windows: number): void;
export declare class Region {
    readonly bytes: number;
    private readonly buffers;
    /** Bytes of every buffer but the last. */
    private readonly step;
    constructor(device: GPUDevice, bytes: number);
    /** The parts of `bytes` from byte `at` on, in order. */
    parts(at: number, bytes: number): Part[];
    /** The first `bytes` as the bindings of an operand with `windows` of them. */
    bindings(bytes: number, windows: number): GPUBufferBinding[];
    clear(encoder: GPUCommandEncoder): void;
    /** Takes over all of `source`, a region of the same size. */
    copyFrom(encoder: GPUCommandEncoder, source: Region): void;
    destroy(): void;
}
