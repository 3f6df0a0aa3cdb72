/** Kernels of the fallback backend against values computed by hand. Every op against its definition: tests/backend/test_cases.py. */

import { describe, expect, it } from 'vitest';
import { fallback } from '../src/fallback';
import { FallbackSession } from '../src/fallback/session';
import { FLOATS, functionOf } from '../src/fallback/functions';
import { KERNELS } from '../src/fallback/kernels';
import { cellsOf, mergeAxes, walkRows, type Operand } from '../src/fallback/operand';
import { bindPlan } from '../src/schedule';
import type { Draft } from './fixture';
import { manifestOf, planOf } from './fixture';
import type { Cells } from '../src/dtypes';
import type { DType, Plan, Step } from '../src/plan';

/** What stands between the rows of an operand: nothing that a kernel would write there. */
const GAP = { float: NaN, int: -777_777 };
const gapOf = (data: Cells): number => (data instanceof Int32Array ? GAP.int : GAP.float);
const isGap = (value: number): boolean => Number.isNaN(value) || value === GAP.int;

/** An operand of `shape`, of floats or integers; with a `pitch`, its rows stand apart. */
function operand(
  shape: readonly number[],
  values?: readonly number[],
  pitch?: number,
  Kind: Float32ArrayConstructor | Int32ArrayConstructor = Float32Array,
): Operand {
  const columns = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const distance = pitch ?? columns;
  const offset = pitch ? 3 : 0;
  const data: Cells = new Kind(offset + rows * distance);
  data.fill(gapOf(data));
  for (let i = 0; values && i < rows * columns; i++) {
    data[offset + Math.floor(i / columns) * distance + (i % columns)] = values[i]!;
  }
  return { ...cellsOf(data), offset, pitch: distance, shape, rows, columns };
}

const integers = (shape: readonly number[], values?: readonly number[], pitch?: number): Operand =>
  operand(shape, values, pitch, Int32Array);

function valuesOf({ data, offset, pitch, rows, columns }: Operand): number[] {
  return Array.from(
    { length: rows * columns },
    (_, i) => data[offset + Math.floor(i / columns) * pitch + (i % columns)]!,
  );
}

/** The values of kernel `name`'s output, which is written into a view with gaps; the gaps must stay as they were. */
function compute(
  name: string,
  attributes: Record<string, unknown>,
  inputs: readonly Operand[],
  shape: readonly number[],
  args: readonly number[] = [],
  make = operand,
): number[] {
  const output = make(shape, undefined, (shape.at(-1) ?? 1) + 2);
  Array.from(KERNELS[name]!(attributes)(inputs, output, args) ?? []);
  expect([...output.data].filter((value) => !isGap(value))).toHaveLength(output.rows * output.columns);
  return valuesOf(output);
}

const plain = { strides: [1, 1], dilation: [1, 1], epilogue: null };

describe('convolution', () => {
  // 1 2 3
  // 4 5 6
  // 7 8 9
  const image = operand([1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9], 4);
  const kernel = operand([2, 2, 1, 2], [1, 0, 0, 0, 0, 0, 10, 1]); // sums: x[0,0] + 10·x[1,1], and x[1,1]

  it('reads a window', () => {
    expect(compute('conv2d', plain, [image, kernel], [1, 2, 2, 2], [0, 0])).toEqual([51, 5, 62, 6, 84, 8, 95, 9]);
  });
  it('pads with zeros, at the top and left', () => {
    const strided = { ...plain, strides: [2, 2] };
    expect(compute('conv2d', strided, [image, kernel], [1, 2, 2, 2], [1, 1])).toEqual([10, 1, 30, 3, 70, 7, 95, 9]);
  });
  it('keeps groups of channels apart', () => {
    const x = operand([1, 1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8], 6);
    const weights = operand([1, 2, 2, 2], [1, 2, 3, 4, 10, 20, 30, 40], 3);
    const result = compute('conv2d', { ...plain, groups: 2 }, [x, weights], [1, 1, 1, 2], [0, 0]);
    expect(result).toEqual([1 + 2 * 3 + 5 * 10 + 6 * 30, 3 * 2 + 4 * 4 + 7 * 20 + 8 * 40]);
    const pixels = compute(
      'conv2d',
      { ...plain, groups: 4 },
      [x, operand([1, 1, 1, 4], [1, 2, 3, 4])],
      [1, 1, 2, 4],
      [0, 0],
    );
    expect(pixels).toEqual([1, 4, 9, 16, 5, 12, 21, 32]);
  });
  it('finishes with the epilogue', () => {
    const epilogue = [
      ['add', 'float32', 0, 1],
      ['min', 'float32', 2, { value: 60 }],
    ];
    const bias = operand([2], [-1, 0.5]);
    const result = compute('conv2d', { ...plain, epilogue }, [image, kernel, bias], [1, 2, 2, 2], [0, 0]);
    expect(result).toEqual([50, 5.5, 60, 6.5, 60, 8.5, 60, 9.5]);
  });
  it('adds kernels when transposed, and crops', () => {
    const x = operand([1, 1, 2, 1], [1, 2]);
    const row = operand([1, 3, 1, 1], [1, 10, 100]);
    const strided = { ...plain, strides: [2, 2] };
    expect(compute('conv2d_transpose', strided, [x, row], [1, 1, 5, 1], [0, 0])).toEqual([1, 10, 102, 20, 200]);
    expect(compute('conv2d_transpose', strided, [x, row], [1, 1, 3, 1], [0, 1])).toEqual([10, 102, 20]);
    expect(compute('conv2d_transpose', strided, [x, row], [1, 1, 4, 1], [0, -1])).toEqual([0, 1, 10, 102]);
  });
  it('keeps channels apart when depthwise', () => {
    const x = operand([1, 1, 2, 2], [1, 2, 3, 4]);
    const weights = operand([1, 2, 2, 2], [1, 2, 3, 4, 10, 20, 30, 40]);
    expect(compute('depthwise_conv2d', plain, [x, weights], [1, 1, 1, 4], [0, 0])).toEqual([31, 62, 126, 168]);
  });
});

describe('matmul', () => {
  it('takes rows by twos and by one, columns by fours and by one', () => {
    const x = operand([3, 5], [1, 0, 0, 0, 2, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1], 8);
    const weights = operand([5, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 3);
    expect(compute('matmul', { epilogue: null }, [x, weights], [3, 2])).toEqual([19, 22, 3, 4, 25, 30]);
  });
});

describe('pooling', () => {
  const x = operand([1, 2, 2, 1], [-4, -3, -2, -1]);
  const attributes = { size: [2, 2], strides: [2, 2] };
  it('never lets padding win a maximum', () => {
    expect(compute('pool2d', { ...attributes, kind: 'max' }, [x], [1, 2, 2, 1], [1, 1])).toEqual([-4, -3, -2, -1]);
  });
  it('counts padding in an average only if told', () => {
    const average = { ...attributes, kind: 'average' };
    const shape = [1, 2, 2, 1];
    expect(compute('pool2d', { ...average, count_padding: false }, [x], shape, [1, 1])).toEqual([-4, -3, -2, -1]);
    expect(compute('pool2d', { ...average, count_padding: true }, [x], shape, [1, 1])).toEqual([
      -1, -0.75, -0.5, -0.25,
    ]);
  });
});

describe('elementwise', () => {
  it('broadcasts as NumPy does', () => {
    const column = operand([2, 1], [10, 20]);
    const row = operand([3], [1, 2, 3]);
    expect(compute('elementwise', { program: [['sub', 'float32', 0, 1]] }, [column, row], [2, 3])).toEqual([
      9, 8, 7, 19, 18, 17,
    ]);
  });
  it('may overwrite an input that is read twice', () => {
    const x = operand([2, 2], [1, 2, 3, 4], 5);
    const program = [
      ['add', 'float32', 0, { value: 1 }],
      ['mul', 'float32', 1, 0],
    ];
    KERNELS.elementwise!({ program })([x], x, []);
    expect(valuesOf(x)).toEqual([2, 6, 12, 20]);
  });
  it('runs over more elements than it takes at a time', () => {
    const values = Array.from({ length: 1300 }, (_, i) => i);
    const program = [
      ['neg', 'float32', 0],
      ['add', 'float32', 1, { value: 1300 }],
    ];
    const want = values.map((value) => 1300 - value);
    expect(compute('elementwise', { program }, [operand([1300], values)], [1300])).toEqual(want);
    expect(compute('elementwise', { program }, [operand([1300, 1], values, 2)], [1300, 1])).toEqual(want);
  });
  it('refuses functions that it does not have', () => {
    const run = () => compute('elementwise', { program: [['toString', 'float32', 0]] }, [operand([1], [0])], [1]);
    expect(run).toThrow("unknown elementwise function 'toString' of float32");
  });
  it.each([
    [0.1, 0.1124629160182849],
    [1, 0.8427007929497149],
    [-2.5, -0.9995930479825551],
    [3.9, 0.9999999652077514],
    [Infinity, 1],
  ])('erf(%d)', (x, want) => expect(Math.abs(FLOATS.erf(x) - want)).toBeLessThan(1e-15));
});

describe('reductions', () => {
  const x = operand([2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 5);
  it.each([
    ['sum', [1], [2, 3], [5, 7, 9, 17, 19, 21]],
    ['mean', [0, 2], [1, 2, 1], [5, 8]],
    ['max', [2], [2, 2], [3, 6, 9, 12]],
    ['min', [0, 1, 2], [], [1]],
  ])('%s over %j', (kind, axes, shape, want) => {
    expect(compute('reduce', { kind, axes, dtype: 'float32' }, [x], shape)).toEqual(want);
  });
  it('softmax survives large values', () => {
    expect(compute('softmax', {}, [operand([1, 3], [1000, 1000, -1000])], [1, 3])).toEqual([0.5, 0.5, 0]);
  });
});

describe('moving elements', () => {
  const x = operand([2, 3], [1, 2, 3, 4, 5, 6], 4);
  it('transpose', () => expect(compute('transpose', { permutation: [1, 0] }, [x], [3, 2])).toEqual([1, 4, 2, 5, 3, 6]));
  it('slice', () => expect(compute('slice', {}, [x], [1, 2], [1, 1])).toEqual([5, 6]));
  it('pad', () =>
    expect(compute('pad', { value: -1 }, [x], [3, 4], [1, 0])).toEqual([-1, -1, -1, -1, 1, 2, 3, -1, 4, 5, 6, -1]));
  it('copy to rows of another length', () => expect(compute('copy', {}, [x], [3, 2])).toEqual([1, 2, 3, 4, 5, 6]));
  it('resize', () => {
    const image = operand([1, 1, 2, 1], [0, 4]);
    // Output i looks at (i · step + start) / divisor: vertically at itself, horizontally at i / 2, then at (i + ½) / 2 − ½.
    expect(compute('resize2d', { mode: 'nearest' }, [image], [1, 1, 4, 1], [1, 0, 1, 2, 0, 4])).toEqual([0, 0, 4, 4]);
    const centres = [1, 0, 1, 4, -2, 8];
    expect(compute('resize2d', { mode: 'bilinear' }, [image], [1, 1, 4, 1], centres)).toEqual([0, 1, 3, 4]);
    const keys = { mode: 'bicubic', cubic: -0.5, exclude_outside: false };
    expect(compute('resize2d', keys, [image], [1, 1, 2, 1], [1, 0, 1, 1, 0, 1])).toEqual([0, 4]);
  });
});

describe('indices', () => {
  const x = operand([2, 3], [1, 5, 5, 6, 4, 2], 4);
  it('gather, and move into the axis what lies outside', () => {
    expect(compute('gather', { axis: 0 }, [x, integers([2], [1, -3])], [2, 3])).toEqual([6, 4, 2, 1, 5, 5]);
    expect(compute('gather', { axis: 1 }, [x, integers([2], [0, 9])], [2, 2])).toEqual([1, 5, 6, 2]);
    expect(compute('gather_elements', {}, [x, integers([2, 1], [2, 0])], [2, 1])).toEqual([5, 6]);
  });
  it('of the largest: the first of equal ones', () => {
    expect(compute('arg_reduce', { kind: 'max', axis: 1 }, [x], [2])).toEqual([1, 0]);
    expect(compute('arg_reduce', { kind: 'min', axis: 0 }, [x], [3])).toEqual([0, 1, 1]);
    expect(compute('arg_sort', {}, [x], [2, 3])).toEqual([1, 2, 0, 0, 1, 2]);
  });
  it('cumulative sums', () => {
    const sums = (axis: number, exclusive: boolean, reverse: boolean): number[] =>
      compute('cumulative_sum', { axis, exclusive, reverse, dtype: 'float32' }, [x], [2, 3]);
    expect(sums(1, false, false)).toEqual([1, 6, 11, 6, 10, 12]);
    expect(sums(1, true, true)).toEqual([10, 5, 0, 6, 2, 0]);
    expect(sums(0, false, false)).toEqual([1, 5, 5, 7, 9, 7]);
  });
});

describe('integers', () => {
  const [low, high] = [-(2 ** 31), 2 ** 31 - 1];

  it.each<[string, DType, readonly number[], number]>([
    ['add', 'int32', [high, 1], low],
    ['add', 'uint8', [250, 10], 4],
    ['add', 'int8', [127, 1], -128],
    ['sub', 'uint8', [0, 1], 255],
    ['mul', 'int32', [123456789, 987654321], -67153019],
    ['square', 'int32', [65537], 131073],
    ['square', 'uint8', [16], 0],
    ['neg', 'int32', [low], low],
    ['neg', 'int8', [-128], -128],
    ['abs', 'int32', [low], low],
    ['mod', 'int32', [-7, 3], 2],
    ['mod', 'int32', [7, -3], -2],
    ['mod', 'int32', [5, 0], 0],
    ['mod', 'int32', [low, -1], 0],
    ['floor_div', 'int32', [-7, 2], -4],
    ['floor_div', 'int32', [low, -1], low],
    ['floor_div', 'int32', [-5, 0], 0],
    ['floor_div', 'int8', [-128, -1], -128],
    ['trunc_div', 'int32', [-7, 2], -3],
    ['trunc_div', 'int32', [low, -1], low],
    ['trunc_mod', 'int32', [-7, 3], -1],
    ['trunc_mod', 'int32', [-7, 0], 0],
    ['shift_left', 'int32', [1, 31], low],
    ['shift_left', 'int32', [1, 32], 0],
    ['shift_left', 'int32', [1, -1], 0],
    ['shift_left', 'uint8', [129, 1], 2],
    ['shift_left', 'int8', [64, 1], -128],
    ['shift_right', 'int32', [low, 40], -1],
    ['shift_right', 'int8', [-128, 9], -1],
    ['shift_right', 'uint8', [255, 8], 0],
    ['bitwise_not', 'uint8', [1], 254],
    ['logical_not', 'bool', [1], 0],
    ['to_uint8', 'int8', [-1], 255],
    ['to_int8', 'uint8', [200], -56],
    ['to_int32', 'uint8', [200], 200],
    ['to_uint8', 'float32', [300.7], 255],
    ['to_int8', 'float32', [-1e9], -128],
    ['to_int32', 'float32', [-3e9], low],
    ['to_int32', 'float32', [NaN], 0],
    ['to_float32', 'int32', [16777217], 16777216],
    ['to_bool', 'float32', [NaN], 1],
  ])('%s of %s %j is %d', (name, dtype, [x, y], want) => {
    expect(functionOf(name, dtype)(x!, y!, 0) + 0).toBe(want);
  });

  it('a function is one of floats or of integers', () => {
    expect(() => functionOf('exp', 'int32')).toThrow("unknown elementwise function 'exp' of int32");
    expect(() => functionOf('bitwise_and', 'float32')).toThrow('of float32');
  });

  it('a program may change its dtype on the way', () => {
    const program = [
      ['add', 'uint8', 0, { value: 1 }],
      ['to_float32', 'uint8', 1],
      ['mul', 'float32', 2, { value: 0.5 }],
    ];
    expect(compute('elementwise', { program }, [integers([3], [255, 1, 2])], [3])).toEqual([0, 1, 1.5]);
  });

  it('sums of products wrap around; an epilogue may make floats of them', () => {
    const x = integers([2, 3], [high, 2, 3, 1, 0, -1], 5);
    const weights = integers([3, 2], [1, 65536, 1, 65536, 0, 1]);
    expect(compute('matmul', { epilogue: null }, [x, weights], [2, 2], [], integers)).toEqual([
      low + 1,
      65539,
      1,
      65535,
    ]);
    const epilogue = [
      ['add', 'int32', 0, 1],
      ['to_float32', 'int32', 2],
      ['mul', 'float32', 3, { value: 0.5 }],
    ];
    const bias = integers([2], [1, 0]);
    const halves = compute('matmul', { epilogue }, [x, weights, bias], [2, 2]);
    expect(halves).toEqual([-1073741824, 32769.5, 1, 32767.5]); // of −2147483646, whose nearest float is −2³¹
  });

  it('reductions and cumulative sums wrap around', () => {
    const x = integers([2, 3], [200, 100, 3, 2, 128, 1], 4);
    const sum = { axes: [1], dtype: 'uint8' };
    expect(compute('reduce', { kind: 'sum', ...sum }, [x], [2], [], integers)).toEqual([47, 131]);
    expect(compute('reduce', { kind: 'prod', ...sum }, [x], [2], [], integers)).toEqual([96, 0]);
    expect(compute('reduce', { kind: 'max', ...sum }, [x], [2], [], integers)).toEqual([200, 128]);
    const along = { axis: 1, exclusive: false, reverse: false, dtype: 'uint8' };
    expect(compute('cumulative_sum', along, [x], [2, 3], [], integers)).toEqual([200, 44, 47, 2, 130, 131]);
  });

  it('views of factors, in any order of their axes', () => {
    const x = integers([2, 2, 1], [1, 2, 3, 4], 3); // seen as (1, 2, 2): 1 3, 2 4
    const y = integers([2, 2], [1, 10, 100, 1000]); // seen as 1 100, 10 1000
    const attributes = { left: [2, 1, 0], right: [1, 0], epilogue: null };
    expect(compute('batch_matmul', attributes, [x, y], [1, 2, 2], [], integers)).toEqual([31, 3100, 42, 4200]);
  });

  it('scattered updates join in order, where their index lies after it was moved into the axis', () => {
    const [data, indices] = [integers([1, 3], [1, 2, 3]), integers([1, 4], [1, -5, 9, 1])];
    const updates = integers([1, 4], [10, 20, 30, 40]);
    const scattered = (reduction: string) =>
      compute('scatter_elements', { reduction, dtype: 'int32' }, [data, indices, updates], [1, 3], [], integers);
    expect(scattered('none')).toEqual([20, 40, 30]);
    expect(scattered('add')).toEqual([21, 52, 33]);
    expect(scattered('max')).toEqual([20, 40, 30]);
    const rows = [operand([2, 2], [1, 2, 3, 4]), integers([2], [1, 1]), operand([2, 2], [2, 3, 4, 5])];
    expect(compute('scatter_rows', { reduction: 'mul', dtype: 'float32' }, rows, [2, 2])).toEqual([1, 2, 24, 60]);
  });

  it('fill and iota make them', () => {
    expect(compute('fill', { value: -7 }, [], [2, 2], [], integers)).toEqual([-7, -7, -7, -7]);
    expect(compute('iota', {}, [], [4], [], integers)).toEqual([0, 1, 2, 3]);
  });
});

describe('bits', () => {
  // As floats: a NaN that signals, −0, a subnormal, infinity.
  const patterns = [0x7fa00001, -0x80000000, 1, 0x7f800000];
  const x = operand([2, 2], [0, 0, 0, 0]);
  x.bits.set(patterns);

  it.each<[string, Record<string, unknown>, readonly Operand[], readonly number[]]>([
    ['copy', {}, [x], []],
    ['copy', {}, [{ ...x, shape: [4], rows: 1, columns: 4, pitch: 4 }], []],
    ['move', {}, [x], [2, 2, 2, 2, 1, 1]],
    ['slice', {}, [x], [0, 0]],
    ['pad', { value: 0 }, [x], [0, 0]],
    ['transpose', { permutation: [0, 1] }, [x], []],
    ['gather', { axis: 0 }, [x, integers([2], [0, 1])], []],
    ['gather_elements', {}, [x, integers([2, 2], [0, 1, 0, 1])], []],
    ['scatter_elements', { reduction: 'none' }, [x, integers([2, 1], [0, 0]), operand([2, 1], [0, 0])], []],
  ])('%s %j keeps those of every float', (name, attributes, inputs, args) => {
    const y = operand([2, 2]);
    if (name === 'scatter_elements') inputs[2]!.bits.set([patterns[0]!, patterns[2]!]);
    Array.from(KERNELS[name]!(attributes)(inputs, y, args) ?? []);
    expect([...y.bits]).toEqual(patterns);
  });
});

describe('walks', () => {
  it('over dense memory are one row', () => {
    expect(mergeAxes([2, 1, 3, 4], [{ offset: 5, strides: [12, 99, 4, 1] }])).toEqual({
      shape: [24],
      walkers: [{ offset: 5, strides: [1] }],
    });
  });
  it('visit rows in order', () => {
    const visited: number[][] = [];
    const walkers = [
      { offset: 0, strides: [100, 10, 1] },
      { offset: 7, strides: [0, 1, 0] },
    ];
    walkRows([2, 2, 9], walkers, (offsets) => visited.push([...offsets]));
    expect(visited).toEqual([
      [0, 7],
      [10, 8],
      [100, 7],
      [110, 8],
    ]);
  });
});

describe('the session', () => {
  const start = (change: (plan: Draft<Plan>) => void): FallbackSession => {
    const plan = planOf();
    plan.buffers.splice(1, 1, { kind: 'state', storage: 'float', elements: 16 });
    plan.kernels = [{ name: 'matmul' }, { name: 'copy' }];
    change(plan);
    const session = new FallbackSession();
    session.start({ plan, weights: manifestOf().weights });
    return session;
  };
  it('starts', () => expect(start(() => undefined)).toBeDefined());
  it('names a kernel that it does not have', () =>
    expect(() => start((plan) => (plan.kernels[1]!.name = 'constructor'))).toThrow(
      "plan.kernels[1]: fallback has no kernel 'constructor'; it has arg_reduce, arg_sort, batch_matmul",
    ));
  it('names the step that a kernel cannot make', async () => {
    const [manifest, plan] = [manifestOf(), planOf()];
    plan.buffers.splice(1, 1, { kind: 'state', storage: 'float', elements: 16 });
    plan.setup = [];
    plan.kernels = [{ name: 'transpose' }, { name: 'copy' }];
    const session = new FallbackSession();
    session.start({ plan, weights: manifest.weights });
    session.bind(bindPlan(manifest, plan, {}, 'arena'), []);
    const refused = { code: 'descriptor', message: expect.stringMatching("step 'dense_1' do.* 'transpose'") as string };
    await expect(session.run([new Float32Array(8)])).rejects.toMatchObject(refused);
    (plan.steps[0] as Draft<Step>).out = [];
    expect(() => session.bind(bindPlan(manifest, plan, {}, 'arena'), [])).toThrow('has 0 outputs');
  });
  it('refuses an option, for there are none', () =>
    expect(() => fallback.prepare!({ options: { turbo: true } })).toThrow(
      "unknown option of fallback 'turbo'; known: none",
    ));
  it('refuses packed buffers, which it has no use for', () =>
    expect(() =>
      start((plan) => plan.buffers.splice(1, 1, { kind: 'packed', storage: 'float', elements: 16 })),
    ).toThrow('plan.buffers[1]: fallback has no use for kind packed'));
});

describe('numbers that are not finite', () => {
  it('A5: literals of programs and paddings are text in JSON', () => {
    const program = [['clip', 'float32', 0, { value: '-inf' }, { value: 1 }]];
    expect(compute('elementwise', { program }, [operand([3], [-Infinity, 5, 0])], [3])).toEqual([-Infinity, 1, 0]);
    const chosen = compute(
      'elementwise',
      { program: [['where', 'float32', 0, { value: 'inf' }, { value: 2 }]] },
      [integers([3], [1, 0, 1])],
      [3],
    );
    expect(chosen).toEqual([Infinity, 2, Infinity]);
    expect(compute('pad', { value: '-inf' }, [operand([1], [7])], [3], [1])).toEqual([-Infinity, 7, -Infinity]);
  });
  it('A5: another text is refused', () => {
    for (const value of ['Infinity', '', 'toString', null]) {
      const run = () => compute('pad', { value }, [operand([1], [7])], [3], [1]);
      expect(run).toThrow(`expected a number, "inf", "-inf" or "nan", got ${JSON.stringify(value)}`);
    }
  });
  it('A8: NaN is the largest and the smallest element, and the last in an order', () => {
    const row = operand([1, 5], [3, Infinity, NaN, -Infinity, Infinity]);
    for (const kind of ['max', 'min']) {
      expect(compute('arg_reduce', { kind, axis: 1 }, [row], [1])).toEqual([2]);
    }
    expect(compute('arg_sort', {}, [row], [1, 5])).toEqual([1, 4, 0, 3, 2]);
  });
  it('E6: powers are those of C, not of JavaScript', () => {
    expect([FLOATS.pow(1, NaN), FLOATS.pow(1, Infinity), FLOATS.pow(-1, -Infinity)]).toEqual([1, 1, 1]);
    expect(FLOATS.pow(2, NaN)).toBeNaN();
  });
  it('E1: gelu keeps its digits far below 0', () => {
    expect(FLOATS.gelu(-8) / (-4 * 1.244192114854e-15)).toBeCloseTo(1, 9);
    expect(FLOATS.gelu(-100)).toBeCloseTo(0, 300);
  });
});
