/** Matrix products, to which convolutions come down as well. */

import type { Cells } from '../dtypes';
import { finished, type Program } from './elementwise';
import { newCells, stridesOf, walkRows, type Kernel, type KernelTable, type Operand, type Slices } from './operand';

/** Element (row, column) stands at `data[offset + row·pitch + column]`. */
export type Matrix = Pick<Operand, 'data' | 'offset' | 'pitch' | 'rows' | 'columns'>;

/** Products of one slice: some milliseconds of work. */
const SLICE = 2 ** 22;

/**
 * y (R, M) = x (R, K) · weights (K, M). The inner loop runs along rows of weights, which lie one after another in memory,
 * and adds to a row of sums. Two rows of x times four of weights at a time: what is loaded once serves eight products.
 */
export function* multiply(x: Matrix, weights: Matrix, y: Matrix): Slices {
  const [sums, moreSums] = [new Float64Array(y.columns), new Float64Array(y.columns)];
  const pairsPerSlice = Math.ceil(SLICE / (2 * x.columns * y.columns));
  let row = 0;
  for (; row + 2 <= x.rows; row += 2) {
    sums.fill(0);
    moreSums.fill(0);
    addTwoProducts(sums, moreSums, x, row, weights);
    y.data.set(sums, y.offset + row * y.pitch);
    y.data.set(moreSums, y.offset + (row + 1) * y.pitch);
    if ((row / 2) % pairsPerSlice === pairsPerSlice - 1) yield;
  }
  if (row < x.rows) {
    sums.fill(0);
    yield* addLongProduct(sums, x, row, weights);
    y.data.set(sums, y.offset + row * y.pitch);
  }
}

/** sums (M) += row `row` of x · weights, which may be the largest layer of a model. */
function* addLongProduct(sums: Float64Array, x: Matrix, row: number, weights: Matrix): Slices {
  const start = x.offset + row * x.pitch;
  const depth = 4 * Math.ceil(SLICE / (4 * weights.columns)); // whole fours, as if it were one slice
  for (let k = 0; k < x.columns; k += depth) {
    addProduct(sums, x.data, start + k, Math.min(depth, x.columns - k), weights, k);
    yield;
  }
}

/** sums (M) += row `row` of x · weights; moreSums (M) += the row after it · weights. */
function addTwoProducts(sums: Float64Array, moreSums: Float64Array, x: Matrix, row: number, weights: Matrix): void {
  const { data, pitch, columns } = weights;
  const [first, second] = [x.offset + row * x.pitch, x.offset + (row + 1) * x.pitch];
  const whole = x.columns - (x.columns % 4);
  for (let k = 0; k < whole; k += 4) {
    const [a0, a1, a2, a3] = fourFrom(x.data, first + k);
    const [b0, b1, b2, b3] = fourFrom(x.data, second + k);
    const row0 = weights.offset + k * pitch;
    const [row1, row2, row3] = [row0 + pitch, row0 + 2 * pitch, row0 + 3 * pitch];
    for (let m = 0; m < columns; m++) {
      const [w0, w1, w2, w3] = [data[row0 + m]!, data[row1 + m]!, data[row2 + m]!, data[row3 + m]!];
      sums[m]! += a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3;
      moreSums[m]! += b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3;
    }
  }
  addProduct(sums, x.data, first + whole, x.columns - whole, weights, whole);
  addProduct(moreSums, x.data, second + whole, x.columns - whole, weights, whole);
}

const fourFrom = (data: Cells, offset: number): readonly [number, number, number, number] => [
  data[offset]!,
  data[offset + 1]!,
  data[offset + 2]!,
  data[offset + 3]!,
];

/** sums (M) += the `length` values at `x[xOffset]` · the rows of weights that begin at `row`. */
export function addProduct(
  sums: Float64Array,
  x: Cells,
  xOffset: number,
  length: number,
  weights: Matrix,
  row: number,
): void {
  const { data, pitch, columns } = weights;
  const whole = length - (length % 4);
  let row0 = weights.offset + row * pitch;
  for (let k = 0; k < whole; k += 4, row0 += 4 * pitch) {
    const [x0, x1, x2, x3] = fourFrom(x, xOffset + k);
    const [row1, row2, row3] = [row0 + pitch, row0 + 2 * pitch, row0 + 3 * pitch];
    for (let m = 0; m < columns; m++) {
      sums[m]! += x0 * data[row0 + m]! + x1 * data[row1 + m]! + x2 * data[row2 + m]! + x3 * data[row3 + m]!;
    }
  }
  for (let k = whole; k < length; k++, row0 += pitch) {
    const value = x[xOffset + k]!;
    for (let m = 0; m < columns; m++) sums[m]! += value * data[row0 + m]!;
  }
}

/** The same of integers, whose sums wrap around. */
function* multiplyIntegers(x: Matrix, weights: Matrix, y: Matrix): Slices {
  const rowsPerSlice = Math.ceil(SLICE / (x.columns * y.columns));
  for (let row = 0; row < x.rows; row++) {
    const sums = y.data.subarray(y.offset + row * y.pitch, y.offset + row * y.pitch + y.columns).fill(0);
    for (let k = 0; k < x.columns; k++) {
      const value = x.data[x.offset + row * x.pitch + k]!;
      const place = weights.offset + k * weights.pitch;
      for (let m = 0; m < y.columns; m++) sums[m]! += Math.imul(value, weights.data[place + m]!);
    }
    if (row % rowsPerSlice === rowsPerSlice - 1) yield;
  }
}

const productOf = (x: Matrix): typeof multiply => (x.data instanceof Int32Array ? multiplyIntegers : multiply);

/** x (…, K), weights (K, M) → y (…, M), then the epilogue. */
function matmul({ epilogue }: { readonly epilogue: Program | null }): Kernel {
  return finished(([x, weights], y) => productOf(x!)(x!, weights!, y), epilogue);
}

type Permutation = readonly number[] | null;

interface BatchAttributes {
  /** The axes of x and y as the product sees them; null: as they lie. */
  readonly left: Permutation;
  readonly right: Permutation;
  readonly epilogue: Program | null;
}

/** x (…, M, K), y (…, K, P) → z (…, M, P); the axes before the last two broadcast. */
function batchMatmul({ left, right, epilogue }: BatchAttributes): Kernel {
  return finished(function* ([x, y], z) {
    const batch = z.shape.slice(0, -2);
    const factors = [matrices(x!, left, batch), matrices(y!, right, batch), matrices(z, null, batch)] as const;
    const places: (readonly number[])[] = [];
    walkRows([...batch, 1], factors, (offsets) => places.push([...offsets]));
    for (const [xOffset, yOffset, zOffset] of places) {
      const [rows, columns] = z.shape.slice(-2) as [number, number];
      const result = { ...z, offset: zOffset!, rows, columns };
      yield* productOf(x!)(factors[0].at(xOffset!), factors[1].at(yOffset!), result);
    }
  }, epilogue);
}

/**
 * `operand` seen under `permutation`, as matrices whose other axes broadcast to `batch`: a walk over them, which stands still along some
 * axes, and the matrix at a place of it. One whose rows do not lie in one piece is copied there: products run along rows.
 */
function matrices(operand: Operand, permutation: Permutation, batch: readonly number[]) {
  const order = permutation ?? operand.shape.map((_, axis) => axis);
  const own = stridesOf(operand);
  const [sizes, steps] = [order.map((axis) => operand.shape[axis]!), order.map((axis) => own[axis]!)];
  const missing = batch.length - (sizes.length - 2);
  const strides = batch.map((_, axis) => (axis < missing || sizes[axis - missing] === 1 ? 0 : steps[axis - missing]!));
  const [rows, columns] = sizes.slice(-2) as [number, number];
  const [rowStep, columnStep] = steps.slice(-2) as [number, number];
  const at = (offset: number): Matrix => {
    if (columnStep === 1 || columns === 1) return { data: operand.data, offset, pitch: rowStep, rows, columns };
    const data = newCells(operand.data, rows * columns);
    for (let i = 0; i < data.length; i++) {
      data[i] = operand.data[offset + Math.floor(i / columns) * rowStep + (i % columns) * columnStep]!;
    }
    return { data, offset: 0, pitch: columns, rows, columns };
  };
  return { offset: operand.offset, strides: [...strides, 0], at };
}

export const KERNELS = { matmul, batch_matmul: batchMatmul } as unknown as KernelTable;
