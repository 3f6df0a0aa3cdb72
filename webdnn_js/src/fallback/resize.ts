/** Resizing images. */

import { forEachPixel } from './convolution';
import type { Kernel, KernelTable } from './operand';

interface Attributes {
  readonly mode: 'nearest' | 'bilinear' | 'bicubic';
  /** Of the bicubic kernel: its coefficient, and whether a mean leaves out what lies outside of the image. */
  readonly cubic: number;
  readonly exclude_outside: boolean;
}

/** A row (or column) that an output row reads, and its weight. */
interface Tap {
  readonly index: number;
  readonly weight: number;
}

/** The weight of a pixel at `distance` 0…2. */
function cubicKernel(distance: number, a: number): number {
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
}

/** What output `i` reads, where `position` = i·step + start over `divisor`. Outside of the image lie copies of its edge. */
function tapsAt(attributes: Attributes, position: number, divisor: number, before: number): Tap[] {
  const { mode, cubic, exclude_outside: excludeOutside } = attributes;
  const low = Math.floor(position / divisor);
  const fraction = (position - low * divisor) / divisor;
  const clamped = (index: number): number => Math.min(Math.max(index, 0), before - 1);
  if (mode === 'nearest') return [{ index: clamped(low), weight: 1 }];
  if (mode === 'bilinear') {
    return [
      { index: clamped(low), weight: 1 - fraction },
      { index: clamped(low + 1), weight: fraction },
    ];
  }
  const taps = [-1, 0, 1, 2].map((offset) => {
    const isCounted = !excludeOutside || clamped(low + offset) === low + offset;
    return { index: clamped(low + offset), weight: isCounted ? cubicKernel(Math.abs(fraction - offset), cubic) : 0 };
  });
  const total = excludeOutside ? taps.reduce((sum, { weight }) => sum + weight, 0) : 1;
  return taps.map(({ index, weight }) => ({ index, weight: weight / total }));
}

/** x (N, H, W, C) → y (N, height, width, C); `args` are step, start and divisor, vertically and horizontally. */
function resize2d(attributes: Attributes): Kernel {
  return ([x], y, args) => {
    const { data, pitch } = x!;
    const [, height, width, channels] = x!.shape as readonly [number, number, number, number];
    const along = (after: number, before: number, [step, start, divisor]: readonly number[]): Tap[][] =>
      Array.from({ length: after }, (_, i) => tapsAt(attributes, i * step! + start!, divisor!, before));
    const rows = along(y.shape[1]!, height, args.slice(0, 3));
    const columns = along(y.shape[2]!, width, args.slice(3));
    const sums = new Float64Array(channels);
    forEachPixel(y, (batch, row, column, offset) => {
      sums.fill(0);
      for (const vertical of rows[row]!) {
        for (const horizontal of columns[column]!) {
          const pixel = x!.offset + ((batch * height + vertical.index) * width + horizontal.index) * pitch;
          const weight = vertical.weight * horizontal.weight;
          for (let c = 0; c < channels; c++) sums[c]! += weight * data[pixel + c]!;
        }
      }
      y.data.set(sums, offset);
    });
  };
}

export const KERNELS = { resize2d } as unknown as KernelTable;
