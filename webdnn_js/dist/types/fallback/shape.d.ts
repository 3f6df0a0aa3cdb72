/** Ops that move elements without computing on them. */
import { type KernelTable } from './operand.js';
export declare const KERNELS: KernelTable;
