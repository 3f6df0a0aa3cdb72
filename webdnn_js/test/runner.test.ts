import { describe, expect, it } from 'vitest';
import { argmax } from '../src/math';
import { Runner } from '../src/runner';
import { bindPlan, bindSetup } from '../src/schedule';
import { fakeBackend, manifestOf, planOf, type FakeExecutor, type Script } from './fixture';

async function start(dynamic: boolean, script: Script = {}): Promise<{ runner: Runner; executor: FakeExecutor }> {
  const backend = fakeBackend('fallback', script);
  const [manifest, plan] = [manifestOf(dynamic), planOf(dynamic)];
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
