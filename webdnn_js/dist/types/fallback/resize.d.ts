/** Resizing images. */
import type { KernelTable } from './operand.js';
export declare const KERNELS: KernelTable;
