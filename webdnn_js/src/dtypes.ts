/** What an element may be for a page, and how elements lie in memory. The converter has the same tables: src/webdnn/graph/types.py. */

import type { DType, Storage } from './plan';

/** Cells of 32 bits, in which backends compute. A small dtype leaves some of its bits unused: a bool is 0 or 1, a uint8 0…255. */
export type Cells = Float32Array | Int32Array;
/** What a page sets and reads. */
export type TypedArray = Cells | Uint8Array | Int8Array;

export const ARRAYS = {
  float32: Float32Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
} as const satisfies Record<DType, unknown>;
export const CELLS = { float: Float32Array, int: Int32Array } as const satisfies Record<Storage, unknown>;
/** By storage class. */
export const BYTES_PER_ELEMENT: Readonly<Record<Storage, number>> = { float: 4, int: 4 };

export const storageOf = (dtype: DType): Storage => (dtype === 'float32' ? 'float' : 'int');

/** All but 0 is true, NaN too. */
export const truth = (value: unknown): number => Number(value !== 0 && value !== false);

/** A page's array as cells: itself, where its elements have 32 bits, too, else a copy. What is no 0 in an array of bools is 1 in its cells. */
export function toCells(array: TypedArray, dtype: DType): Cells {
  if (/32/.test(dtype)) return array as Cells;
  return Int32Array.from(array, dtype === 'bool' ? truth : Number);
}

/** What `toCells` has copied goes back, into the same array. */
export function fromCells(cells: Cells, array: TypedArray): void {
  if (cells !== array) array.set(cells);
}
