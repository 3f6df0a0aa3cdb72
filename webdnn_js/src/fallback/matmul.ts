/** Matrix products, and the loop that they share with convolutions. */

import { runEpilogue, type Program } from './elementwise';
import type { Kernel, KernelTable, Operand } from './operand';

/**
 * sums (M) += x (K) · weights (K, M), where the K values stand at `x[xOffset]` and rows of weights begin at row `row`.
 * Rows are taken four at a time, so that each sum is loaded and stored once for four products.
 */
export function addProduct(
  sums: Float64Array,
  x: Float32Array,
  xOffset: number,
  length: number,
  weights: Operand,
  row: number,
): void {
  const { data, pitch, columns } = weights;
  let offset = weights.offset + row * pitch;
  let k = 0;
  for (; k + 4 <= length; k += 4) {
    const [x0, x1, x2, x3] = [x[xOffset + k]!, x[xOffset + k + 1]!, x[xOffset + k + 2]!, x[xOffset + k + 3]!];
    const [row1, row2, row3] = [offset + pitch, offset + 2 * pitch, offset + 3 * pitch];
    for (let m = 0; m < columns; m++) {
      sums[m]! += x0 * data[offset + m]! + x1 * data[row1 + m]! + x2 * data[row2 + m]! + x3 * data[row3 + m]!;
    }
    offset += 4 * pitch;
  }
  for (; k < length; k++) {
    const value = x[xOffset + k]!;
    for (let m = 0; m < columns; m++) sums[m]! += value * data[offset + m]!;
    offset += pitch;
  }
}

/** x (…, K), weights (K, M) → y (…, M), then the epilogue. */
function matmul({ epilogue }: { readonly epilogue: Program | null }): Kernel {
  return ([x, weights, ...operands], y) => {
    const sums = new Float64Array(y.columns);
    for (let row = 0; row < y.rows; row++) {
      sums.fill(0);
      addProduct(sums, x!.data, x!.offset + row * x!.pitch, x!.columns, weights!, 0);
      y.data.set(sums, y.offset + row * y.pitch);
    }
    runEpilogue(epilogue, operands, y);
  };
}

export const KERNELS = { matmul } as unknown as KernelTable;
