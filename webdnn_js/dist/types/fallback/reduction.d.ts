/** Reductions over axes, cumulative sums, and softmax. */
import { type KernelTable } from './operand.js';
export declare const KERNELS: KernelTable;
