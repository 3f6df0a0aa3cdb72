/** Kernels of the fallback backend that a page brings for ops of plugins. */

import { WebDNNError } from './errors';
import type { Operand, Slices } from './fallback/operand';
import type { Plan } from './plan';

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

export type RegisteredKernels = Readonly<Record<string, RegisteredKernel>>;

const REGISTERED = new Map<string, RegisteredKernel>();

/** From now on, `kernel` is what a fallback plan calls `name` where it says that the page has that kernel. Such a plan runs on the page's thread. */
export function registerKernel(name: string, kernel: RegisteredKernel): void {
  if (typeof name !== 'string' || !name || typeof kernel !== 'function') {
    throw new WebDNNError(
      'option',
      `registerKernel wants a name and a function, got ${String(name)} and ${typeof kernel}`,
    );
  }
  if ((REGISTERED.get(name) ?? kernel) !== kernel) {
    throw new WebDNNError(
      'option',
      `registerKernel: '${name}' is another function already; give one of them another name`,
    );
  }
  REGISTERED.set(name, kernel);
}

/** The page's kernels that `plan` needs, if any. */
export function kernelsFor({ kernels }: Plan): RegisteredKernels | undefined {
  const needed = kernels.filter(({ script }) => script !== undefined);
  if (!needed.length) return undefined;
  return Object.fromEntries(
    needed.map(({ name, script }) => {
      const found = REGISTERED.get(name);
      if (found) return [name, found];
      throw new WebDNNError(
        'option',
        `fallback: this model needs the page's kernel '${name}': run ${script} before load`,
      );
    }),
  );
}
