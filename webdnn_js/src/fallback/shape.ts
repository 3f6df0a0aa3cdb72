/** Ops that move elements without computing on them, or make them out of nothing. */

import {
  copyRows,
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
    moveElements(y.shape, x!.bits, source, y.bits, walkerOf(y));
  };
}

/** y is the part of x that starts at the index `args`. */
function slice(): Kernel {
  return ([x], y, starts) => moveElements(y.shape, x!.bits, moved(walkerOf(x!), starts), y.bits, walkerOf(y));
}

/** `value` everywhere in y. */
function fill({ value }: { readonly value: Literal }): Kernel {
  return (_, y) => {
    for (let row = 0; row < y.rows; row++) {
      const offset = y.offset + row * y.pitch;
      y.data.fill(numberOf(value), offset, offset + y.columns);
    }
  };
}

/** y = 0, 1, 2 … */
function iota(): Kernel {
  return (_, y) => {
    for (let i = 0; i < y.columns; i++) y.data[y.offset + i] = i;
  };
}

/** x inside y, at the index `args`; `value` around it. */
function pad({ value }: { readonly value: Literal }): Kernel {
  const surround = fill({ value });
  return ([x], y, before) => {
    void surround([], y, []);
    moveElements(x!.shape, x!.bits, walkerOf(x!), y.bits, moved(walkerOf(y), before));
  };
}

/** x to y along axes of which `args` has three numbers each: the size, and the distances between neighbours in x and in y. */
function move(): Kernel {
  return ([x], y, args) => {
    const part = (first: number): number[] => args.filter((_, i) => i % 3 === first);
    const [source, target] = [x!, y].map(({ offset }, k): Walker => ({ offset, strides: part(1 + k) }));
    moveElements(part(0), x!.bits, source!, y.bits, target!);
  };
}

/** The elements of x in row-major order, under another shape: rows of x and y may differ in length. */
function copy(): Kernel {
  return ([x], y) => {
    if (x!.columns === y.columns) {
      copyRows(x!, y);
      return;
    }
    let [xRow, xColumn] = [0, 0];
    for (let row = 0; row < y.rows; row++) {
      for (let column = 0; column < y.columns; column++) {
        y.bits[y.offset + row * y.pitch + column] = x!.bits[x!.offset + xRow * x!.pitch + xColumn]!;
        if (++xColumn === x!.columns) [xRow, xColumn] = [xRow + 1, 0];
      }
    }
  };
}

export const KERNELS = { copy, fill, iota, move, pad, slice, transpose } as unknown as KernelTable;
