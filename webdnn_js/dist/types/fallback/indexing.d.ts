/** Ops that take or give indices: whole numbers, moved into their axis where they lie outside, 0 for NaN; and cumulative sums. */
import type { KernelTable } from './operand.js';
export declare const KERNELS: KernelTable;
