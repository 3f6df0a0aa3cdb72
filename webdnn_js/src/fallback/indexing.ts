/** Ops that take or give indices: whole numbers, moved into their axis where they lie outside, 0 for NaN; and cumulative sums. */

import type { Kernel, KernelTable, Operand } from './operand';

/** Visits the lines of `operand` along `axis`, in row-major order of the other axes; elements of a line are `step` apart. */
function forEachLine(
  { offset, pitch, shape, rows, columns }: Operand,
  axis: number,
  visit: (start: number, step: number, line: number) => void,
): void {
  if (axis === shape.length - 1) {
    for (let row = 0; row < rows; row++) visit(offset + row * pitch, 1, row);
    return;
  }
  const inner = shape.slice(axis + 1, -1).reduce((product, size) => product * size, 1);
  const outer = rows / inner / shape[axis]!;
  let line = 0;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = offset + (o * shape[axis]! * inner + i) * pitch;
      for (let column = 0; column < columns; column++, line++) visit(start + column, inner * pitch, line);
    }
  }
}

/** The place of row-major element `index`. */
const placeOf = ({ offset, pitch, columns }: Operand, index: number): number =>
  offset + Math.floor(index / columns) * pitch + (index % columns);

const clamp = (index: number, size: number): number => Math.min(Math.max(Math.trunc(index) || 0, 0), size - 1);

/** y = the elements of x at `indices` (K) along `axis`. */
function gather({ axis }: { readonly axis: number }): Kernel {
  return ([x, indices], y) => {
    const [size, count] = [x!.shape[axis]!, y.shape[axis]!];
    const starts: number[] = [];
    forEachLine(x!, axis, (start) => starts.push(start));
    const xStep = axis === x!.shape.length - 1 ? 1 : x!.shape.slice(axis + 1, -1).reduce((a, b) => a * b, x!.pitch);
    const places = Array.from({ length: count }, (_, k) => clamp(indices!.data[indices!.offset + k]!, size) * xStep);
    forEachLine(y, axis, (start, step, line) => {
      for (let k = 0; k < count; k++) y.data[start + k * step] = x!.data[starts[line]! + places[k]!]!;
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
        y.data[to + k] = x!.data[from + clamp(indices!.data[at + k]!, x!.columns)]!;
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

interface CumulativeAttributes {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/** Sums along `axis` of all elements up to each, or of those before it. */
function cumulativeSum({ axis, exclusive, reverse }: CumulativeAttributes): Kernel {
  return ([x], y) => {
    const length = x!.shape[axis]!;
    const starts: number[] = [];
    forEachLine(y, axis, (start) => starts.push(start));
    const yStep = axis === y.shape.length - 1 ? 1 : y.shape.slice(axis + 1, -1).reduce((a, b) => a * b, y.pitch);
    forEachLine(x!, axis, (start, step, line) => {
      let sum = 0;
      for (let i = 0; i < length; i++) {
        const k = reverse ? length - 1 - i : i;
        const value = x!.data[start + k * step]!;
        y.data[starts[line]! + k * yStep] = exclusive ? sum : sum + value;
        sum += value;
      }
    });
  };
}

export const KERNELS = {
  arg_reduce: argReduce,
  arg_sort: argSort,
  cumulative_sum: cumulativeSum,
  gather,
  gather_elements: gatherElements,
} as unknown as KernelTable;
