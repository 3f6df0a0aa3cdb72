/** Ops that take or give indices: integers, moved into their axis where they lie outside. */

import type { DType } from '../plan';
import { functionOf } from './functions';
import { copyRows, forEachLine, type Kernel, type KernelTable, type Operand } from './operand';

/** The place of row-major element `index`. */
const placeOf = ({ offset, pitch, columns }: Operand, index: number): number =>
  offset + Math.floor(index / columns) * pitch + (index % columns);

const clamp = (index: number, size: number): number => Math.min(Math.max(index, 0), size - 1);

/** y = the elements of x at `indices` (K) along `axis`. */
function gather({ axis }: { readonly axis: number }): Kernel {
  return ([x, indices], y) => {
    const [size, count] = [x!.shape[axis]!, y.shape[axis]!];
    const starts: number[] = [];
    forEachLine(x!, axis, (start) => starts.push(start));
    const xStep = axis === x!.shape.length - 1 ? 1 : x!.shape.slice(axis + 1, -1).reduce((a, b) => a * b, x!.pitch);
    const places = Array.from({ length: count }, (_, k) => clamp(indices!.data[indices!.offset + k]!, size) * xStep);
    forEachLine(y, axis, (start, step, line) => {
      for (let k = 0; k < count; k++) y.bits[start + k * step] = x!.bits[starts[line]! + places[k]!]!;
    });
  };
}

/** x (…, N), indices (…, K) → y (…, K). */
function gatherElements(): Kernel {
  return ([x, indices], y) => {
    for (let row = 0; row < y.rows; row++) {
      const [from, to] = [x!.offset + row * x!.pitch, y.offset + row * y.pitch];
      const at = indices!.offset + row * indices!.pitch;
      for (let k = 0; k < y.columns; k++) {
        y.bits[to + k] = x!.bits[from + clamp(indices!.data[at + k]!, x!.columns)]!;
      }
    }
  };
}

/** The index of the largest or smallest element along `axis`, of equal ones the first; or that of the first NaN. */
function argReduce({ kind, axis }: { readonly kind: 'max' | 'min'; readonly axis: number }): Kernel {
  return ([x], y) => {
    const { data, shape } = x!;
    const sign = kind === 'max' ? 1 : -1;
    forEachLine(x!, axis, (start, step, line) => {
      let best = 0;
      let value = sign * data[start]!;
      for (let k = 1; k < shape[axis]! && !Number.isNaN(value); k++) {
        const other = sign * data[start + k * step]!;
        if (other > value || Number.isNaN(other)) [best, value] = [k, other];
      }
      y.data[placeOf(y, line)] = best;
    });
  };
}

/** Which of x and y comes first when the largest does, and NaN last. Infinities are not subtracted: they may be equal. */
const compare = (x: number, y: number): number =>
  x === y ? 0 : Number.isNaN(x) ? Number(!Number.isNaN(y)) : Number.isNaN(y) || x > y ? -1 : 1;

/** The indices of the largest elements of every row, from the largest down, of equal ones the first before the others. */
function argSort(): Kernel {
  return ([x], y) => {
    for (let row = 0; row < y.rows; row++) {
      const offset = x!.offset + row * x!.pitch;
      const values = x!.data.subarray(offset, offset + x!.columns);
      const order = Array.from(values, (_, i) => i).sort((a, b) => compare(values[a]!, values[b]!) || a - b);
      y.data.set(order.slice(0, y.columns), y.offset + row * y.pitch);
    }
  };
}

interface ScatterAttributes {
  readonly reduction: keyof typeof JOINS;
  readonly dtype: DType;
}

const JOINS = { none: undefined, add: 'add', mul: 'mul', max: 'max', min: 'min' } as const;

/** Joins cell `from` of the updates with cell `to` of y; with reduction "none", it takes its place. */
function joiner(
  { reduction, dtype }: ScatterAttributes,
  updates: Operand,
  y: Operand,
): (from: number, to: number) => void {
  const name = JOINS[reduction];
  if (!name) return (from, to) => (y.bits[to] = updates.bits[from]!);
  const fn = functionOf(name, dtype);
  return (from, to) => (y.data[to] = fn(y.data[to]!, updates.data[from]!, 0));
}

/** data (…, N), indices (…, K), updates (…, K) → data, in whose rows each update is joined with the element at its index, one after another. */
function scatterElements(attributes: ScatterAttributes): Kernel {
  return ([data, indices, updates], y) => {
    copyRows(data!, y);
    const join = joiner(attributes, updates!, y);
    for (let row = 0; row < y.rows; row++) {
      const [from, at] = [updates!, indices!].map(({ offset, pitch }) => offset + row * pitch) as [number, number];
      for (let k = 0; k < indices!.columns; k++) {
        join(from + k, y.offset + row * y.pitch + clamp(indices!.data[at + k]!, y.columns));
      }
    }
  };
}

/** data (R, C), indices (K) of rows, updates (K, C) → data, in which each row of the updates is joined with the row at its index. */
function scatterRows(attributes: ScatterAttributes): Kernel {
  return ([data, indices, updates], y) => {
    copyRows(data!, y);
    const join = joiner(attributes, updates!, y);
    for (let k = 0; k < updates!.rows; k++) {
      const [from, to] = [k, clamp(indices!.data[indices!.offset + k]!, y.rows)];
      for (let c = 0; c < y.columns; c++) {
        join(updates!.offset + from * updates!.pitch + c, y.offset + to * y.pitch + c);
      }
    }
  };
}

export const KERNELS = {
  arg_reduce: argReduce,
  arg_sort: argSort,
  gather,
  gather_elements: gatherElements,
  scatter_elements: scatterElements,
  scatter_rows: scatterRows,
} as unknown as KernelTable;
