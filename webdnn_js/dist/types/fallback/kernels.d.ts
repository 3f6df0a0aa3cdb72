/** All kernels, by their names in the plan. This file and what it imports are loaded only when the backend starts. */
import type { KernelTable } from './operand.js';
export declare const KERNELS: KernelTable;
