/** The integers that steps get: blocks of one uniform buffer, which the kernels see as a struct of i32. */
import type { BoundView } from '../backend.js';
/** Place of a block, in bytes. */
export interface Block {
    readonly offset: number;
    readonly size: number;
}
export declare class Parameters {
    private readonly device;
    private readonly blocks;
    private size;
    constructor(device: GPUDevice);
    /** Adds (offset and pitch of every view, then `args`); equal ones are one block. */
    add(views: readonly Pick<BoundView, 'offset' | 'pitch'>[], args: readonly number[]): Block;
    upload(): GPUBuffer;
}
