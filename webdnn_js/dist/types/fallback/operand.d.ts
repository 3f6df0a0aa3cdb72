/** What every kernel here is made of: tensors in strided memory, and the way to walk over them. */
import type { Cells } from '../dtypes.js';
import type { Place } from '../matrix.js';
/** A tensor seen as a matrix in `data`; `columns` is the last of `shape`. */
export interface Operand extends Place {
    /** Floats, or the integers that stand for integers and truth. */
    readonly data: Cells;
    /** The same cells as integers: what moves elements moves these, since a NaN read as a float and written again may have other bits. */
    readonly bits: Int32Array;
    readonly shape: readonly number[];
}
/** Both views of `data`. */
export declare const cellsOf: (data: Cells) => Pick<Operand, "data" | "bits">;
/** New memory for so many cells of the class of `data`. */
export declare const newCells: (data: Cells, length: number) => Cells;
/** Long work, cut into slices of some milliseconds, between which other things may happen on its thread. It is done when all slices are. */
export type Slices = Generator<undefined, void>;
/**
 * Computes `output` from `inputs`; `args` are the numbers of the step that may depend on placeholders (paddings, starts), and `more` the
 * outputs behind the first.
 */
export type Kernel = (inputs: readonly Operand[], output: Operand, args: readonly number[], more?: readonly Operand[]) => Slices | void;
/** Makes a kernel from its attributes in the plan: everything about the op that is not a size. */
export type KernelMaker = (attributes: Readonly<Record<string, unknown>>) => Kernel;
export type KernelTable = Readonly<Record<string, KernelMaker>>;
/** A number in a plan; JSON has no infinities and no NaN. */
export type Literal = number | keyof typeof NOT_FINITE;
declare const NOT_FINITE: {
    readonly inf: number;
    readonly '-inf': number;
    readonly nan: number;
};
export declare function numberOf(literal: Literal): number;
/** Distance in elements between neighbours along each axis of the operand's shape. */
export declare function stridesOf({ shape, pitch }: Operand): number[];
/** A place in memory that moves by `strides[axis]` for each step along that axis of a walk. */
export interface Walker {
    readonly offset: number;
    readonly strides: readonly number[];
}
/**
 * Visits all rows of `shape` (all indices but those of the last axis) in row-major order; `visit` gets the offset of
 * every walker at the start of the row, in an array that is reused.
 */
export declare function walkRows(shape: readonly number[], walkers: readonly Walker[], visit: (offsets: readonly number[]) => void): void;
/**
 * The same walk with as few axes as possible, at least one: axes of size 1 go, and two neighbours become one where every
 * walker runs through both at an even pace. So a walk over dense tensors is one long row.
 */
export declare function mergeAxes(shape: readonly number[], walkers: readonly Walker[]): {
    readonly shape: readonly number[];
    readonly walkers: readonly Walker[];
};
/** Copies the cells that `source` walks over to where `target` walks, both over `shape`. */
export declare function moveElements(shape: readonly number[], from: Int32Array, source: Walker, to: Int32Array, target: Walker): void;
/** Copies x to y, which has the same shape. */
export declare function copyRows(x: Operand, y: Operand): void;
/** Visits the lines of `operand` along `axis`, in row-major order of the other axes; elements of a line are `step` apart. */
export declare function forEachLine({ offset, pitch, shape, rows, columns }: Operand, axis: number, visit: (start: number, step: number, line: number) => void): void;
export {};
