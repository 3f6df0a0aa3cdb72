import { describe, expect, it } from 'vitest';
import { argmax } from '../src/math';
import { Runner } from '../src/runner';
import { bindPlan, bindSetup } from '../src/schedule';
import type { Manifest } from '../src/plan';
import { fakeBackend, manifestOf, planOf, type Draft, type FakeExecutor, type Script } from './fixture';

async function start(
  dynamic: boolean,
  script: Script = {},
  change: (manifest: Draft<Manifest>) => void = () => undefined,
): Promise<{ runner: Runner; executor: FakeExecutor }> {
  const backend = fakeBackend('fallback', script);
  const [manifest, plan] = [manifestOf(dynamic), planOf(dynamic)];
  change(manifest);
  const executor = (await backend.create({
    manifest,
    plan,
    setups: bindSetup(plan),
    fetchFile: () => Promise.reject(new Error('no files')),
    options: {},
  })) as FakeExecutor;
  const runner = new Runner({ manifest, plan, backend, executor, fallThrough: [] });
  await runner.finishWeights();
  await runner.settle(dynamic ? undefined : bindPlan(manifest, plan, {}, 'arena'));
  executor.calls.length = 0;
  return { runner, executor };
}

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

describe('Runner', () => {
  it('computes outputs from inputs', async () => {
    const { runner } = await start(false);
    const [input, output] = [runner.inputs[0]!, runner.getOutput('y')];
    input.set([1, 2, 3, 4, 5, 6, 7, 8]);
    await runner.run();
    expect(output.toActual()).toEqual(Float32Array.of(2, 4, 6, 8, 10, 12));
    expect(argmax(output)).toEqual([5]);
    expect(runner.getInputViews()[0]).toBe(runner.getInput('x'));
    expect(runner.getOutputViews()[0]).toBe(output);
    expect((await runner.profile()).map(({ origin }) => origin)).toEqual(['dense_1', 'loop', 'loop', 'state']);
  });

  it('has views that are like arrays', async () => {
    const { runner } = await start(false);
    const view = runner.inputs[0]!;
    expect(view).toMatchObject({ name: 'x', dtype: 'float32', shape: [2, 4], declaredShape: [2, 4], length: 8 });
    view.set(new Float64Array([9, 8]), 6);
    expect(Array.from(view)).toEqual([0, 0, 0, 0, 0, 0, 9, 8]);
    const seen: number[][] = [];
    view.forEach((value, i) => seen.push([i, value]));
    expect(seen[7]).toEqual([7, 8]);
  });

  it.each<[ArrayLike<number>, number | undefined, string]>([
    [[1], undefined, "'x': got 1 values, want 8 (2×4)"],
    [[], undefined, "'x': got 0 values, want 8 (2×4)"],
    [new Float32Array(9), undefined, "'x': got 9 values, want 8"],
    [[1, 2], 7, "'x': got 2 values at 7, want 8"],
    [[1], -1, "'x': got 1 values at -1, want 8"],
  ])('set(%j, %j) is refused', async (values, offset, message) => {
    const { runner } = await start(false);
    expect(() => runner.inputs[0]!.set(values, offset)).toThrow(message);
  });

  it.each<[unknown, string]>([
    [undefined, 'got undefined'],
    [null, 'got null'],
    [3, 'got 3'],
    ['12345678', 'got text'],
    [{ length: 8 }, 'got undefined at 0'],
    [[1, 2, 3, 4, 5, 6, 7, '8'], 'got string at 7'],
    [new Array(8), 'got undefined at 0'],
    [new BigInt64Array(8), 'got bigint at 0'],
    [new DataView(new ArrayBuffer(8)), 'got [object DataView]'],
  ])('set(%o) is refused: no numbers', async (values, message) => {
    const { runner } = await start(false);
    expect(() => runner.inputs[0]!.set(values as number[])).toThrow(`'x': ${message}, want numbers`);
  });

  it.each([0.5, NaN, Infinity])('set([1], %d) is refused', async (offset) => {
    const { runner } = await start(false);
    expect(() => runner.inputs[0]!.set([1], offset)).toThrow(`got 1 values at ${offset}`);
  });

  it('takes the values of another view', async () => {
    const [{ runner: one }, { runner: other }] = [await start(false), await start(false)];
    one.inputs[0]!.set([1, 2, 3, 4, 5, 6, 7, 8]);
    other.inputs[0]!.set(one.inputs[0]!);
    expect([...other.inputs[0]!]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('knows its inputs and outputs by name', async () => {
    const { runner } = await start(false);
    expect(() => runner.getInput('z')).toThrow("unknown input 'z'; known: x");
    expect(() => runner.getOutput('toString')).toThrow("unknown output 'toString'; known: y");
  });

  it('refuses two runs at once, then goes on', async () => {
    const { runner } = await start(false, { run: later });
    const first = runner.run();
    await expect(runner.run()).rejects.toMatchObject({ code: 'busy' });
    await expect(runner.profile()).rejects.toMatchObject({ code: 'busy' });
    await expect(runner.setPlaceholderValue({})).rejects.toMatchObject({ code: 'busy' });
    await first;
    await runner.run();
  });

  it('wraps what an executor throws', async () => {
    const cause = new TypeError('device lost');
    const { runner } = await start(false, { run: () => Promise.reject(cause) });
    await expect(runner.run()).rejects.toMatchObject({ code: 'backend', message: 'fallback: device lost', cause });
    await expect(runner.run()).rejects.toMatchObject({ code: 'backend' });
  });
});

describe('placeholders', () => {
  it('must be set before a run', async () => {
    const { runner, executor } = await start(true);
    await expect(runner.run()).rejects.toThrow('call setPlaceholderValue first; not set: N');
    expect(() => runner.inputs[0]!.length).toThrow("'x' has no size yet (N×4)");
    expect(runner.inputs[0]!.declaredShape).toEqual(['N', 4]);
    expect(executor.calls).toEqual([]);
  });

  it('resize inputs and outputs, which stay the same objects', async () => {
    const { runner, executor } = await start(true);
    const input = runner.inputs[0]!;
    await runner.setPlaceholderValue({ N: 2 });
    expect([input.shape, runner.outputs[0]!.shape]).toEqual([
      [2, 4],
      [2, 3],
    ]);
    await runner.setPlaceholderValue({ N: 4 });
    expect(input.length).toBe(16);
    expect(executor.schedule!.steps).toHaveLength(6);
    await runner.run();
  });

  it.each<[Record<string, number>, string]>([
    [{ M: 1 }, "unknown placeholder 'M'; known: N"],
    [{ N: 9 }, 'placeholder N: got 9'],
    [{ N: 3 }, 'halves are taken'],
  ])('%j is refused, and the old value stays', async (values, message) => {
    const { runner } = await start(true);
    await runner.setPlaceholderValue({ N: 2 });
    await expect(runner.setPlaceholderValue(values)).rejects.toThrow(message);
    expect(runner.inputs[0]!.shape).toEqual([2, 4]);
    await runner.run();
  });

  it.each([null, undefined, 4, 'N', [2]])('%j is no placeholder values', async (values) => {
    const { runner } = await start(true);
    await expect(runner.setPlaceholderValue(values as never)).rejects.toMatchObject({ code: 'placeholder' });
  });

  it('of a model that has none', async () => {
    const { runner } = await start(false);
    await expect(runner.setPlaceholderValue({ N: 2 })).rejects.toThrow("unknown placeholder 'N'; known: none");
  });

  it('must be set again when the device could not make the memory', async () => {
    let works = true;
    const { runner } = await start(true, { bind: () => works || Promise.reject(new Error('out of memory')) });
    await runner.setPlaceholderValue({ N: 2 });
    works = false;
    await expect(runner.setPlaceholderValue({ N: 4 })).rejects.toThrow('fallback: out of memory');
    await expect(runner.run()).rejects.toThrow('call setPlaceholderValue again: N = 4 failed');
    works = true;
    await runner.setPlaceholderValue({ N: 2 });
    await runner.run();
  });
});

const never = (): Promise<never> => new Promise(() => undefined);
const disposals = ({ calls }: FakeExecutor): number => calls.filter((call) => call === 'dispose').length;

describe('the end of a runner', () => {
  it.each(['run', 'profile'] as const)('C7: dispose() rejects a %s that never ends, at once', async (name) => {
    const { runner, executor } = await start(false, { run: never });
    const pending = runner[name]();
    await later();
    runner.dispose();
    runner.dispose();
    await expect(pending).rejects.toMatchObject({ code: 'disposed' });
    expect(disposals(executor)).toBe(1);
    for (const call of [runner.run(), runner.profile(), runner.setPlaceholderValue({})]) {
      await expect(call).rejects.toMatchObject({ code: 'disposed' });
    }
  });

  it('C7: dispose() rejects sizes that are never bound, and the run that waits for them', async () => {
    const { runner, executor } = await start(true, { bind: never });
    const [sizing, running] = [runner.setPlaceholderValue({ N: 2 }), runner.run()];
    running.catch(() => undefined);
    await later();
    runner.dispose();
    await expect(sizing).rejects.toMatchObject({ code: 'disposed' });
    await expect(running).rejects.toMatchObject({ code: 'disposed' });
    expect(disposals(executor)).toBe(1);
  });

  it('C7: what comes after the end changes nothing', async () => {
    let finish = (): void => undefined;
    const { runner } = await start(false, { run: () => new Promise<void>((resolve) => (finish = resolve)) });
    const pending = runner.run();
    pending.catch(() => undefined);
    await later();
    runner.dispose();
    finish();
    await later();
    await expect(runner.run()).rejects.toMatchObject({ code: 'disposed' });
  });

  it('C7: a lost device ends what is pending, and every later call says so', async () => {
    const { runner, executor } = await start(false, { run: never });
    const pending = runner.run();
    pending.catch(() => undefined);
    await later();
    executor.lose('the driver restarted; load the model again');
    const lost = { code: 'backend', message: 'fallback: the driver restarted; load the model again' };
    await expect(pending).rejects.toMatchObject(lost);
    await expect(runner.run()).rejects.toMatchObject(lost);
    await expect(runner.setPlaceholderValue({})).rejects.toMatchObject(lost);
    expect(disposals(executor)).toBe(1);
    runner.dispose();
    expect(disposals(executor)).toBe(1);
    await expect(runner.run()).rejects.toMatchObject({ code: 'disposed' });
  });

  it('C7: a device that is lost while nothing runs', async () => {
    const { runner, executor } = await start(false);
    executor.lose('gone');
    await later();
    await expect(runner.run()).rejects.toMatchObject({ code: 'backend', message: 'fallback: gone' });
  });
});

describe('sizes', () => {
  it('C12: values that are set already are not set again: inputs keep what is in them', async () => {
    const { runner, executor } = await start(true);
    await runner.setPlaceholderValue({ N: 2 });
    const [input] = runner.inputs;
    const array = input!.toActual();
    input!.set([1, 2, 3, 4, 5, 6, 7, 8]);
    await runner.setPlaceholderValue({ N: 2 });
    await runner.setPlaceholderValue({});
    expect(input!.toActual()).toBe(array);
    expect([...array]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(executor.calls).toEqual(['bind']);
  });

  it.each([2 ** 31 - 2, 2 ** 40, Number.MAX_SAFE_INTEGER - 1])('C12: N = %d is refused by its name', async (N) => {
    const { runner } = await start(true, {}, (manifest) => (manifest.placeholders.N!.maximum = null));
    await expect(runner.setPlaceholderValue({ N })).rejects.toMatchObject({
      code: 'placeholder',
      message: expect.stringMatching(`N = ${N} is too large: the model needs .* GiB of memory`) as string,
    });
    await runner.setPlaceholderValue({ N: 2 });
    await runner.run();
  });

  it('C9: the array of an input that has another size now is detached: who still writes there is told', async () => {
    const { runner } = await start(true);
    await runner.setPlaceholderValue({ N: 2 });
    const [input, output] = [runner.inputs[0]!.toActual(), runner.outputs[0]!.toActual()];
    await runner.run();
    await runner.setPlaceholderValue({ N: 4 });
    expect(() => input.set([1])).toThrow(TypeError);
    expect(output).toHaveLength(6); // what was computed stays readable
    expect([...runner.inputs[0]!]).toEqual(new Array(16).fill(0));
  });

  it('C9: an array that was transferred away is named', async () => {
    const { runner } = await start(false);
    const array = runner.inputs[0]!.toActual();
    structuredClone(array, { transfer: [array.buffer as ArrayBuffer] });
    await expect(runner.run()).rejects.toMatchObject({
      code: 'input',
      message: expect.stringContaining("'x'") as string,
    });
  });

  it('C4: inputs may be set, and a run begun, while the sizes are still being bound', async () => {
    const { runner } = await start(true, { bind: later });
    const sizing = runner.setPlaceholderValue({ N: 2 });
    runner.inputs[0]!.set([1, 2, 3, 4, 5, 6, 7, 8]);
    await runner.run();
    expect([...runner.outputs[0]!]).toEqual([2, 4, 6, 8, 10, 12]);
    await sizing;
  });
});

describe('views', () => {
  it('C4: are used as Float32Arrays', async () => {
    const { runner } = await start(false);
    const view = runner.inputs[0]!;
    const array = Float32Array.of(3, 1, 4, 1, 5, 9, 2, 6);
    for (let i = 0; i < view.length; i++) view[i] = array[i]!;
    view[8] = 7; // beyond the end, as in an array
    expect(view.toActual()).toEqual(array);
    expect([view[4], view[8], view[-1], 0 in view]).toEqual([5, undefined, undefined, true]);
    expect([view.indexOf(4), view.includes(9), view.at(-1), view.join('-')]).toEqual([2, true, 6, '3-1-4-1-5-9-2-6']);
    expect(view.slice(2, 4)).toEqual(Float32Array.of(4, 1));
    expect(view.map((x) => 2 * x)).toEqual(array.map((x) => 2 * x));
    expect(view.filter((x) => x > 4)).toEqual(Float32Array.of(5, 9, 6));
    expect(view.reduce((a, b) => a + b)).toBe(31);
    expect([...view.entries()][2]).toEqual([2, 4]);
    expect([Math.max(...view), Array.from(view), new Float32Array(view)]).toEqual([9, [...array], array]);
    expect([].map.call(view, (x: number) => x + 1)).toEqual([...array].map((x) => x + 1));
    view.subarray(0, 2).fill(8);
    expect([view[0], view[1], view[2]]).toEqual([8, 8, 4]);
    expect(view.fill(1)).toBe(view);
    expect([view.every((x) => x === 1), view.some((x) => x !== 1), view.find((x) => x > 1)]).toEqual([
      true,
      false,
      undefined,
    ]);
    expect([view.byteLength, view.byteOffset, view.BYTES_PER_ELEMENT]).toEqual([32, 0, 4]);
    expect(view.buffer).toBe(view.toActual().buffer);
    const other = new Float32Array(10);
    other.set(view, 1);
    expect(other[8]).toBe(1);
  });

  it('C4: take lists of lists, row after row', async () => {
    const { runner } = await start(false);
    runner.inputs[0]!.set([
      [1, 2, 3, 4],
      [[5, 6], Float32Array.of(7, 8)],
    ]);
    expect([...runner.inputs[0]!]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(() =>
      runner.inputs[0]!.set([
        [1, 2, 3, 4],
        [5, 6, 7],
      ]),
    ).toThrow("'x': got 7 values, want 8 (2×4)");
    expect(() =>
      runner.inputs[0]!.set([
        [1, 2, 3, 4],
        [5, 6, 7, '8'],
      ]),
    ).toThrow("'x': got string at 7, want numbers");
  });
});
