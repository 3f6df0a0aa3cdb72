/**
 * Where the buffers of a schedule lie in its slots. A kernel that computes four rows at once writes into four layers of its
 * texture, at one place of each: so the rows of its result are cut into four quarters, each a layer of its own.
 */
import type { Schedule } from '../backend.js';
import type { Kernel } from '../plan.js';
export interface Slot {
    /** Texels in a layer. */
    readonly span: number;
    readonly layers: number;
}
/** How a buffer lies that kernels write row by row: in as few layers as there can be. */
export declare const plainSlot: (elements: number) => Slot;
/** The textures of the slots, and the span of each buffer in its slot, by buffer (0 for what is in no slot). */
export declare function layOut({ steps, elements, placements, slots }: Schedule, kernels: readonly Kernel[]): {
    spans: number[];
    sizes: Slot[];
};
