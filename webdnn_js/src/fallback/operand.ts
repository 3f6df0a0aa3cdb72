/** What every kernel here is made of: tensors in strided memory, and the way to walk over them. */

import type { Place } from '../matrix';

/** A tensor seen as a matrix in `data`; `columns` is the last of `shape`. */
export interface Operand extends Place {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Long work, cut into slices of some milliseconds, between which other things may happen on its thread. It is done when all slices are. */
export type Slices = Generator<undefined, void>;

/** Computes `output` from `inputs`; `args` are the numbers of the step that may depend on placeholders (paddings, starts). */
export type Kernel = (inputs: readonly Operand[], output: Operand, args: readonly number[]) => Slices | void;

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

/** Copies what `source` walks over to where `target` walks, both over `shape`. */
export function moveElements(
  shape: readonly number[],
  from: Float32Array,
  source: Walker,
  to: Float32Array,
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
