/** Ops that move elements without computing on them. */

import {
  moveElements,
  numberOf,
  stridesOf,
  type Kernel,
  type KernelTable,
  type Literal,
  type Operand,
  type Walker,
} from './operand';

const walkerOf = (operand: Operand): Walker => ({ offset: operand.offset, strides: stridesOf(operand) });

/** `walker` moved by `index[axis]` steps along each axis. */
const moved = ({ offset, strides }: Walker, index: readonly number[]): Walker => ({
  offset: strides.reduce((sum, stride, axis) => sum + stride * index[axis]!, offset),
  strides,
});

/** Output axis i is axis `permutation[i]` of x. */
function transpose({ permutation }: { readonly permutation: readonly number[] }): Kernel {
  return ([x], y) => {
    const { offset, strides } = walkerOf(x!);
    const source = { offset, strides: permutation.map((axis) => strides[axis]!) };
    moveElements(y.shape, x!.data, source, y.data, walkerOf(y));
  };
}

/** y is the part of x that starts at the index `args`. */
function slice(): Kernel {
  return ([x], y, starts) => moveElements(y.shape, x!.data, moved(walkerOf(x!), starts), y.data, walkerOf(y));
}

/** x inside y, at the index `args`; `value` around it. */
function pad({ value }: { readonly value: Literal }): Kernel {
  return ([x], y, before) => {
    for (let row = 0; row < y.rows; row++) {
      const offset = y.offset + row * y.pitch;
      y.data.fill(numberOf(value), offset, offset + y.columns);
    }
    moveElements(x!.shape, x!.data, walkerOf(x!), y.data, moved(walkerOf(y), before));
  };
}

/** The elements of x in row-major order, under another shape: rows of x and y may differ in length. */
function copy(): Kernel {
  return ([x], y) => {
    if (x!.columns === y.columns) {
      for (let row = 0; row < y.rows; row++) {
        const offset = x!.offset + row * x!.pitch;
        y.data.set(x!.data.subarray(offset, offset + x!.columns), y.offset + row * y.pitch);
      }
      return;
    }
    let [xRow, xColumn] = [0, 0];
    for (let row = 0; row < y.rows; row++) {
      for (let column = 0; column < y.columns; column++) {
        y.data[y.offset + row * y.pitch + column] = x!.data[x!.offset + xRow * x!.pitch + xColumn]!;
        if (++xColumn === x!.columns) [xRow, xColumn] = [xRow + 1, 0];
      }
    }
  };
}

export const KERNELS = { copy, pad, slice, transpose } as unknown as KernelTable;
