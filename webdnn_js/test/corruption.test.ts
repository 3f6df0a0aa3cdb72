/** Whatever one field of a Descriptor becomes: either it does no harm, or the error is ours. */

import { describe, expect, it, vi } from 'vitest';
import { checkManifest } from '../src/check_manifest';
import { checkPlan } from '../src/check_plan';
import { WebDNNError } from '../src/errors';
import { bindPlan, bindSetup } from '../src/schedule';
import { manifestOf, planOf } from './fixture';

type Json = Record<string, unknown>;
type Place = readonly [parent: Json, key: string, path: string];

const deep = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = wrap(value);
  return value;
};

const POISON: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => -1,
  () => 0,
  () => 0.5,
  () => 1e9,
  () => 2 ** 53,
  () => -(2 ** 53),
  () => 1e300,
  () => '',
  () => 'N',
  () => '$0',
  () => '__proto__',
  () => 'constructor',
  () => '../../etc/passwd',
  () => 'https://example.com/x',
  () => '\0',
  () => [],
  () => [null],
  () => [-1, 2 ** 31 - 1],
  () => Array.from({ length: 1000 }, () => 2 ** 31 - 1),
  () => ({}),
  () => ({ length: 3 }),
  () => ({ repeat: 2e9, body: [] }),
  () => [{ repeat: 2e9, body: [{ repeat: 0, body: [] }] }],
  () => ['*', 'N', 'N'],
  () => ['//', 'N', 0],
  () => ['toString', 1, 1],
  () => deep(50_000, (inner) => ['+', inner, 1]),
  () => deep(50_000, (inner) => ({ repeat: 1, body: [inner] })),
  () => deep(50_000, (inner) => [{ repeat: 1, body: inner }]),
  () => deep(50_000, (inner) => ({ attributes: inner })),
  () => JSON.parse('{"__proto__": {"rows": 1}}') as unknown,
];

function* places(value: unknown, path: string): Generator<Place> {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    yield [value as Json, key, `${path}.${key}`];
    yield* places((value as Json)[key], `${path}.${key}`);
  }
}

function use(manifest: unknown, plan: unknown): void {
  const goodManifest = checkManifest(manifest);
  const goodPlan = checkPlan(plan, goodManifest, 'fallback');
  bindSetup(goodPlan);
  const values = Object.fromEntries(Object.keys(goodManifest.placeholders).map((name) => [name, 2]));
  for (const mode of ['arena', 'slots'] as const) bindPlan(goodManifest, goodPlan, values, mode);
}

const pair = (): { manifest: unknown; plan: unknown } => ({ manifest: manifestOf(true), plan: planOf(true) });

/** Runs `change` on the nth place of a fresh pair; returns what was thrown that is not ours. */
function foreign(n: number, change: (place: Place) => void): unknown {
  const { manifest, plan } = pair();
  const place = [...places({ manifest, plan }, '')][n]!;
  change(place);
  try {
    use(manifest, plan);
  } catch (error) {
    if (!(error instanceof WebDNNError) || /undefined\[|\[object/.test(error.message)) return [place[2], error];
  }
  return undefined;
}

describe('one field spoilt', () => {
  vi.setConfig({ testTimeout: 60_000 });
  const all = [...places(pair(), '')].filter(([, , path]) => path !== '.manifest' && path !== '.plan');

  it('is not needed: the pair is good', () => {
    const { manifest, plan } = pair();
    use(manifest, plan);
    expect(all.length).toBeGreaterThan(150);
  });

  it.each(POISON.map((make, i) => [i, make] as const))('poison %i', (_, make) => {
    for (let n = 0; n < all.length + 2; n++) {
      expect(foreign(n, ([parent, key]) => (parent[key] = make()))).toBeUndefined();
    }
  });

  it('removed', () => {
    for (let n = 0; n < all.length + 2; n++) {
      expect(
        foreign(n, ([parent, key]) => (Array.isArray(parent) ? parent.splice(Number(key), 1) : delete parent[key])),
      ).toBeUndefined();
    }
  });

  it('one more, one less, twice', () => {
    for (let n = 0; n < all.length + 2; n++) {
      for (const delta of [1, -1, 4]) {
        expect(foreign(n, ([parent, key]) => (parent[key] = Number(parent[key]) + delta))).toBeUndefined();
      }
      expect(foreign(n, ([parent, key]) => Array.isArray(parent) && parent.push(parent[Number(key)]))).toBeUndefined();
    }
  });
});

it.each([undefined, null, 1, 'text', [], [[]], true])('%j instead of a manifest or plan', (value) => {
  expect(() => checkManifest(value)).toThrow(WebDNNError);
  expect(() => checkPlan(value, manifestOf(), 'fallback')).toThrow(WebDNNError);
});
