/** What every kernel here is made of: tensors in strided memory, and the way to walk over them. */

import type { Cells } from '../dtypes';
import type { Place } from '../matrix';

/** A tensor seen as a matrix in `data`; `columns` is the last of `shape`. */
export interface Operand extends Place {
  /** Floats, or the integers that stand for integers and truth. */
  readonly data: Cells;
  /** The same cells as integers: what moves elements moves these, since a NaN read as a float and written again may have other bits. */
  readonly bits: Int32Array;
  readonly shape: readonly number[];
}

/** Both views of `data`. */
export const cellsOf = (data: Cells): Pick<Operand, 'data' | 'bits'> => ({
  data,
  bits: data instanceof Int32Array ? data : new Int32Array(data.buffer, data.byteOffset, data.length),
});

/** New memory for so many cells of the class of `data`. */
export const newCells = (data: Cells, length: number): Cells =>
  data instanceof Int32Array ? new Int32Array(length) : new Float32Array(length);

/** Long work, cut into slices of some milliseconds, between which other things may happen on its thread. It is done when all slices are. */
export type Slices = Generator<undefined, void>;

/**
 * Computes `output` from `inputs`; `args` are the numbers of the step that may depend on placeholders (paddings, starts), and `more` the
 * outputs behind the first.
 */
export type Kernel = (
  inputs: readonly Operand[],
  output: Operand,
  args: readonly number[],
  more?: readonly Operand[],
) => Slices | void;

/** Makes a kernel from its attributes in the plan: everything about the op that is not a size. */
export type KernelMaker = (attributes: Readonly<Record<string, unknown>>) => Kernel;

export type KernelTable = Readonly<Record<string, KernelMaker>>;

/** A number in a plan; JSON has no infinities and no NaN. */
export type Literal = number | keyof typeof NOT_FINITE;
const NOT_FINITE = { inf: Infinity, '-inf': -Infinity, nan: NaN } as const;

export function numberOf(literal: Literal): number {
  if (typeof literal === 'number') return literal;
  if (Object.hasOwn(NOT_FINITE, literal)) return NOT_FINITE[literal];
  throw new Error(`expected a number, "inf", "-inf" or "nan", got ${JSON.stringify(literal)}`);
}

/** Distance in elements between neighbours along each axis of the operand's shape. */
export function stridesOf({ shape, pitch }: Operand): number[] {
  const strides = new Array<number>(shape.length);
  let distance = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = distance;
    distance = axis === shape.length - 1 ? pitch : distance * shape[axis]!;
  }
  return strides;
}

/** A place in memory that moves by `strides[axis]` for each step along that axis of a walk. */
export interface Walker {
  readonly offset: number;
  readonly strides: readonly number[];
}

/**
 * Visits all rows of `shape` (all indices but those of the last axis) in row-major order; `visit` gets the offset of
 * every walker at the start of the row, in an array that is reused.
 */
export function walkRows(
  shape: readonly number[],
  walkers: readonly Walker[],
  visit: (offsets: readonly number[]) => void,
): void {
  const offsets = walkers.map((walker) => walker.offset);
  const index = new Array<number>(shape.length).fill(0);
  for (;;) {
    visit(offsets);
    let axis = shape.length - 2;
    while (axis >= 0 && index[axis] === shape[axis]! - 1) {
      walkers.forEach(({ strides }, k) => (offsets[k]! -= index[axis]! * strides[axis]!));
      index[axis] = 0;
      axis--;
    }
    if (axis < 0) return;
    index[axis]!++;
    for (let k = 0; k < walkers.length; k++) offsets[k]! += walkers[k]!.strides[axis]!;
  }
}

/**
 * The same walk with as few axes as possible, at least one: axes of size 1 go, and two neighbours become one where every
 * walker runs through both at an even pace. So a walk over dense tensors is one long row.
 */
export function mergeAxes(
  shape: readonly number[],
  walkers: readonly Walker[],
): { readonly shape: readonly number[]; readonly walkers: readonly Walker[] } {
  const sizes: number[] = [];
  const strides: number[][] = walkers.map(() => []);
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = sizes.length - 1;
    const even = last >= 0 && walkers.every((walker, k) => strides[k]![last] === walker.strides[axis]! * size);
    const place = even ? last : last + 1;
    sizes[place] = even ? sizes[last]! * size : size;
    walkers.forEach((walker, k) => (strides[k]![place] = walker.strides[axis]!));
  });
  if (!sizes.length) return { shape: [1], walkers: walkers.map(({ offset }) => ({ offset, strides: [0] })) };
  return { shape: sizes, walkers: walkers.map(({ offset }, k) => ({ offset, strides: strides[k]! })) };
}

/** Copies the cells that `source` walks over to where `target` walks, both over `shape`. */
export function moveElements(
  shape: readonly number[],
  from: Int32Array,
  source: Walker,
  to: Int32Array,
  target: Walker,
): void {
  const walk = mergeAxes(shape, [target, source]);
  const count = walk.shape.at(-1)!;
  const [toStep, fromStep] = walk.walkers.map(({ strides }) => strides.at(-1)!) as [number, number];
  walkRows(walk.shape, walk.walkers, ([toOffset, fromOffset]) => {
    let read = fromOffset!;
    let write = toOffset!;
    for (let i = 0; i < count; i++) {
      to[write] = from[read]!;
      write += toStep;
      read += fromStep;
    }
  });
}

/** Copies x to y, which has the same shape. */
export function copyRows(x: Operand, y: Operand): void {
  for (let row = 0; row < y.rows; row++) {
    const offset = x.offset + row * x.pitch;
    y.bits.set(x.bits.subarray(offset, offset + x.columns), y.offset + row * y.pitch);
  }
}

/** Visits the lines of `operand` along `axis`, in row-major order of the other axes; elements of a line are `step` apart. */
export function forEachLine(
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
