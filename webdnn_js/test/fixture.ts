/** A small model, its files in a temporary folder, and a backend that records what it is told. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Backend, BackendContext, Executor, Schedule, Cells, WeightRows } from '../src/backend';
import type { BackendName, Expr, FileRef, Manifest, Plan } from '../src/plan';

/** Deeply writable, so that a test can spoil any field. */
export type Draft<T> = [T] extends [Expr] ? T : T extends object ? { -readonly [K in keyof T]: Draft<T[K]> } : T;

export const integrityOf = (data: Uint8Array | string): string =>
  `sha256-${createHash('sha256').update(data).digest('base64')}`;

export const fileOf = (name: string, data: Uint8Array): FileRef => ({
  name,
  bytes: data.length,
  integrity: integrityOf(data),
  tree: integrityOf(
    Buffer.concat(
      Array.from({ length: Math.ceil(data.length / 2 ** 18) }, (_, i) =>
        createHash('sha256')
          .update(data.subarray(i * 2 ** 18, (i + 1) * 2 ** 18))
          .digest(),
      ),
    ),
  ),
});

const weightsOf = (first: number, count: number): Uint8Array =>
  new Uint8Array(Float32Array.from({ length: count }, (_, i) => first + i).buffer);

/** Weight 0 is 4×3 in two pieces of two shards, weight 1 is 1×3. */
export const SHARDS: readonly Uint8Array[] = [weightsOf(0, 6), weightsOf(6, 9)];

/** `dynamic`: x is (N, 4) with N ≤ 8, N % 2 == 0; else N is 2. y is (N, 3). */
export function manifestOf(dynamic = false): Draft<Manifest> {
  const N = dynamic ? 'N' : 2;
  return {
    format: 'webdnn',
    version: 3,
    name: 'tiny',
    converter: 'test',
    placeholders: dynamic ? { N: { minimum: 1, maximum: 8 } } : {},
    constraints: [{ left: ['%', N, 2], relation: '==', right: 0, reason: 'halves are taken' }],
    inputs: [{ name: 'x', dtype: 'float32', shape: [N, 4] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [N, 3] }],
    weights: [
      { storage: 'float', rows: 4, columns: 3, encoding: 'raw' },
      { storage: 'float', rows: 1, columns: 3, encoding: 'raw' },
    ],
    shards: [
      { file: fileOf('weights.0.a.bin', SHARDS[0]!), pieces: [{ weight: 0, row: 0, rows: 2, offset: 0 }] },
      {
        file: fileOf('weights.1.b.bin', SHARDS[1]!),
        pieces: [
          { weight: 0, row: 2, rows: 2, offset: 0 },
          { weight: 1, row: 0, rows: 1, offset: 24 },
        ],
      },
    ],
    backends: { fallback: { plan: fileOf('plan.fallback.0.json', new Uint8Array(1)) } },
  };
}

export function planOf(dynamic = false, backend: BackendName = 'fallback'): Draft<Plan> {
  const N = dynamic ? 'N' : 2;
  const activation = (count: number, first: number, last: number): Draft<Plan['buffers'][number]> => ({
    kind: 'activation',
    storage: 'float',
    elements: ['*', N, count],
    live: [first, last],
  });
  return {
    version: 3,
    backend,
    buffers: [
      { kind: 'weight', storage: 'float', weight: 0, pitch: 4 },
      { kind: 'packed', storage: 'float', elements: 16 },
      activation(4, -1, 1),
      activation(3, 0, 3),
      { kind: 'state', storage: 'float', elements: 5 },
    ],
    kernels: [{ name: 'dense' }, { name: 'copy', attributes: { axis: [1] } }],
    setup: [{ kernel: 1, weight: 1, out: { buffer: 1, offset: 4, pitch: 4, shape: [3, 3] }, args: [7] }],
    steps: [
      {
        kernel: 0,
        in: [
          { buffer: 2, offset: 0, pitch: 4, shape: [N, 4] },
          { buffer: 0, offset: 0, pitch: 4, shape: [4, 3] },
        ],
        out: [{ buffer: 3, offset: 0, pitch: 3, shape: [N, 3] }],
        args: [['//', N, 2]],
        dispatch: [1, N],
        origin: 'dense_1',
      },
      {
        repeat: N,
        body: [
          {
            kernel: 1,
            in: [{ buffer: 2, offset: ['*', '$0', 4], pitch: 0, shape: [3] }],
            out: [{ buffer: 3, offset: ['*', '$0', 3], pitch: 0, shape: [3] }],
            args: ['$0'],
            origin: 'loop',
          },
        ],
      },
      {
        kernel: 1,
        in: [{ buffer: 3, offset: 0, pitch: 3, shape: [1, 3] }],
        out: [{ buffer: 4, offset: 0, pitch: 3, shape: [1, 3] }],
        args: [],
        origin: 'state',
      },
    ],
    inputs: [{ buffer: 2, offset: 0, pitch: 4, shape: [N, 4] }],
    outputs: [{ buffer: 3, offset: 0, pitch: 3, shape: [N, 3] }],
  };
}

/** Writes the Descriptor; returns its folder. One plan serves all `backends`. */
export function writeDescriptor(
  manifest: Draft<Manifest>,
  plan: Draft<Plan>,
  backends: readonly BackendName[],
): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'webdnn-test-'));
  manifest.backends = {};
  for (const backend of backends) {
    const data = Buffer.from(JSON.stringify({ ...plan, backend }));
    const file = fileOf(`plan.${backend}.0.json`, data);
    manifest.backends[backend] = { plan: file };
    fs.writeFileSync(path.join(folder, file.name), data);
  }
  manifest.shards.forEach(({ file }, i) => fs.writeFileSync(path.join(folder, file.name), SHARDS[i]!));
  fs.writeFileSync(path.join(folder, 'descriptor.json'), JSON.stringify(manifest));
  return folder;
}

/** Methods of an executor that shall fail or wait. */
export type Script = Partial<Record<keyof Executor | 'unavailable' | 'create', () => unknown>>;

export class FakeExecutor implements Executor {
  readonly calls: string[] = [];
  readonly weights: (readonly [weight: number, row: number, values: number[]])[] = [];
  readonly info = { variant: 'fake' };
  readonly lost: Promise<string>;
  /** Takes the device away. */
  lose: (reason: string) => void = () => undefined;
  schedule: Schedule | undefined;
  /** Of each `bind`. */
  readonly kept: (readonly number[])[] = [];

  constructor(
    readonly context: BackendContext,
    private readonly script: Script,
  ) {
    this.lost = new Promise((resolve) => (this.lose = resolve));
  }

  async call(name: keyof Executor | 'create'): Promise<void> {
    this.calls.push(name);
    await this.script[name]?.();
  }

  finishWeights = (): Promise<void> => this.call('finishWeights');

  async writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer> {
    await this.call('writeWeights');
    for (const { weight, row, rows, data } of pieces) {
      if (rows * this.context.manifest.weights[weight]!.columns !== data.length) throw new Error('wrong piece');
      if (data.buffer !== memory) throw new Error('pieces of one shard lie in one buffer');
      this.weights.push([weight, row, [...data]]);
    }
    return memory;
  }

  async bind(schedule: Schedule, kept: readonly number[]): Promise<void> {
    await this.call('bind');
    this.schedule = schedule;
    this.kept.push(kept);
  }

  resetStates = (): Promise<void> => this.call('resetStates');

  /** The first output becomes twice the head of the first input. */
  async run(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<void> {
    await this.call('run');
    const [from, to] = [inputs[0]!, outputs[0]!];
    for (let i = 0; i < to.length; i++) to[i] = 2 * from[i]!;
  }

  async profile(inputs: readonly Cells[], outputs: readonly Cells[]) {
    await this.run(inputs, outputs);
    return this.schedule!.steps.map(({ origin }) => ({ kernel: 'fake', origin, milliseconds: 1 }));
  }

  dispose(): void {
    this.calls.push('dispose');
  }
}

export interface FakeBackend extends Backend {
  readonly executors: FakeExecutor[];
}

export function fakeBackend(name: BackendName, script: Script = {}): FakeBackend {
  const executors: FakeExecutor[] = [];
  return {
    name,
    memory: 'arena',
    executors,
    unavailable: async () => (await script.unavailable?.()) as string | undefined,
    create: async (context) => {
      const executor = new FakeExecutor(context, script);
      executors.push(executor);
      await executor.call('create');
      return executor;
    },
  };
}
