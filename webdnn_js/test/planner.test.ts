import { describe, expect, it } from 'vitest';
import golden from '../../tests/golden/memory.json';
import type { Placement } from '../src/backend';
import type { Storage } from '../src/plan';
import { planMemory, type MemoryItem } from '../src/planner';

interface Case {
  readonly name: string;
  readonly mode: 'arena' | 'slots';
  readonly items: readonly MemoryItem[];
  readonly placements: readonly ({ offset: number } | { slot: number })[];
  readonly arenaBytes?: number;
  readonly slots?: readonly { bytes: number; storage: Storage }[];
}

describe('golden cases, shared with the converter', () => {
  it.each(golden as Case[])('$name, $mode', ({ mode, items, placements, arenaBytes = 0, slots = [] }) => {
    const plan = planMemory(items, mode);
    expect(plan.placements).toEqual(placements.map((place, i) => ({ ...place, bytes: items[i]!.bytes })));
    expect(plan).toMatchObject({ arenaBytes, slots });
  });
});

/** A fixed sequence of numbers below n. */
function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor(state / 65536) % n;
  };
}

function randomItems(seed: number): MemoryItem[] {
  const random = generator(seed);
  const length = random(40);
  return Array.from({ length: 1 + random(40) }, () => {
    const first = random(length + 1) - 1;
    return { bytes: 4 * (1 + random(200)), storage: random(3) ? 'float' : 'int', first, last: first + random(8) };
  });
}

/** The bytes that a placement covers, with all slots laid end to end. */
function range(place: Placement, slots: readonly { bytes: number }[]): readonly [start: number, end: number] {
  const start =
    'offset' in place ? place.offset : slots.slice(0, place.slot).reduce((sum, { bytes }) => sum + bytes, 0);
  return [start, start + place.bytes];
}

describe('random items', () => {
  it.each(['arena', 'slots'] as const)('%s: no two that are live together overlap', (mode) => {
    for (let seed = 1; seed <= 200; seed++) {
      const items = randomItems(seed);
      const { placements, slots, arenaBytes } = planMemory(items, mode);
      items.forEach((a, i) => {
        const [start, end] = range(placements[i]!, slots);
        const place = placements[i]!;
        if ('slot' in place) expect(slots[place.slot]).toMatchObject({ storage: a.storage });
        else expect([place.offset % 64, arenaBytes >= end]).toEqual([0, true]);
        items.slice(0, i).forEach((b, j) => {
          const [otherStart, otherEnd] = range(placements[j]!, slots);
          const together = a.first <= b.last && b.first <= a.last;
          expect(together && start < otherEnd && otherStart < end).toBe(false);
        });
      });
    }
  });

  it('plans 10,000 buffers at once', () => {
    const random = generator(7);
    const items = Array.from({ length: 10_000 }, (_, i): MemoryItem => {
      return { bytes: 4 * (1 + random(2000)), storage: 'float', first: i - 1, last: i + random(3) };
    });
    const begin = performance.now();
    for (const mode of ['arena', 'slots'] as const) planMemory(items, mode);
    expect(performance.now() - begin).toBeLessThan(10_000); // 0.4 s when nothing else runs
  }, 30_000);
});
