/**
 * Places activation and state buffers in memory: "Memory" in docs/descriptor.md. The converter has the same algorithm;
 * tests/golden/memory.json holds the two together.
 */

import type { Placement, Schedule } from './backend';
import type { Storage } from './plan';

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
export const FOREVER = [-1, Number.MAX_SAFE_INTEGER] as const;

const ALIGNMENT = 64;
const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const meets = (a: MemoryItem, b: MemoryItem): boolean => a.first <= b.last && b.first <= a.last;

interface Range {
  readonly item: MemoryItem;
  readonly start: number;
  readonly end: number;
}

/** The lowest multiple of 64 at which `item` fits between the ranges that are live with it; `placed` is in order of start. */
function lowestOffset(item: MemoryItem, placed: readonly Range[]): number {
  let offset = 0;
  for (const range of placed) {
    if (offset + item.bytes <= range.start) break;
    if (meets(range.item, item)) offset = Math.max(offset, align(range.end));
  }
  return offset;
}

function planArena(items: readonly MemoryItem[], order: readonly number[]): MemoryPlan {
  const placements: Placement[] = [];
  const placed: Range[] = [];
  let arenaBytes = 0;
  for (const index of order) {
    const item = items[index]!;
    const start = lowestOffset(item, placed);
    const end = start + item.bytes;
    const next = placed.findIndex((range) => range.start > start);
    placed.splice(next < 0 ? placed.length : next, 0, { item, start, end });
    placements[index] = { offset: start, bytes: item.bytes };
    arenaBytes = Math.max(arenaBytes, align(end));
  }
  return { placements, arenaBytes, slots: [] };
}

function planSlots(items: readonly MemoryItem[], order: readonly number[]): MemoryPlan {
  const placements: Placement[] = [];
  const slots: { bytes: number; storage: Storage; tenants: MemoryItem[] }[] = [];
  for (const index of order) {
    const item = items[index]!;
    const { bytes, storage } = item;
    let slot = slots.findIndex((one) => one.storage === storage && !one.tenants.some((tenant) => meets(tenant, item)));
    if (slot < 0) slot = slots.push({ bytes, storage, tenants: [] }) - 1;
    slots[slot]!.tenants.push(item);
    placements[index] = { slot, bytes };
  }
  return { placements, arenaBytes: 0, slots: slots.map(({ bytes, storage }) => ({ bytes, storage })) };
}

export function planMemory(items: readonly MemoryItem[], mode: 'arena' | 'slots'): MemoryPlan {
  const order = items.map((_, index) => index);
  order.sort((i, j) => items[j]!.bytes - items[i]!.bytes || items[i]!.first - items[j]!.first || i - j);
  return mode === 'arena' ? planArena(items, order) : planSlots(items, order);
}
