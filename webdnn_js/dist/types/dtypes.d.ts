/** What an element may be for a page, and how elements lie in memory. The converter has the same tables: src/webdnn/graph/types.py. */
import type { DType, Storage } from './plan.js';
/** Cells of 32 bits, in which backends compute. A small dtype leaves some of its bits unused: a bool is 0 or 1, a uint8 0…255. */
export type Cells = Float32Array | Int32Array;
/** What a page sets and reads. */
export type TypedArray = Cells | Uint8Array | Int8Array;
export declare const ARRAYS: {
    readonly float32: Float32ArrayConstructor;
    readonly int32: Int32ArrayConstructor;
    readonly uint8: Uint8ArrayConstructor;
    readonly int8: Int8ArrayConstructor;
    readonly bool: Uint8ArrayConstructor;
};
export declare const CELLS: {
    readonly float: Float32ArrayConstructor;
    readonly int: Int32ArrayConstructor;
};
/** By storage class. */
export declare const BYTES_PER_ELEMENT: Readonly<Record<Storage, number>>;
export declare const storageOf: (dtype: DType) => Storage;
/** All but 0 is true, NaN too. */
export declare const truth: (value: unknown) => number;
/** A page's array as cells: itself, where its elements have 32 bits, too, else a copy. What is no 0 in an array of bools is 1 in its cells. */
export declare function toCells(array: TypedArray, dtype: DType): Cells;
/** What `toCells` has copied goes back, into the same array. */
export declare function fromCells(cells: Cells, array: TypedArray): void;
