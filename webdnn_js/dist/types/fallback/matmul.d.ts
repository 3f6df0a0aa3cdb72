/** Matrix products, and the loop that they share with convolutions. */
import type { KernelTable, Operand } from './operand.js';
/**
 * sums (M) += x (K) · weights (K, M), where the K values stand at `x[xOffset]` and rows of weights begin at row `row`.
 * Rows are taken four at a time, so that each sum is loaded and stored once for four products.
 */
export declare function addProduct(sums: Float64Array, x: Float32Array, xOffset: number, length: number, weights: Operand, row: number): void;
export declare const KERNELS: KernelTable;
