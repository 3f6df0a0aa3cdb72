/** The ways that a kernel of the webassembly backend can take: parts of its code that some steps run and others do not. */
import type { BoundStep } from '../backend.js';
/**
 * By kernel, the first of the arguments that say how a window moves over an image, and the one after the last: padding, the window's size, strides,
 * and dilation or whether padding counts in an average. A 1×1 convolution, say, has a loop of its own. All other arguments are sizes and strides
 * in memory, which say how often a loop runs. tests/backend/test_webassembly_ways.py holds this table and the lowerings together.
 */
export declare const WINDOWS: Readonly<Record<string, readonly [first: number, end: number]>>;
/** Equal texts: the steps take the same way through the same kernel, whose name in the plan is `name`. */
export declare function wayOf({ kernel, args, in: [input], out: [output] }: BoundStep, name: string): string;
