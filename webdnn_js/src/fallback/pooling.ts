/** Pooling over windows of a channels-last image. */

import { forEachPixel } from './convolution';
import type { Kernel, KernelTable } from './operand';

interface Attributes {
  readonly kind: 'max' | 'average';
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly count_padding: boolean;
}

/**
 * x (N, H, W, C) → y (N, OH, OW, C); `args` are the padding's (top, left). Padding never wins a maximum; an average
 * counts it only with `count_padding`.
 */
function pool2d({ kind, size, strides, count_padding: countPadding }: Attributes): Kernel {
  const isMax = kind === 'max';
  return ([x], y, [top, left]) => {
    const { data, pitch, columns: channels } = x!;
    const [, height, width] = x!.shape as readonly [number, number, number, number];
    const result = new Float64Array(channels);
    forEachPixel(y, (batch, row, column, offset) => {
      const firstRow = row * strides[0] - top!;
      const firstColumn = column * strides[1] - left!;
      const [rowStart, rowEnd] = [Math.max(firstRow, 0), Math.min(firstRow + size[0], height)];
      const [columnStart, columnEnd] = [Math.max(firstColumn, 0), Math.min(firstColumn + size[1], width)];
      result.fill(isMax ? -Infinity : 0);
      for (let i = rowStart; i < rowEnd; i++) {
        for (let j = columnStart; j < columnEnd; j++) {
          const pixel = x!.offset + ((batch * height + i) * width + j) * pitch;
          if (isMax) for (let c = 0; c < channels; c++) result[c] = Math.max(result[c]!, data[pixel + c]!);
          else for (let c = 0; c < channels; c++) result[c]! += data[pixel + c]!;
        }
      }
      if (!isMax) {
        const inside = (rowEnd - rowStart) * (columnEnd - columnStart);
        const count = countPadding ? size[0] * size[1] : inside;
        for (let c = 0; c < channels; c++) result[c]! /= count;
      }
      y.data.set(result, offset);
    });
  };
}

export const KERNELS = { pool2d } as unknown as KernelTable;
