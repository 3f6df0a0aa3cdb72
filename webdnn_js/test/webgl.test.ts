import { describe, expect, it } from 'vitest';
import { extent, gather, spread } from '../src/webgl/rows';
import { rectangles } from '../src/webgl/texture';

const FOLD = 2048;

describe('rectangles', () => {
  it.each([
    [0, 0],
    [5, 2047],
    [2047, 2048],
    [0, 5000],
    [100, 3 * FOLD + 7],
    [FOLD * FOLD - 3, FOLD * FOLD + 2 * FOLD],
  ])('cover texels %i to %i, each once and in order', (first, last) => {
    let next = first;
    for (const { layer, x, y, width, height, first: start } of rectangles(first, last, FOLD * FOLD)) {
      expect(start).toBe(next);
      expect((layer * FOLD + y) * FOLD + x).toBe(next);
      expect(height === 1 || (x === 0 && width === FOLD)).toBe(true);
      expect(y + height).toBeLessThanOrEqual(FOLD);
      next += width * height;
    }
    expect(next).toBe(last + 1);
  });
});

describe('spread and gather', () => {
  it.each([
    [1, 5, 8],
    [3, 3, 4],
    [4, 4, 4],
    [7, 5, 12],
    [3, 500_001, 500_004], // more than one band
  ])('%i rows of %i columns, %i apart', (rows, columns, pitch) => {
    const dense = Float32Array.from({ length: rows * columns }, (_, i) => i + 1);
    const texels = new Float32Array(extent(rows, columns, pitch)).fill(NaN);
    spread(dense, rows, columns, pitch, (offset, data) => {
      expect([offset % 4, data.length % 4]).toEqual([0, 0]);
      texels.set(data, offset);
    });
    expect(texels[(rows - 1) * pitch + columns - 1]).toBe(rows * columns);
    const back = new Float32Array(dense.length);
    gather(texels, rows, columns, pitch, back);
    expect(back.every((value, i) => value === dense[i])).toBe(true); // toEqual takes seconds
  });
});
