/** Kernels of the fallback backend that a page brings for ops of plugins. */

import { WebDNNError } from './errors';
import type { Operand, Slices } from './fallback/operand';

/**
 * Computes all `outputs` of a step from its `inputs`. `args` are numbers that may depend on placeholders, `attributes` all else about the op that
 * is not a size. A generator yields now and then, so that the page can do something else.
 */
export type RegisteredKernel = (
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  args: readonly number[],
  attributes: Readonly<Record<string, unknown>>,
) => Slices | void;

export type RegisteredKernels = ReadonlyMap<string, RegisteredKernel>;

const kernels = new Map<string, RegisteredKernel>();
export const REGISTERED: RegisteredKernels = kernels;

/** From now on, `kernel` is what a fallback plan calls `name` where it says that the page has that kernel. Such a plan runs on the page's thread. */
export function registerKernel(name: string, kernel: RegisteredKernel): void {
  if (typeof name !== 'string' || typeof kernel !== 'function' || (kernels.get(name) ?? kernel) !== kernel) {
    throw new WebDNNError(
      'option',
      `registerKernel: '${name}' must be a name with a function, and no other one before`,
    );
  }
  kernels.set(name, kernel);
}
