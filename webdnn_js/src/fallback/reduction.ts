/** Reductions over axes, and softmax. */

import { mergeAxes, stridesOf, walkRows, type Kernel, type KernelTable } from './operand';

interface Attributes {
  readonly kind: 'mean' | 'sum' | 'max' | 'min' | 'prod';
  readonly axes: readonly number[];
}

const START = { mean: 0, sum: 0, max: -Infinity, min: Infinity, prod: 1 } as const;
const COMBINE = {
  mean: (a: number, b: number) => a + b,
  sum: (a: number, b: number) => a + b,
  max: (a: number, b: number) => Math.max(a, b),
  min: (a: number, b: number) => Math.min(a, b),
  prod: (a: number, b: number) => a * b,
} as const;

/**
 * x → y without `axes`, or with size 1 there if y has the rank of x. One walk over x collects in a dense array of y's
 * elements, which stands still along the axes that are reduced.
 */
function reduce({ kind, axes }: Attributes): Kernel {
  const combine = COMBINE[kind];
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
        collected[place] = combine(collected[place]!, data[xOffset! + i * xStep]!);
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

export const KERNELS = { reduce, softmax } as unknown as KernelTable;
