/** Reductions over axes, softmax, normalization, and cumulative sums. */
import { type KernelTable } from './operand.js';
export declare const KERNELS: KernelTable;
