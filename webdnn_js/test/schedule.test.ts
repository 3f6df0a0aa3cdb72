import { describe, expect, it } from 'vitest';
import { checkPlan } from '../src/check_plan';
import type { Plan, Repeat, Step } from '../src/plan';
import { bindPlan, bindSetup } from '../src/schedule';
import { manifestOf, planOf, type Draft } from './fixture';

const step = (plan: Draft<Plan>, i = 0): Draft<Step> => plan.steps[i] as Draft<Step>;
const loop = (plan: Draft<Plan>): Draft<Repeat> => plan.steps[1] as Draft<Repeat>;
const inLoop = (plan: Draft<Plan>): Draft<Step> => loop(plan).body[0] as Draft<Step>;
const spoil = (target: object, value: unknown): unknown => Object.assign(target, value);

function bind(
  change: (plan: Draft<Plan>) => unknown = () => undefined,
  N: unknown = 4,
  mode: 'arena' | 'slots' = 'arena',
) {
  const plan = planOf(true);
  change(plan);
  return bindPlan(manifestOf(true), plan, { N: N as number }, mode);
}

describe('bindPlan', () => {
  it('evaluates sizes, offsets and arguments', () => {
    const { steps, inputs, outputs, elements } = bind();
    expect(steps).toHaveLength(6);
    expect(steps[0]).toEqual({
      kernel: 0,
      in: [
        { buffer: 2, offset: 0, pitch: 4, shape: [4, 4], rows: 4, columns: 4 },
        { buffer: 0, offset: 0, pitch: 4, shape: [4, 3], rows: 4, columns: 3 },
      ],
      out: [{ buffer: 3, offset: 0, pitch: 3, shape: [4, 3], rows: 4, columns: 3 }],
      args: [2],
      dispatch: [1, 4],
      origin: 'dense_1',
    });
    expect(inputs[0]).toMatchObject({ buffer: 2, rows: 4, columns: 4 });
    expect(outputs[0]).toMatchObject({ buffer: 3, rows: 4, columns: 3 });
    expect(elements).toEqual([16, 16, 16, 12, 5]);
  });

  it('expands loops, in loops', () => {
    const { steps } = bind((plan) => {
      const body = inLoop(plan);
      body.args = ['$0', ['*', '$1', 10], 'N'];
      plan.steps[1] = { repeat: 2, body: [{ repeat: ['+', '$0', 1], body: [body] }] };
    });
    expect(steps.slice(1, -1).map(({ args }) => args)).toEqual([
      [0, 0, 4],
      [1, 0, 4],
      [1, 10, 4],
    ]);
    expect(steps.slice(1, -1).map((bound) => bound.in[0]!.offset)).toEqual([0, 4, 4]);
  });

  it('shares what does not change in a loop', () => {
    const { steps } = bind((plan) => (loop(plan).body = [step(plan), inLoop(plan)]));
    expect(steps[1]).toBe(steps[3]);
    expect(steps[2]!.in[0]).not.toBe(steps[4]!.in[0]);
  });

  it('may run a body no times', () => {
    expect(bind((plan) => (loop(plan).repeat = ['-', 'N', 4])).steps).toHaveLength(2);
    expect(() => bind((plan) => (loop(plan).repeat = ['-', 'N', 5]))).toThrow(
      'plan.steps[1].repeat: expected an integer from 0',
    );
  });

  it('places activations and states, not weights', () => {
    expect(bind()).toMatchObject({
      placements: [
        undefined,
        undefined,
        { offset: 0, bytes: 64 },
        { offset: 64, bytes: 48 },
        { offset: 128, bytes: 20 },
      ],
      arenaBytes: 192,
      slots: [],
    });
    expect(bind(undefined, 4, 'slots')).toMatchObject({
      placements: [undefined, undefined, { slot: 0 }, { slot: 1 }, { slot: 2 }],
      arenaBytes: 0,
      slots: [{ bytes: 64 }, { bytes: 48 }, { bytes: 20 }],
    });
  });

  it.each<[unknown, string]>([
    [0, 'placeholder N: got 0, want an integer from 1 to 8'],
    [10, 'placeholder N: got 10, want an integer from 1 to 8'],
    [2.5, 'placeholder N: got 2.5'],
    ['4', 'placeholder N: got 4'],
    [NaN, 'placeholder N: got NaN'],
    [3, 'N = 3 does not fit the model, which needs N % 2 == 0, such as 2 or 4 (needed by halves are taken)'],
  ])('N = %j', (N, message) => {
    expect(() => bind(undefined, N)).toThrow(
      expect.objectContaining({ code: 'placeholder', message: expect.stringContaining(message) as string }) as Error,
    );
  });

  it('wants every placeholder and no other', () => {
    expect(() => bindPlan(manifestOf(true), planOf(true), {}, 'arena')).toThrow('not set: N');
    expect(() => bindPlan(manifestOf(true), planOf(true), { N: 2, M: 1 }, 'arena')).toThrow(
      "unknown placeholder 'M'; known: N",
    );
    expect(() => bindPlan(manifestOf(), planOf(), { toString: 1 }, 'arena')).toThrow("unknown placeholder 'toString'");
  });

  it.each<[string, (plan: Draft<Plan>) => unknown]>([
    [
      'plan.steps[0].in[0]: expected to end within the 16 elements of buffer 2, got "17',
      (p) => (step(p).in[0]!.offset = 1),
    ],
    ['plan.steps[0].in[0].offset: expected an integer from 0', (p) => (step(p).in[0]!.offset = -1)],
    ['plan.steps[0].in[0].pitch: expected an integer from 4', (p) => (step(p).in[0]!.pitch = 3)],
    [
      'plan.steps[0].in[0]: expected to end within the 16 elements of buffer 2, got "19',
      (p) => (step(p).in[0]!.pitch = 5),
    ],
    ['plan.steps[0].out[0].shape[0]: expected an integer from 1', (p) => (step(p).out[0]!.shape[0] = ['-', 'N', 4])],
    [
      'plan.steps[1].body[0].in[0]: expected to end within the 16 elements of buffer 2, got "17',
      (p) => (inLoop(p).in[0]!.offset = ['+', ['*', '$0', 4], 2]),
    ],
    ['plan.steps[0].args[0]: expected an integer from -2147483648', (p) => (step(p).args[0] = 2 ** 31)],
    ['plan.steps[0].dispatch[1]: expected an integer from 1', (p) => (step(p).dispatch![1] = 0)],
    ['(N // 0): division by zero', (p) => (step(p).args[0] = ['//', 'N', 0])],
    ['plan.buffers[4].elements: expected an integer from 1', (p) => spoil(p.buffers[4]!, { elements: 0 })],
    ['plan.inputs[0].shape: expected the elements of 4×4, got "2×4"', (p) => (p.inputs[0]!.shape = [2, 4])],
    [
      'plan.steps[1].repeat: expected at most 1000000 steps in all loops',
      (p) => spoil(loop(p), { repeat: 2 ** 31 - 1, body: [{ ...inLoop(p), in: [], out: [] }] }),
    ],
    ['at most 1000000 steps', (p) => spoil(loop(p), { repeat: 2 ** 31 - 1, body: [] })],
    [
      'at most 1000000 steps',
      (p) => spoil(loop(p), { repeat: 2000, body: [{ repeat: 2000, body: [{ repeat: 0, body: [] }] }] }),
    ],
  ])('%s', (message, change) => {
    expect(() => bind(change)).toThrow(
      expect.objectContaining({ code: 'descriptor', message: expect.stringContaining(message) as string }) as Error,
    );
  });

  it('takes no more memory than the plan allows', () => {
    const bytes = 192 + 4 * (16 + 16);
    expect(() => bind((plan) => (plan.memory = { maximum: bytes }))).not.toThrow();
    expect(() => bind((plan) => (plan.memory = { maximum: bytes - 1 }))).toThrow(
      expect.objectContaining({ code: 'placeholder' }) as Error,
    );
    expect(() => bind((plan) => spoil(plan.buffers[4]!, { elements: 2 ** 29 }))).toThrow('its plan allows 2 GiB');
  });

  it.each<[string, number, number]>([
    ['many iterations of some arguments', 499_999, 20],
    ['some iterations of many arguments', 100, 100_000],
  ])('C9: refuses %s before it evaluates them', (_, repeat, args) => {
    const begin = performance.now();
    const change = (plan: Draft<Plan>) =>
      spoil(loop(plan), { repeat, body: [{ ...inLoop(plan), in: [], out: [], args: new Array(args).fill('$0') }] });
    expect(() => bind(change)).toThrow('plan.steps[1].repeat: expected at most 1000000 numbers that change');
    expect(performance.now() - begin).toBeLessThan(5_000);
  });

  it('C9: ignores fields of a repeated step that it does not know, whatever they are', () => {
    const deep = JSON.parse('['.repeat(5000) + ']'.repeat(5000)) as unknown;
    for (const value of [null, 0, '$0', [null], { a: null }, deep]) {
      expect(bind((plan) => spoil(inLoop(plan), { note: value })).steps).toHaveLength(6);
    }
  });

  it('binds a long loop quickly', () => {
    const before = process.cpuUsage();
    const { steps } = bind((plan) => {
      loop(plan).repeat = 100_000;
      spoil(plan.buffers[2]!, { elements: 4_000_000 });
      spoil(plan.buffers[3]!, { elements: 4_000_000 });
    });
    expect(steps).toHaveLength(100_002);
    expect(process.cpuUsage(before).user).toBeLessThan(10_000_000); // microseconds; 200,000 when nothing else runs
  }, 60_000);
});

describe('bindSetup', () => {
  it('evaluates Setup steps', () => {
    expect(bindSetup(planOf())).toEqual([
      {
        kernel: 1,
        weight: 1,
        out: { buffer: 1, offset: 4, pitch: 4, shape: [3, 3], rows: 3, columns: 3 },
        args: [7],
        dispatch: [],
      },
    ]);
  });

  it('checks that they stay in their buffers', () => {
    const plan = planOf();
    plan.setup[0]!.out.offset = 6;
    checkPlan(plan, manifestOf(), 'fallback');
    expect(() => bindSetup(plan)).toThrow(
      'plan.setup[0].out: expected to end within the 16 elements of buffer 1, got "17',
    );
  });
});
