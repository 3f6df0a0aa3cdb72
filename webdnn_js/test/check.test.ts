import { describe, expect, it } from 'vitest';
import { checkManifest } from '../src/check_manifest';
import { checkPlan } from '../src/check_plan';
import type { Manifest, Plan, Repeat, Step } from '../src/plan';
import { manifestOf, planOf, type Draft } from './fixture';

const manifestWith = (change: (manifest: Draft<Manifest>) => unknown) => (): Manifest => {
  const manifest = manifestOf(true);
  change(manifest);
  return checkManifest(manifest);
};

const planWith = (change: (plan: Draft<Plan>) => unknown) => (): Plan => {
  const plan = planOf(true);
  change(plan);
  return checkPlan(plan, checkManifest(manifestOf(true)), 'fallback');
};

const step = (plan: Draft<Plan>, i = 0): Draft<Step> => plan.steps[i] as Draft<Step>;
const loop = (plan: Draft<Plan>): Draft<Repeat> => plan.steps[1] as Draft<Repeat>;
const spoil = (target: object, value: unknown): unknown => Object.assign(target, value);

const float: Draft<Omit<Manifest['outputs'][number], 'name'>> = { dtype: 'float32', shape: [1] };

describe('checkManifest', () => {
  it('returns what it was given', () => {
    const manifest = manifestOf(true);
    expect(checkManifest(manifest)).toBe(manifest);
  });

  it.each([
    [2, 'manifest.version: format 2 is older than this runtime, which reads 3; convert the model again'],
    [4, 'manifest.version: format 4 is newer than this runtime, which reads 3; load a newer WebDNN'],
  ])('refuses format %d in words of its own', (version, message) => {
    const error = expect.objectContaining({ code: 'version', message }) as Error;
    expect(manifestWith((manifest) => (manifest.version = version))).toThrow(error);
  });

  it.each<[string, (manifest: Draft<Manifest>) => unknown]>([
    ['manifest.format: expected "webdnn", got "other"', (m) => spoil(m, { format: 'other' })],
    ['manifest.version: expected an integer ≥ 1, got 0', (m) => (m.version = 0)],
    [
      'manifest.placeholders: expected names of letters, digits and _, got "$0"',
      (m) => (m.placeholders['$0'] = { minimum: 1, maximum: 2 }),
    ],
    [
      'manifest.placeholders.N.maximum: expected null or an integer ≥ 1',
      (m) => (m.placeholders['N'] = { minimum: 1, maximum: 0 }),
    ],
    ['manifest.inputs[0].shape[0]: expected an integer, a symbol (here: N)', (m) => (m.inputs[0]!.shape[0] = 'M')],
    [
      'manifest.inputs[0].dtype: expected "float32" or "int32" or "uint8" or "int8" or "bool", got "float16"',
      (m) => spoil(m.inputs[0]!, { dtype: 'float16' }),
    ],
    [
      'manifest.inputs[1].name: expected another name than those before it, got "x"', // C9
      (m) => m.inputs.push({ ...structuredClone(m.inputs[0]!) }),
    ],
    [
      'manifest.outputs[2].name: expected another name than those before it, got "y"', // C9
      (m) => m.outputs.push({ name: 'z', ...structuredClone(float) }, { name: 'y', ...structuredClone(float) }),
    ],
    ['manifest.weights[1].rows: expected an integer from 1', (m) => (m.weights[1]!.rows = 0)],
    ['manifest.weights[0].rows: expected the 4 rows that the shards hold, got 5', (m) => (m.weights[0]!.rows = 5)],
    ['manifest.shards[1].pieces[0].row: expected row 2 of weight 0, got 1', (m) => (m.shards[1]!.pieces[0]!.row = 1)],
    [
      'manifest.shards[1].pieces[1].weight: expected the index of one of 2 weights',
      (m) => (m.shards[1]!.pieces[1]!.weight = 2),
    ],
    ['manifest.shards[1].pieces[1].offset: expected a multiple of 4', (m) => (m.shards[1]!.pieces[1]!.offset = 22)],
    [
      'manifest.shards[1].pieces[1].offset: expected a multiple of 4, and at most 36',
      (m) => (m.shards[1]!.pieces[1]!.offset = 28),
    ],
    ['manifest.shards[0].file.bytes: expected an integer', (m) => (m.shards[0]!.file.bytes = 2 ** 24 + 1)],
    ['manifest.shards[0].file.integrity: expected', (m) => (m.shards[0]!.file.integrity = 'md5-AAAA')],
    ['manifest.shards[0].file.tree: expected', (m) => spoil(m.shards[0]!.file, { tree: undefined })],
    ['manifest.backends.fallback.plan.bytes: expected', (m) => (m.backends.fallback!.plan.bytes = -1)],
    [
      'manifest.backends.fallback.kernels.simd.name: expected a plain file name',
      (m) => (m.backends.fallback!.kernels = { simd: { name: '/', bytes: 1, integrity: '', tree: '' } }),
    ],
    ['manifest.constraints[0].relation: expected "==" or "<="', (m) => spoil(m.constraints[0]!, { relation: '<' })],
  ])('%s', (message, change) => expect(manifestWith(change)).toThrow(message));

  it.each([
    '',
    '.',
    '..',
    'a/b',
    'a\\b',
    '../a',
    'a..b',
    '.a',
    'a.',
    'http:a',
    'a?b',
    'a#b',
    'a%2fb',
    'a b',
    'a\n',
    'x'.repeat(201),
  ])('file name %j is not plain', (name) =>
    expect(manifestWith((m) => (m.shards[0]!.file.name = name))).toThrow('.file.name: expected a plain file name'),
  );
});

describe('checkPlan', () => {
  it('returns what it was given', () => {
    const plan = planOf(true);
    expect(checkPlan(plan, manifestOf(true), 'fallback')).toBe(plan);
  });

  it.each<[string, (plan: Draft<Plan>) => unknown]>([
    ['plan.version: format 9 is newer', (p) => (p.version = 9)],
    ['plan.backend: expected "fallback", got "webgl"', (p) => (p.backend = 'webgl')],
    [
      'plan.buffers[0].weight: expected the index of one of 2 weights, got 2',
      (p) => spoil(p.buffers[0]!, { weight: 2 }),
    ],
    ['plan.buffers[0].pitch: expected an integer from 3', (p) => spoil(p.buffers[0]!, { pitch: 2 })],
    ['plan.buffers[0].storage: expected "float", got "int"', (p) => spoil(p.buffers[0]!, { storage: 'int' })],
    [
      'plan.buffers[3].storage: expected "float" or "int", got "byte"',
      (p) => spoil(p.buffers[3]!, { storage: 'byte' }),
    ],
    [
      'plan.kernels[0].variants[0].features: expected a list',
      (p) => spoil(p.kernels[0]!, { variants: [{ source: '' }] }),
    ],
    [
      'plan.kernels[0].variants[0].source: expected text',
      (p) => spoil(p.kernels[0]!, { variants: [{ features: ['subgroups'] }] }),
    ],
    ['plan.buffers[0].kind: expected "weight" or "packed" or', (p) => spoil(p.buffers[0]!, { kind: 'toString' })],
    ['plan.buffers[2].live: expected [first, last], in order', (p) => spoil(p.buffers[2]!, { live: [1, 0] })],
    [
      'plan.buffers[2].live: expected 1 to be inside, where plan.steps[1].body[0] uses it, got "-1…0"',
      (p) => spoil(p.buffers[2]!, { live: [-1, 0] }),
    ],
    [
      'plan.buffers[2].live[0]: expected -1, as one of the inputs, got 0',
      (p) => spoil(p.buffers[2]!, { live: [0, 1] }),
    ],
    [
      'plan.buffers[3].live[1]: expected 3, as one of the outputs, got 4',
      (p) => spoil(p.buffers[3]!, { live: [0, 4] }),
    ],
    ['plan.buffers[2].live[1]: expected at most 3, got 4', (p) => spoil(p.buffers[2]!, { live: [-1, 4] })],
    ['plan.steps[0].kernel: expected the index of one of 2 kernels, got 2', (p) => (step(p).kernel = 2)],
    ['plan.steps[0].in[1].buffer: expected the index of one of 5 buffers, got 5', (p) => (step(p).in[1]!.buffer = 5)],
    ['plan.steps[0].in[0].pitch: expected an integer, a symbol', (p) => spoil(step(p).in[0]!, { pitch: 1.5 })],
    [
      'plan.steps[0].out[0].buffer: expected a buffer of kind activation or state, got "weight"',
      (p) => (step(p).out[0]!.buffer = 0),
    ],
    ['plan.steps[0].args[0]: expected an integer, a symbol (here: N)', (p) => (step(p).args[0] = '$0')],
    ['plan.steps[0].dispatch: expected at most 3 entries', (p) => (step(p).dispatch = [1, 1, 1, 1])],
    [
      'plan.steps[1].body[0].args[0]: expected an integer, a symbol (here: N $0)',
      (p) => ((loop(p).body[0] as Draft<Step>).args[0] = '$1'),
    ],
    [
      'plan.steps[1].body[0].in[0].shape[0]: expected an integer, a symbol (here: N)',
      (p) => ((loop(p).body[0] as Draft<Step>).in[0]!.shape[0] = '$0'),
    ],
    ['plan.steps[1].repeat: expected', (p) => (loop(p).repeat = '$0')],
    ['plan.setup[0].out.buffer: expected a buffer of kind packed', (p) => (p.setup[0]!.out.buffer = 4)],
    ['plan.setup[0].args[0]: expected an integer, a symbol (here: no symbols)', (p) => (p.setup[0]!.args[0] = 'N')],
    ['plan.inputs: expected 1 views, got a list of 0', (p) => (p.inputs = [])],
    ['plan.inputs[0].buffer: expected a buffer of kind activation, got "state"', (p) => (p.inputs[0]!.buffer = 4)],
    ['plan.memory.maximum: expected an integer', (p) => (p.memory = { maximum: 0 })],
  ])('%s', (message, change) => expect(planWith(change)).toThrow(message));

  /** Buffer 5 is live in `live`; the loop, positions 1 and 2, reads it in its first step or writes it in its second. */
  const carriedWith = (live: readonly [number, number], written: boolean) =>
    planWith((p) => {
      p.buffers.push({ kind: 'activation', storage: 'float', elements: 9, live: [...live] });
      for (const b of [2, 3]) spoil(p.buffers[b]!, { live: [b - 3, b === 2 ? 2 : 4] });
      const { body } = loop(p);
      body.push(structuredClone(body[0]!));
      if (written) (body[1] as Draft<Step>).out[0]!.buffer = 5;
      else (body[0] as Draft<Step>).in[0]!.buffer = 5;
    });

  it('wants what stands before a loop to live to its end, and what is read after it from its start', () => {
    expect(carriedWith([0, 2], false)).not.toThrow();
    expect(carriedWith([1, 3], true)).not.toThrow();
    expect(carriedWith([1, 1], false)).not.toThrow();
    expect(carriedWith([0, 1], false)).toThrow('plan.buffers[5].live: expected 1…2 to be inside, where plan.steps[1]');
    expect(carriedWith([2, 3], true)).toThrow('plan.buffers[5].live: expected 1…2 to be inside, where plan.steps[1]');
  });

  it.each(['inputs', 'outputs'] as const)('%s of integers and truth lie in cells of integers', (side) => {
    for (const dtype of ['int32', 'uint8', 'int8', 'bool'] as const) {
      const [manifest, plan] = [manifestOf(), planOf()];
      manifest[side][0]!.dtype = dtype;
      expect(() => checkPlan(plan, checkManifest(manifest), 'fallback')).toThrow(
        `plan.${side}[0].buffer: expected a buffer of int, for ${dtype}, got "float"`,
      );
      plan.buffers[plan[side][0]!.buffer]!.storage = 'int';
      expect(checkPlan(plan, checkManifest(manifest), 'fallback')).toBe(plan);
    }
  });

  it('limits loops in loops and expressions in expressions', () => {
    let body = loop(planOf(true)).body;
    for (let i = 0; i < 7; i++) body = [{ repeat: 1, body }];
    expect(planWith((p) => (loop(p).body = body))).not.toThrow();
    expect(planWith((p) => (loop(p).body = [{ repeat: 1, body }]))).toThrow('at most 8 loops');
    let expr: Draft<Step>['args'][number] = 1;
    for (let i = 0; i < 100; i++) expr = ['+', expr, 1];
    expect(planWith((p) => (step(p).args[0] = expr))).not.toThrow();
    expect(planWith((p) => (step(p).args[0] = ['+', ['+', expr, 1], 1]))).toThrow('at most 100 deep');
  });
});
