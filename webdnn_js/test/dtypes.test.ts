/** Inputs and outputs of every dtype: what pages see, and the cells that backends get. */

import { describe, expect, it } from 'vitest';
import { Runner } from '../src/runner';
import { argmax } from '../src/math';
import { bindPlan } from '../src/schedule';
import { fakeBackend, manifestOf, planOf, type FakeExecutor } from './fixture';
import type { BackendContext, Cells } from '../src/backend';
import type { DType } from '../src/plan';

/** Of the tiny model with an input x (2, 4) and an output y (2, 3) of `dtype`; y is the head of x, and `seen` what the backend got. */
async function start(dtype: DType) {
  const backend = fakeBackend('fallback');
  const [manifest, plan] = [manifestOf(), planOf()];
  manifest.inputs[0]!.dtype = manifest.outputs[0]!.dtype = dtype;
  const executor = (await backend.create({ manifest, plan } as unknown as BackendContext)) as FakeExecutor;
  const seen: Cells[] = [];
  executor.run = (inputs, outputs) => {
    seen.push(inputs[0]!.slice());
    outputs[0]!.set(inputs[0]!.subarray(0, 6));
    return Promise.resolve();
  };
  const runner = new Runner({ manifest, plan, backend, executor, fallThrough: [] });
  await runner.finishWeights();
  await runner.settle(bindPlan(manifest, plan, {}, 'arena'));
  return { runner, x: runner.inputs[0]!, y: runner.outputs[0]!, seen };
}

describe('views of dtypes', () => {
  it.each<[DType, readonly number[], object]>([
    ['float32', [0.5, -1, 3, NaN, -0, 1e30, Infinity, 7], Float32Array],
    ['int32', [-(2 ** 31), 2 ** 31 - 1, 16777217, -1, 0, 1, 2, 3], Int32Array],
    ['uint8', [0, 255, 128, 1, 2, 3, 4, 5], Uint8Array],
    ['int8', [-128, 127, -1, 0, 1, 2, 3, 4], Int8Array],
    ['bool', [1, 0, 1, 1, 0, 0, 1, 0], Uint8Array],
  ])('%s: values go in and come out', async (dtype, values, kind) => {
    const { runner, x, y, seen } = await start(dtype);
    expect([x.dtype, y.dtype]).toEqual([dtype, dtype]);
    expect(x.toActual()).toBeInstanceOf(kind);
    expect(x.BYTES_PER_ELEMENT * x.length).toBe(x.byteLength);
    x.set(values);
    await runner.run();
    expect(seen[0]).toEqual(dtype === 'float32' ? Float32Array.from(values) : Int32Array.from(values));
    expect(y.toActual()).toBeInstanceOf(kind);
    expect([...y]).toEqual([...x].slice(0, 6));
    await runner.profile();
    expect([...y]).toEqual([...x].slice(0, 6));
  });

  it('a bool may be given as true and false, as bytes of any value, or as numbers', async () => {
    const { runner, x, seen } = await start('bool');
    x.set([true, false, true, false, false, false, false, true]);
    expect([...x]).toEqual([1, 0, 1, 0, 0, 0, 0, 1]);
    x.set([256, 0.5, -0, NaN], 4);
    expect([...x]).toEqual([1, 0, 1, 0, 1, 1, 0, 1]);
    x.toActual().set([255, 2], 0); // what a page writes itself becomes 1 in the cells
    await runner.run();
    expect([...seen[0]!]).toEqual([1, 1, 1, 0, 1, 1, 0, 1]);
    expect(() => x.set([1, '0', 1, 1, 1, 1, 1, 1] as never)).toThrow("'x': got string at 1, want numbers");
  });

  it.each<[DType, ArrayLike<number | boolean>, string]>([
    ['int32', [1, 2, 0.5], 'got 0.5 at 2, want whole numbers of int32'],
    ['int32', new Float32Array([1, 2147483648]), 'got 2147483648 at 1, want whole numbers of int32'],
    ['int32', [NaN], 'got NaN at 0, want whole numbers of int32'],
    ['uint8', [255, 256], 'got 256 at 1, want whole numbers of uint8'],
    ['uint8', new Int8Array([1, -1]), 'got -1 at 1, want whole numbers of uint8'],
    ['int8', new Uint8Array([127, 128]), 'got 128 at 1, want whole numbers of int8'],
    ['int8', [true], 'got boolean at 0, want whole numbers of int8'],
    ['float32', [true], 'got boolean at 0, want numbers'],
  ])('%s: set(%j) is refused', async (dtype, values, message) => {
    const { x } = await start(dtype);
    x.set([1, 1, 1], 0);
    expect(() => x.set(values, 0)).toThrow(`'x': ${message}`);
    expect([...x.slice(0, 3)]).toEqual([1, 1, 1]);
  });

  it('integers may come from any array that holds them: floats of a picture, another view', async () => {
    const [{ x: bytes }, { x: integers }] = [await start('uint8'), await start('int32')];
    bytes.set(Float32Array.of(0, 1, 2, 3, 252, 253, 254, 255));
    integers.set(bytes);
    expect(integers.toActual()).toEqual(Int32Array.of(0, 1, 2, 3, 252, 253, 254, 255));
    expect([argmax(integers), integers.indexOf(254)]).toEqual([[7], 6]);
  });
});
