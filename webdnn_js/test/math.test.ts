import { expect, it } from 'vitest';
import { argmax, argmin } from '../src/math';

it('finds the best in order; of equals the first', () => {
  expect(argmax([1, 3, 2])).toEqual([1]);
  expect(argmin([1, 3, 2])).toEqual([0]);
  expect(argmax([1, 3, 2, 3, 0], 3)).toEqual([1, 3, 2]);
  expect(argmin(new Float32Array([5, -1, -1, 7]), 3)).toEqual([1, 2, 0]);
});

it('takes what it gets', () => {
  expect(argmax([], 1)).toEqual([]);
  expect(argmax([1, 2], 5)).toEqual([1, 0]);
  expect(argmax([1, 2], 0)).toEqual([]);
  expect(argmax([1, 2], -1)).toEqual([]);
  expect(argmax([NaN, -Infinity, NaN], 3)).toEqual([1]);
  expect(argmin([NaN, 2, 1], 2)).toEqual([2, 1]);
  expect(argmax([-0, 0])).toEqual([0]);
  expect(argmax({ toActual: () => new Int32Array([4, 9]) })).toEqual([1]);
});

it('agrees with sorting', () => {
  const values = Array.from({ length: 500 }, (_, i) => (i * 7919) % 101);
  const indices = values.map((_, i) => i);
  expect(argmax(values, 500)).toEqual([...indices].sort((i, j) => values[j]! - values[i]! || i - j));
  expect(argmin(values, 40)).toEqual([...indices].sort((i, j) => values[i]! - values[j]! || i - j).slice(0, 40));
});
