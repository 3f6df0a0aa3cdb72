/** Pooling over windows of a channels-last image. */
import type { KernelTable } from './operand.js';
export declare const KERNELS: KernelTable;
