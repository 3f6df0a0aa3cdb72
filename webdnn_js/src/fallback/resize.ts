/** Resizing images. */

import { forEachPixel } from './convolution';
import type { Kernel, KernelTable } from './operand';

/** Which two rows (or columns) an output row reads, and how much of the second. */
interface Mix {
  readonly low: number;
  readonly high: number;
  readonly weight: number;
}

/** For every output index of an axis. `nearest`: ⌊i·before/after⌋. `bilinear`: half-pixel centres, clamped to the image. */
function mixes(mode: 'nearest' | 'bilinear', before: number, after: number): Mix[] {
  return Array.from({ length: after }, (_, i) => {
    if (mode === 'nearest') {
      const low = Math.floor((i * before) / after);
      return { low, high: low, weight: 0 };
    }
    const position = Math.min(Math.max(((i + 0.5) * before) / after - 0.5, 0), before - 1);
    const low = Math.floor(position);
    return { low, high: Math.min(low + 1, before - 1), weight: position - low };
  });
}

/** x (N, H, W, C) → y (N, height, width, C). */
function resize2d({ mode }: { readonly mode: 'nearest' | 'bilinear' }): Kernel {
  return ([x], y) => {
    const { data, pitch } = x!;
    const [, height, width, channels] = x!.shape as readonly [number, number, number, number];
    const rows = mixes(mode, height, y.shape[1]!);
    const columns = mixes(mode, width, y.shape[2]!);
    forEachPixel(y, (batch, row, column, offset) => {
      const [vertical, horizontal] = [rows[row]!, columns[column]!];
      const pixel = (i: number, j: number): number => x!.offset + ((batch * height + i) * width + j) * pitch;
      const [topLeft, topRight] = [pixel(vertical.low, horizontal.low), pixel(vertical.low, horizontal.high)];
      const [bottomLeft, bottomRight] = [pixel(vertical.high, horizontal.low), pixel(vertical.high, horizontal.high)];
      for (let c = 0; c < channels; c++) {
        const left = data[topLeft + c]! * (1 - vertical.weight) + data[bottomLeft + c]! * vertical.weight;
        const right = data[topRight + c]! * (1 - vertical.weight) + data[bottomRight + c]! * vertical.weight;
        y.data[offset + c] = left * (1 - horizontal.weight) + right * horizontal.weight;
      }
    });
  };
}

export const KERNELS = { resize2d } as unknown as KernelTable;
