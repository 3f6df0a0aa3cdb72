/** The ways that a kernel of the webassembly backend can take: parts of its code that some steps run and others do not. */

import type { BoundStep } from '../backend';

/**
 * By kernel, the first of the arguments that say how a window moves over an image, and the one after the last: padding, the window's size, strides,
 * and dilation or whether padding counts in an average. A 1×1 convolution, say, has a loop of its own. All other arguments are sizes and strides
 * in memory, which say how often a loop runs. tests/backend/test_webassembly_ways.py holds this table and the lowerings together.
 */
export const WINDOWS: Readonly<Record<string, readonly [first: number, end: number]>> = {
  conv2d: [7, 15],
  conv2d_transpose: [7, 15],
  pool2d: [6, 13],
};
/** Windows over so few channels are copied before they are multiplied: FEW_CHANNELS in kernels/gemm.h.jinja. */
const FEW_CHANNELS = 16;

/** Equal texts: the steps take the same way through the same kernel, whose name in the plan is `name`. */
export function wayOf({ kernel, args, in: [input], out: [output] }: BoundStep, name: string): string {
  const [first, end] = WINDOWS[name] ?? [0, 0];
  const isSingleRow = output?.rows === 1; // it is multiplied by four panels of weights at a time
  const hasFewChannels = input !== undefined && input.columns < FEW_CHANNELS;
  return [kernel, isSingleRow, hasFewChannels, ...args.slice(first, end)].join();
}
