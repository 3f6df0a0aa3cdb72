/** Two-dimensional convolutions, channels last. Images are (N, H, W, C), so one pixel is one row of its operand. */

import { runEpilogue, type Program } from './elementwise';
import { addProduct } from './matmul';
import type { Kernel, KernelTable, Operand } from './operand';

type Pair = readonly [vertical: number, horizontal: number];

interface Attributes {
  readonly strides: Pair;
  readonly dilation: Pair;
  readonly epilogue: Program | null;
}

/** Visits the pixels of an image (N, H, W, C); `offset` is that of the pixel's channel 0. */
export function forEachPixel(
  image: Operand,
  visit: (batch: number, row: number, column: number, offset: number) => void,
): void {
  const [batches, height, width] = image.shape as readonly [number, number, number, number];
  let offset = image.offset;
  for (let batch = 0; batch < batches; batch++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++, offset += image.pitch) visit(batch, row, column, offset);
    }
  }
}

/** x (N, H, W, C), weights (KH, KW, C, O) → y (N, OH, OW, O). Padding is zero; `args` are its (top, left). */
function conv2d({ strides, dilation, epilogue }: Attributes): Kernel {
  return ([x, weights, ...operands], y, [top, left]) => {
    const [, height, width, channels] = x!.shape as readonly [number, number, number, number];
    const [kernelHeight, kernelWidth] = weights!.shape as readonly [number, number];
    const sums = new Float64Array(y.columns);
    forEachPixel(y, (batch, row, column, offset) => {
      sums.fill(0);
      for (let i = 0; i < kernelHeight; i++) {
        const xRow = row * strides[0] - top! + i * dilation[0];
        if (xRow < 0 || xRow >= height) continue;
        for (let j = 0; j < kernelWidth; j++) {
          const xColumn = column * strides[1] - left! + j * dilation[1];
          if (xColumn < 0 || xColumn >= width) continue;
          const pixel = x!.offset + ((batch * height + xRow) * width + xColumn) * x!.pitch;
          addProduct(sums, x!.data, pixel, channels, weights!, (i * kernelWidth + j) * channels);
        }
      }
      y.data.set(sums, offset);
    });
    runEpilogue(epilogue, operands, y);
  };
}

/** x (N, H, W, C), weights (KH, KW, C, M) → y (N, OH, OW, C·M): output channel c·M + m reads input channel c only. */
function depthwiseConv2d({ strides, dilation, epilogue }: Attributes): Kernel {
  return ([x, weights, ...operands], y, [top, left]) => {
    const [, height, width, channels] = x!.shape as readonly [number, number, number, number];
    const [kernelHeight, kernelWidth, , multiplier] = weights!.shape as readonly [number, number, number, number];
    const sums = new Float64Array(y.columns);
    forEachPixel(y, (batch, row, column, offset) => {
      sums.fill(0);
      for (let i = 0; i < kernelHeight; i++) {
        const xRow = row * strides[0] - top! + i * dilation[0];
        if (xRow < 0 || xRow >= height) continue;
        for (let j = 0; j < kernelWidth; j++) {
          const xColumn = column * strides[1] - left! + j * dilation[1];
          if (xColumn < 0 || xColumn >= width) continue;
          const pixel = x!.offset + ((batch * height + xRow) * width + xColumn) * x!.pitch;
          addChannelProducts(sums, x!.data, pixel, weights!, (i * kernelWidth + j) * channels, multiplier);
        }
      }
      y.data.set(sums, offset);
    });
    runEpilogue(epilogue, operands, y);
  };
}

/** sums (C, M) += x (C, 1) ∘ weights (C, M), elementwise; rows of weights begin at row `row`. */
function addChannelProducts(
  sums: Float64Array,
  x: Float32Array,
  xOffset: number,
  weights: Operand,
  row: number,
  multiplier: number,
): void {
  const { data, pitch } = weights;
  const channels = sums.length / multiplier;
  let offset = weights.offset + row * pitch;
  for (let c = 0; c < channels; c++) {
    const value = x[xOffset + c]!;
    for (let m = 0; m < multiplier; m++) sums[c * multiplier + m]! += value * data[offset + m]!;
    offset += pitch;
  }
}

/**
 * x (N, H, W, C), weights (KH, KW, C, O) → y (N, OH, OW, O): every pixel of x adds its kernel to y, `strides` apart.
 * Seen from a pixel of y: kernel position (i, j) meets it if a pixel of x lies there. `args` are what is cropped at
 * (top, left) of the full result; negative where zeros are added.
 */
function conv2dTranspose({ strides, dilation, epilogue }: Attributes): Kernel {
  return ([x, weights, ...operands], y, [top, left]) => {
    const [, height, width, channels] = x!.shape as readonly [number, number, number, number];
    const [kernelHeight, kernelWidth] = weights!.shape as readonly [number, number];
    const sums = new Float64Array(y.columns);
    forEachPixel(y, (batch, row, column, offset) => {
      sums.fill(0);
      for (let i = 0; i < kernelHeight; i++) {
        const xRow = (row + top! - i * dilation[0]) / strides[0];
        if (xRow < 0 || xRow >= height || !Number.isInteger(xRow)) continue;
        for (let j = 0; j < kernelWidth; j++) {
          const xColumn = (column + left! - j * dilation[1]) / strides[1];
          if (xColumn < 0 || xColumn >= width || !Number.isInteger(xColumn)) continue;
          const pixel = x!.offset + ((batch * height + xRow) * width + xColumn) * x!.pitch;
          addProduct(sums, x!.data, pixel, channels, weights!, (i * kernelWidth + j) * channels);
        }
      }
      y.data.set(sums, offset);
    });
    runEpilogue(epilogue, operands, y);
  };
}

export const KERNELS = {
  conv2d,
  conv2d_transpose: conv2dTranspose,
  depthwise_conv2d: depthwiseConv2d,
} as unknown as KernelTable;
