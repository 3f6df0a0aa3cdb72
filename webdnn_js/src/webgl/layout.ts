/**
 * Where the buffers of a schedule lie in its slots. A kernel that computes four rows at once writes into four layers of its
 * texture, at one place of each: so the rows of its result are cut into four quarters, each a layer of its own.
 */

import type { BoundStep, BoundView, Schedule } from '../backend';
import { WebDNNError } from '../errors';
import type { Kernel } from '../plan';
import { MOST_SPAN, TARGETS } from './texture';

/** Buffers up to this size lie in one layer even if that makes the other layers of their slot larger. */
const SMALL = 2 ** 14;

export interface Slot {
  /** Texels in a layer. */
  readonly span: number;
  readonly layers: number;
}

const texels = (elements: number): number => Math.max(1, Math.ceil(elements / 4));

/** How a buffer lies that kernels write row by row: in as few layers as there can be. */
export const plainSlot = (elements: number): Slot => {
  const count = texels(elements);
  return { span: Math.min(count, MOST_SPAN), layers: Math.ceil(count / MOST_SPAN) };
};

/** Texels in a quarter of the rows of `view`, which must be all of its buffer: such kernels write more than the view. */
function quarter({ offset, rows, pitch }: BoundView, elements: number, origin: string): number {
  if (offset !== 0 || pitch % 4 !== 0 || rows * pitch < elements) {
    throw new WebDNNError('descriptor', `${origin}: what computes four rows at once must write a whole buffer`);
  }
  return (Math.ceil(rows / TARGETS) * pitch) / 4;
}

/** For each buffer that is written in quarters, how many texels a quarter has. */
function quarters(steps: readonly BoundStep[], elements: readonly number[], kernels: readonly Kernel[]) {
  const found = new Map<number, number>();
  for (const { kernel, out, origin } of steps) {
    const [view] = out;
    if (!view || kernels[kernel]!.targets !== TARGETS) continue;
    const span = quarter(view, elements[view.buffer]!, origin);
    if ((found.get(view.buffer) ?? span) !== span) {
      throw new WebDNNError(
        'descriptor',
        `${origin}: its result lies otherwise than that of another step, in one buffer`,
      );
    }
    found.set(view.buffer, span);
  }
  return found;
}

/** How many texels of each layer a plain buffer wants, in a slot that has four layers in any case. */
const share = (count: number): number => (count <= SMALL ? count : Math.min(Math.ceil(count / TARGETS), MOST_SPAN));

/** The textures of the slots, and the span of each buffer in its slot, by buffer (0 for what is in no slot). */
export function layOut({ steps, elements, placements, slots }: Schedule, kernels: readonly Kernel[]) {
  const inQuarters = quarters(steps, elements, kernels);
  const tenants = slots.map(() => [] as number[]);
  placements.forEach((placement, buffer) => {
    if (placement && 'slot' in placement) tenants[placement.slot]!.push(buffer);
  });
  const spans = elements.map(() => 0);
  const sizes = tenants.map((buffers): Slot => {
    if (!buffers.some((buffer) => inQuarters.has(buffer))) {
      const slot = plainSlot(Math.max(...buffers.map((buffer) => elements[buffer]!)));
      for (const buffer of buffers) spans[buffer] = slot.span;
      return slot;
    }
    const wanted = buffers.map((buffer) => inQuarters.get(buffer) ?? share(texels(elements[buffer]!)));
    const span = Math.max(...wanted);
    for (const buffer of buffers) spans[buffer] = inQuarters.get(buffer) ?? span;
    const layers = buffers.map((buffer) => Math.ceil(texels(elements[buffer]!) / spans[buffer]!));
    return { span, layers: Math.max(TARGETS, ...layers) };
  });
  return { spans, sizes };
}
