/**
 * Places activation and state buffers in memory: "Memory" in docs/descriptor.md. The converter has the same algorithm;
 * tests/golden/memory.json holds the two together.
 */
import type { Placement, Schedule } from './backend.js';
import type { Storage } from './plan.js';
/** A buffer and the steps, both inclusive, between which it holds data. */
export interface MemoryItem {
    readonly bytes: number;
    readonly storage: Storage;
    readonly first: number;
    readonly last: number;
}
export interface MemoryPlan extends Pick<Schedule, 'arenaBytes' | 'slots'> {
    /** In the order of the items. */
    readonly placements: readonly Placement[];
}
/** States are live for ever, so nothing ever shares their memory. */
export declare const FOREVER: readonly [-1, number];
export declare function planMemory(items: readonly MemoryItem[], mode: 'arena' | 'slots'): MemoryPlan;
