/** Matrix products, to which convolutions come down as well. */
import type { Cells } from '../dtypes.js';
import { type KernelTable, type Operand, type Slices } from './operand.js';
/** Element (row, column) stands at `data[offset + row·pitch + column]`. */
export type Matrix = Pick<Operand, 'data' | 'offset' | 'pitch' | 'rows' | 'columns'>;
/**
 * y (R, M) = x (R, K) · weights (K, M). The inner loop runs along rows of weights, which lie one after another in memory,
 * and adds to a row of sums. Two rows of x times four of weights at a time: what is loaded once serves eight products.
 */
export declare function multiply(x: Matrix, weights: Matrix, y: Matrix): Slices;
/** sums (M) += the `length` values at `x[xOffset]` · the rows of weights that begin at `row`. */
export declare function addProduct(sums: Float64Array, x: Cells, xOffset: number, length: number, weights: Matrix, row: number): void;
export declare const KERNELS: KernelTable;
