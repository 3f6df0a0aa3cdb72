/** The webassembly backend: kernels compiled for this one model, run in a worker. */
import type { Backend } from '../backend.js';
export declare const webassembly: Backend;
