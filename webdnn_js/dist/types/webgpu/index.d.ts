/** WebGPU: kernels are WGSL, each memory slot is a buffer of its own. */
import type { Backend } from '../backend.js';
export declare const webgpu: Backend;
