/** Ops that take or give indices: integers, moved into their axis where they lie outside. */
import { type KernelTable } from './operand.js';
export declare const KERNELS: KernelTable;
