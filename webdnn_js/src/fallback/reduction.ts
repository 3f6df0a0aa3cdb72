/** Reductions over axes, softmax, normalization, and cumulative sums. */

import type { DType } from '../plan';
import { finished, type Program } from './elementwise';
import { functionOf } from './functions';
import { forEachLine, mergeAxes, stridesOf, walkRows, type Kernel, type KernelTable, type Operand } from './operand';

interface Attributes {
  readonly kind: 'mean' | 'sum' | 'max' | 'min' | 'prod';
  readonly axes: readonly number[];
  readonly dtype: DType;
}

const START = { mean: 0, sum: 0, max: -Infinity, min: Infinity, prod: 1 } as const;
const FUNCTIONS = { mean: 'add', sum: 'add', max: 'max', min: 'min', prod: 'mul' } as const;

/**
 * x → y without `axes`, or with size 1 there if y has the rank of x. One walk over x collects in a dense array of y's
 * elements, which stands still along the axes that are reduced.
 */
function reduce({ kind, axes, dtype }: Attributes): Kernel {
  const combine = functionOf(FUNCTIONS[kind], dtype);
  return ([x], y) => {
    const { data, shape } = x!;
    const collected = new Float64Array(y.rows * y.columns).fill(START[kind]);
    const strides = new Array<number>(shape.length);
    let distance = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      strides[axis] = axes.includes(axis) ? 0 : distance;
      if (!axes.includes(axis)) distance *= shape[axis]!;
    }
    const walk = mergeAxes(shape, [
      { offset: 0, strides },
      { offset: x!.offset, strides: stridesOf(x!) },
    ]);
    const count = walk.shape.at(-1)!;
    const [step, xStep] = walk.walkers.map((walker) => walker.strides.at(-1)!) as [number, number];
    walkRows(walk.shape, walk.walkers, ([offset, xOffset]) => {
      for (let i = 0; i < count; i++) {
        const place = offset! + i * step;
        collected[place] = combine(collected[place]!, data[xOffset! + i * xStep]!, 0);
      }
    });
    const divisor = kind === 'mean' ? axes.reduce((product, axis) => product * shape[axis]!, 1) : 1;
    for (let row = 0; row < y.rows; row++) {
      for (let column = 0; column < y.columns; column++) {
        y.data[y.offset + row * y.pitch + column] = collected[row * y.columns + column]! / divisor;
      }
    }
  };
}

interface CumulativeAttributes {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
  readonly dtype: DType;
}

/** Sums along `axis` of all elements up to each, or of those before it. */
function cumulativeSum({ axis, exclusive, reverse, dtype }: CumulativeAttributes): Kernel {
  const add = functionOf('add', dtype);
  return ([x], y) => {
    const length = x!.shape[axis]!;
    const starts: number[] = [];
    forEachLine(y, axis, (start) => starts.push(start));
    const yStep = axis === y.shape.length - 1 ? 1 : y.shape.slice(axis + 1, -1).reduce((a, b) => a * b, y.pitch);
    forEachLine(x!, axis, (start, step, line) => {
      let sum = 0;
      for (let i = 0; i < length; i++) {
        const k = reverse ? length - 1 - i : i;
        const next = add(sum, x!.data[start + k * step]!, 0);
        y.data[starts[line]! + k * yStep] = exclusive ? sum : next;
        sum = next;
      }
    });
  };
}

/** x → y of the same shape: exp(x − max) / sum along the last axis, where max and sum are those of the row. */
function softmax(): Kernel {
  return ([x], y) => {
    const row = new Float64Array(y.columns);
    for (let r = 0; r < y.rows; r++) {
      const offset = x!.offset + r * x!.pitch;
      let maximum = -Infinity;
      for (let c = 0; c < row.length; c++) maximum = Math.max(maximum, x!.data[offset + c]!);
      let sum = 0;
      for (let c = 0; c < row.length; c++) {
        row[c] = Math.exp(x!.data[offset + c]! - maximum);
        sum += row[c]!;
      }
      for (let c = 0; c < row.length; c++) row[c]! /= sum;
      y.data.set(row, y.offset + r * y.pitch);
    }
  };
}

interface NormalizeAttributes {
  readonly epsilon: number;
  readonly centre: boolean;
  readonly epilogue: Program | null;
}

/** x → y of the same shape: (x − mean) / √(variance + epsilon) along the last axis; with `centre` false, the mean counts as 0. */
function normalize({ epsilon, centre, epilogue }: NormalizeAttributes): Kernel {
  const rows: Kernel = ([x], y) => {
    for (let r = 0; r < y.rows; r++) {
      const offset = x!.offset + r * x!.pitch;
      const row = Float64Array.from(x!.data.subarray(offset, offset + x!.columns));
      const mean = centre ? row.reduce((sum, value) => sum + value, 0) / row.length : 0;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
      const divisor = Math.sqrt(variance + epsilon);
      y.data.set(
        row.map((value) => (value - mean) / divisor),
        y.offset + r * y.pitch,
      );
    }
  };
  return finished(rows, epilogue, 1);
}

interface GroupAttributes {
  readonly groups: number;
  readonly epsilon: number;
  readonly epilogue: Program | null;
}

/** x (N, …, C) → y of the same shape: the same over all rows of an image, in each of `groups` runs of columns by itself. */
function groupNormalize({ groups, epsilon, epilogue }: GroupAttributes): Kernel {
  const blocks: Kernel = function* ([x], y) {
    const images = x!.shape[0]!;
    for (let block = 0; block < images * groups; block++) {
      normalizeBlock(x!, y, Math.floor(block / groups) * (x!.rows / images), x!.rows / images, block % groups);
      yield;
    }
  };
  function normalizeBlock(x: Operand, y: Operand, first: number, rows: number, group: number): void {
    const columns = x.columns / groups;
    const each = (visit: (value: number, row: number, column: number) => void): void => {
      for (let row = first; row < first + rows; row++) {
        for (let c = group * columns; c < (group + 1) * columns; c++)
          visit(x.data[x.offset + row * x.pitch + c]!, row, c);
      }
    };
    let [sum, squares] = [0, 0];
    each((value) => (sum += value));
    const mean = sum / (rows * columns);
    each((value) => (squares += (value - mean) ** 2));
    const divisor = Math.sqrt(squares / (rows * columns) + epsilon);
    each((value, row, c) => (y.data[y.offset + row * y.pitch + c] = (value - mean) / divisor));
  }
  return finished(blocks, epilogue, 1);
}

export const KERNELS = {
  cumulative_sum: cumulativeSum,
  group_normalize: groupNormalize,
  normalize,
  reduce,
  softmax,
} as unknown as KernelTable;
