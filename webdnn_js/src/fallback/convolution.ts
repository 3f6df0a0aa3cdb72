/** Two-dimensional convolutions, channels last. Images are (N, H, W, C), so one pixel is one row of its operand. */

import type { Cells } from '../dtypes';
import { finished, type Program } from './elementwise';
import { addProduct, multiply, type Matrix } from './matmul';
import type { Kernel, KernelTable, Operand, Slices } from './operand';

type Pair = readonly [vertical: number, horizontal: number];
type Shape = readonly [number, number, number, number];

interface Attributes {
  readonly strides: Pair;
  readonly dilation: Pair;
  readonly epilogue: Program | null;
}

interface GroupedAttributes extends Attributes {
  readonly groups?: number;
}

/** `forEachPixel`, where the visits are work: a slice for each row of pixels. */
function* eachRow(image: Operand, visit: Parameters<typeof forEachPixel>[1]): Slices {
  const [batches, height, width, channels] = image.shape as Shape;
  for (let line = 0; line < batches * height; line++) {
    const [batch, row] = [Math.floor(line / height), line % height];
    const pixels = { ...image, offset: image.offset + line * width * image.pitch, shape: [1, 1, width, channels] };
    forEachPixel(pixels, (_, __, column, offset) => visit(batch, row, column, offset));
    yield;
  }
}

/** Visits the pixels of an image (N, H, W, C); `offset` is that of the pixel's channel 0. */
export function forEachPixel(
  image: Operand,
  visit: (batch: number, row: number, column: number, offset: number) => void,
): void {
  const [batches, height, width] = image.shape as Shape;
  let offset = image.offset;
  for (let batch = 0; batch < batches; batch++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++, offset += image.pitch) visit(batch, row, column, offset);
    }
  }
}

/**
 * x (N, H, W, C), weights (KH, KW, C / groups, O) → y (N, OH, OW, O). Padding is zero; `args` are its (top, left).
 * Each group is a convolution of its own, of one run of x's channels to the same run of y's.
 */
function conv2d({ strides, dilation, groups = 1, epilogue }: GroupedAttributes): Kernel {
  return finished(function* ([x, weights], y, [top, left]) {
    for (let group = 0; group < groups; group++) {
      const [image, kernel, result] = [x!, weights!, y].map((operand) => channelsOf(operand, group, groups));
      yield* convolve(image!, kernel!, result!, [top!, left!], { strides, dilation });
    }
  }, epilogue);
}

/** The channels of one of `groups` equal groups. */
function channelsOf(whole: Operand, group: number, groups: number): Operand {
  const columns = whole.columns / groups;
  return { ...whole, offset: whole.offset + group * columns, columns, shape: [...whole.shape.slice(0, -1), columns] };
}

/**
 * The sums of a convolution without groups. The patch of x under the kernel is one row of KH·KW·C values, and weights are a
 * matrix (KH·KW·C, O): for every row of pixels of y, the patches are gathered and multiplied.
 */
function* convolve(
  x: Operand,
  weights: Operand,
  y: Operand,
  [top, left]: Pair,
  { strides, dilation }: Pick<Attributes, 'strides' | 'dilation'>,
): Slices {
  const [batches, outHeight, outWidth] = y.shape as Shape;
  const isPointwise = weights.rows === x.columns && x.rows === y.rows && strides[0] * strides[1] === 1;
  if (isPointwise && !top && !left) {
    yield* multiply(x, weights, y); // a patch is a pixel
    return;
  }
  const columns = weights.rows;
  const patches = { data: new Float32Array(outWidth * columns), offset: 0, pitch: columns, rows: outWidth, columns };
  for (let batch = 0; batch < batches; batch++) {
    for (let row = 0; row < outHeight; row++) {
      const corner = [row * strides[0] - top, -left] as const;
      gatherPatches(x, batch, corner, weights.shape as Shape, { strides, dilation }, patches);
      const offset = y.offset + (batch * outHeight + row) * outWidth * y.pitch;
      yield* multiply(patches, weights, { ...y, offset, rows: outWidth });
      yield;
    }
  }
}

/** Row p of `patches` becomes what lies under a kernel whose corner is p strides to the right of `corner`; zero outside of x. */
function gatherPatches(
  x: Operand,
  batch: number,
  corner: Pair,
  [kernelHeight, kernelWidth]: Shape,
  { strides, dilation }: Pick<Attributes, 'strides' | 'dilation'>,
  patches: Matrix,
): void {
  const [, height, width, channels] = x.shape as Shape;
  let place = 0;
  for (let patch = 0; patch < patches.rows; patch++) {
    for (let i = 0; i < kernelHeight; i++) {
      const row = corner[0] + i * dilation[0];
      for (let j = 0; j < kernelWidth; j++, place += channels) {
        const column = corner[1] + patch * strides[1] + j * dilation[1];
        if (row < 0 || row >= height || column < 0 || column >= width) {
          patches.data.fill(0, place, place + channels);
        } else {
          const pixel = x.offset + ((batch * height + row) * width + column) * x.pitch;
          for (let c = 0; c < channels; c++) patches.data[place + c] = x.data[pixel + c]!;
        }
      }
    }
  }
}

/** x (N, H, W, C), weights (KH, KW, C, M) → y (N, OH, OW, C·M): output channel c·M + m reads input channel c only. */
function depthwiseConv2d({ strides, dilation, epilogue }: Attributes): Kernel {
  return finished(function* ([x, weights], y, [top, left]) {
    const [, height, width, channels] = x!.shape as Shape;
    const [kernelHeight, kernelWidth] = weights!.shape as Shape;
    const sums = new Float64Array(y.columns);
    yield* eachRow(y, (batch, row, column, offset) => {
      sums.fill(0);
      for (let i = 0; i < kernelHeight; i++) {
        const xRow = row * strides[0] - top! + i * dilation[0];
        if (xRow < 0 || xRow >= height) continue;
        for (let j = 0; j < kernelWidth; j++) {
          const xColumn = column * strides[1] - left! + j * dilation[1];
          if (xColumn < 0 || xColumn >= width) continue;
          const pixel = x!.offset + ((batch * height + xRow) * width + xColumn) * x!.pitch;
          addChannelProducts(sums, x!.data, pixel, channels, weights!, (i * kernelWidth + j) * channels);
        }
      }
      y.data.set(sums, offset);
    });
  }, epilogue);
}

/** sums[c·M + m] += x[c] · weights[c, m], where rows of weights (…, M) begin at `row`. */
function addChannelProducts(
  sums: Float64Array,
  x: Cells,
  xOffset: number,
  channels: number,
  { data, offset, pitch, columns: multiplier }: Matrix,
  row: number,
): void {
  let weight = offset + row * pitch;
  for (let c = 0; c < channels; c++, weight += pitch) {
    const value = x[xOffset + c]!;
    for (let m = 0; m < multiplier; m++) sums[c * multiplier + m]! += value * data[weight + m]!;
  }
}

/**
 * x (N, H, W, C), weights (KH, KW, C, O) → y (N, OH, OW, O): every pixel of x adds its kernel to y, `strides` apart.
 * Seen from a pixel of y: kernel position (i, j) meets it if a pixel of x lies there. `args` are what is cropped at
 * (top, left) of the full result; negative where zeros are added.
 */
function conv2dTranspose({ strides, dilation, epilogue }: Attributes): Kernel {
  return finished(function* ([x, weights], y, [top, left]) {
    const [, height, width, channels] = x!.shape as Shape;
    const [kernelHeight, kernelWidth] = weights!.shape as Shape;
    const sums = new Float64Array(y.columns);
    yield* eachRow(y, (batch, row, column, offset) => {
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
  }, epilogue);
}

export const KERNELS = {
  conv2d,
  conv2d_transpose: conv2dTranspose,
  depthwise_conv2d: depthwiseConv2d,
} as unknown as KernelTable;
