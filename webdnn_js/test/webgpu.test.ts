import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sourceFor, workgroupsFor } from '../src/webgpu/device';
import { Nudge } from '../src/webgpu/nudge';
import { Region, WINDOW, checkWindows } from '../src/webgpu/region';

/** A clock that messages move by 0.03 ms each, and a queue that counts. */
function slowTime() {
  const messages: unknown[] = [];
  const port1: { onmessage: ((event: { data: unknown }) => void) | null; close(): void } = {
    onmessage: null,
    close: () => undefined,
  };
  const time = { now: 100, submits: 0, submit: () => void time.submits++, pass };
  vi.stubGlobal('performance', { now: () => time.now });
  vi.stubGlobal(
    'MessageChannel',
    class {
      port1 = port1;
      port2 = { postMessage: (data: unknown) => void messages.push(data) };
    },
  );
  /** Lets so many milliseconds pass, in which messages arrive as long as any are sent. */
  function pass(milliseconds: number): void {
    const end = time.now + milliseconds;
    while (time.now < end && messages.length) {
      time.now += 0.03;
      port1.onmessage?.({ data: messages.shift() });
    }
    time.now = end;
    vi.advanceTimersByTime(milliseconds);
  }
  return time;
}

/** A wait of so many milliseconds; resolves to the submits in it. */
async function wait(nudge: Nudge, time: ReturnType<typeof slowTime>, milliseconds: number): Promise<number> {
  const before = time.submits;
  let end = (): void => undefined;
  const work = new Promise<void>((resolve) => (end = resolve));
  const waiting = nudge.until(work);
  time.pass(milliseconds);
  end();
  await waiting;
  return time.submits - before;
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('D1: while a result is waited for, something is submitted every 0.1 ms, and then no more', async () => {
  const time = slowTime();
  const nudge = new Nudge(time);
  for (let run = 0; run < 3; run++) {
    const submits = await wait(nudge, time, 3);
    expect(submits).toBeGreaterThanOrEqual(20);
    expect(submits).toBeLessThanOrEqual(31);
    time.pass(50);
  }
  expect(time.submits).toBeLessThanOrEqual(93);
});

it('D1: a long wait is left to a timer after 8 ms, one after a long one from the beginning', async () => {
  const time = slowTime();
  const nudge = new Nudge(time);
  expect(await wait(nudge, time, 8)).toBeLessThanOrEqual(81);
  expect(await wait(nudge, time, 100)).toBeLessThanOrEqual(101); // Firefox needs some
  expect(await wait(nudge, time, 3)).toBeLessThanOrEqual(3);
  expect(await wait(nudge, time, 3)).toBeGreaterThanOrEqual(20);
});

it('D1: what fails is told, and ends the nudging too', async () => {
  const time = slowTime();
  const nudge = new Nudge(time);
  await expect(nudge.until(Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  time.pass(50);
  expect(time.submits).toBe(0);
});

it('D1: real messages go round', async () => {
  vi.useRealTimers();
  const queue = { submits: 0, submit: () => void queue.submits++ };
  const nudge = new Nudge(queue);
  const enough = new Promise<void>((resolve) => {
    queue.submit = () => void (++queue.submits === 3 && resolve());
  });
  await nudge.until(enough);
  nudge.close();
});

it.each([
  ['nvidia', 'hopper', 'many'],
  ['amd', 'rdna-3', 'many'],
  ['apple', 'metal-3', 'many'],
  ['', '', 'many'],
  ['intel', 'xe-lpg', 'few'],
  ['intel', 'gen-12-hp', 'many'],
  ['qualcomm', 'adreno-7xx', 'few'],
  ['google', 'swiftshader', 'few'],
])('D2: a GPU of %s %s wants %s workgroups', (vendor, architecture, workgroups) => {
  expect(workgroupsFor({ vendor, architecture })).toBe(workgroups);
});

/** A device that makes records of buffers. */
function device(most: number, largest = most): GPUDevice {
  Object.assign(globalThis, { GPUBufferUsage: { STORAGE: 1, COPY_SRC: 2, COPY_DST: 4 } });
  const limits = { maxBufferSize: largest, maxStorageBufferBindingSize: most };
  return { limits, createBuffer: ({ size }: { size: number }) => ({ size }) } as unknown as GPUDevice;
}

it('E9: what is larger than a binding lies in windows, each a buffer of its own', () => {
  const bytes = 2 * WINDOW + 400;
  const region = new Region(device(WINDOW, 2 * WINDOW), bytes);
  const bindings = region.bindings(bytes, 3) as unknown as { buffer: { size: number }; offset: number; size: number }[];
  expect(bindings.map(({ buffer, offset, size }) => [buffer.size, offset, size])).toEqual([
    [WINDOW, 0, WINDOW],
    [WINDOW, 0, WINDOW],
    [400, 0, 400],
  ]);
  const parts = region.parts(WINDOW - 8, WINDOW + 16).map(({ offset, from, bytes: size }) => [offset, from, size]);
  expect(parts).toEqual([
    [WINDOW - 8, 0, 8],
    [0, 8, WINDOW],
    [0, WINDOW + 8, 8],
  ]);
});

it('E9: where one buffer may be so large, its windows are places in it', () => {
  const bytes = WINDOW + 4;
  const region = new Region(device(2 * WINDOW), bytes);
  const bindings = region.bindings(bytes, 2);
  expect(bindings.map(({ offset, size }) => [offset, size])).toEqual([
    [0, WINDOW],
    [WINDOW, 4],
  ]);
  expect(new Set(bindings.map(({ buffer }) => buffer)).size).toBe(1);
  expect(region.bindings(WINDOW, 1)).toHaveLength(1);
});

it('E9: a kernel without windows needs a device that binds its operands', () => {
  expect(() => checkWindows(device(WINDOW), WINDOW + 4, 1)).toThrow(
    'a buffer of 128.0 MiB is needed; this GPU allows 128.0 MiB',
  );
  expect(() => checkWindows(device(WINDOW), WINDOW + 4, 2)).not.toThrow();
  expect(() => checkWindows(device(2 * WINDOW), WINDOW + 4, 1)).not.toThrow();
});

it.each<[readonly string[], string]>([
  [[], 'plain'],
  [['subgroups'], 'plain'],
  [['shader-f16'], 'half'],
  [['subgroups', 'shader-f16', 'timestamp-query'], 'both'],
])('of the variants of a kernel, a device with %j takes %s', (features, want) => {
  const variants = [
    { features: ['shader-f16', 'subgroups'], source: 'both' },
    { features: ['shader-f16'], source: 'half' },
  ];
  expect(sourceFor({ name: 'sum', source: 'plain', variants }, new Set(features))).toBe(want);
  expect(sourceFor({ name: 'sum', source: 'plain' }, new Set(features))).toBe('plain');
});
