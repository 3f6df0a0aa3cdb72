/** How long each step takes. */
import type { Call } from './executor.js';
type Encode = (pass: GPUComputePassEncoder, call: Call) => void;
/** Runs `calls` in order; milliseconds of each. By the GPU's own clock where it has one, else by ours around a submit. */
export declare function timePasses(device: GPUDevice, calls: readonly Call[], encode: Encode): Promise<number[]>;
export {};
