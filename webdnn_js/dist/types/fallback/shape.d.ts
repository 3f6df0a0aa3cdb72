/** Ops that move elements without computing on them, or make them out of nothing. */
import { type KernelTable } from './operand.js';
export declare const KERNELS: KernelTable;
