import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Schedule } from '../src/backend';
import { layOut } from '../src/webgl/layout';
import { poll } from '../src/webgl/polling';
import { extent, gather, spread } from '../src/webgl/rows';
import { rectangles } from '../src/webgl/texture';

const FOLD = 2048;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('rectangles', () => {
  const spans = [FOLD * FOLD, 6, FOLD, FOLD + 1, 3 * FOLD - 5];
  it.each(spans)('of layers of %i texels cover texels each once and in order', (span) => {
    let next = 4;
    for (const { layer, x, y, width, height, first } of rectangles(4, 3 * span + 2, span)) {
      expect(first).toBe(next);
      expect(layer * span + y * FOLD + x).toBe(next);
      expect(x + width).toBeLessThanOrEqual(FOLD);
      next += width * height;
      expect(next).toBeLessThanOrEqual((layer + 1) * span);
    }
    expect(next).toBe(3 * span + 3);
  });

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

describe('polling', () => {
  it('D7: asks in every task, without a timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval'] }); // none fires
    let asked = 0;
    await poll(() => ++asked === 50);
    expect(asked).toBe(50);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('D7: leaves the processor alone when a wait is long', async () => {
    const now = vi.spyOn(performance, 'now').mockImplementation(() => (now.mock.calls.length - 1) * 60);
    const timers = vi.spyOn(globalThis, 'setTimeout');
    let asked = 0;
    await poll(() => ++asked === 5);
    expect(timers).toHaveBeenCalledTimes(3);
  });

  it('serves several at a time', async () => {
    const left = [3, 1, 2];
    await Promise.all(left.map((_, i) => poll(() => left[i]!-- === 0)));
    expect(left).toEqual([-1, -1, -1]);
  });
});

describe('layout', () => {
  /** Steps of which each writes a buffer of [rows, pitch], four rows at once where `targets` says so; all in one slot. */
  const schedule = (buffers: readonly (readonly [rows: number, pitch: number])[]): Schedule => ({
    steps: buffers.map(([rows, pitch], buffer) => ({
      kernel: buffer,
      in: [],
      out: [{ buffer, offset: 0, pitch, shape: [rows, pitch], rows, columns: pitch }],
      args: [],
      dispatch: [],
      origin: `step ${buffer}`,
    })),
    inputs: [],
    outputs: [],
    placements: buffers.map(() => ({ slot: 0, bytes: 0 })),
    arenaBytes: 0,
    slots: [{ bytes: 0, storage: 'float' }],
    elements: buffers.map(([rows, pitch]) => rows * pitch),
  });
  const atOnce = { name: 'four', targets: 4 };
  const plain = { name: 'one' };

  it('cuts the rows of a product into quarters, which begin with a row', () => {
    const { spans, sizes } = layOut(schedule([[49, 1280], [3, 8], [1, 12]]), [atOnce, atOnce, atOnce]); // prettier-ignore
    expect(spans).toEqual([13 * 320, 2, 3]);
    expect(sizes).toEqual([{ span: 13 * 320, layers: 4 }]);
  });

  it('leaves what no product writes in one layer', () => {
    const { spans, sizes } = layOut(schedule([[49, 1280], [5, 8]]), [plain, plain]); // prettier-ignore
    expect(spans).toEqual([49 * 320, 49 * 320]);
    expect(sizes).toEqual([{ span: 49 * 320, layers: 1 }]);
  });

  it('makes room for both in one slot, without four times the memory', () => {
    const { spans, sizes } = layOut(schedule([[64, 400], [400, 3000]]), [atOnce, plain]); // prettier-ignore
    expect(spans).toEqual([1600, 75_000]);
    expect(sizes).toEqual([{ span: 75_000, layers: 4 }]);
    const huge = layOut(schedule([[64, 400], [2 ** 15, 2 ** 12]]), [atOnce, plain]); // prettier-ignore
    expect(huge.sizes).toEqual([{ span: FOLD * FOLD, layers: 8 }]);
  });

  it.each([
    ['a part of a buffer', { ...schedule([[8, 8]]), elements: [100] }],
    ['one buffer in two ways', { ...schedule([[8, 8], [2, 32]]), placements: [{ slot: 0, bytes: 0 }] }], // prettier-ignore
  ])('refuses to write %s four rows at once', (_, wrong) => {
    const steps = wrong.steps.map((step) => ({ ...step, out: step.out.map((view) => ({ ...view, buffer: 0 })) }));
    expect(() => layOut({ ...wrong, steps }, [atOnce, atOnce])).toThrow(/step \d: /);
  });
});

describe('spread and gather', () => {
  it('D7: rows of few columns are copied without a view of each', () => {
    const subarray = vi.spyOn(Float32Array.prototype, 'subarray');
    const texels = new Float32Array(4 * 50_176);
    const dense = new Float32Array(3 * 50_176).fill(1);
    spread(dense, 50_176, 3, 4, (offset, data) => texels.set(data, offset));
    gather(texels, 50_176, 3, 4, dense);
    expect(subarray).not.toHaveBeenCalled();
    expect([...texels.slice(-4)]).toEqual([1, 1, 1, 0]);
  });

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
