import { describe, expect, it } from 'vitest';
import type { Executor, WeightRows } from '../src/backend';
import type { FileRef, Manifest, Shard } from '../src/plan';
import { loadWeights, type ShardSource } from '../src/weights';
import { fileOf, manifestOf } from './fixture';

/** Ten shards of one row each. */
function manyShards(): Manifest {
  const shards = Array.from({ length: 10 }, (_, row): Shard => {
    return { file: fileOf(`${row}`, new Uint8Array(4)), pieces: [{ weight: 0, row, rows: 1, offset: 0 }] };
  });
  return { ...manifestOf(), weights: [{ storage: 'int', rows: 10, columns: 1, encoding: 'raw' }], shards };
}

/** `arrive` tells when a shard is there. */
const sourceOf = (arrive: (file: FileRef) => Promise<unknown>): ShardSource => ({
  read: (file) => arrive(file).then(() => new Uint8Array(new ArrayBuffer(4))),
  reuse: () => undefined,
});

/** An executor for whom `write` does the work. */
const executorOf = (write: (piece: WeightRows) => Promise<unknown>): Pick<Executor, 'writeWeights'> => ({
  writeWeights: (memory, [piece]) => write(piece!).then(() => memory),
});

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('loadWeights', () => {
  it('downloads four at once, writes one at a time, in order of arrival', async () => {
    let [downloading, most, writing] = [0, 0, 0];
    const rows: number[] = [];
    const shards = sourceOf(async ({ name }) => {
      most = Math.max(most, ++downloading);
      await pause(5);
      while (name === '0' && rows.length < 4) await pause(1);
      downloading--;
    });
    const executor = executorOf(async ({ data, row }) => {
      expect(++writing).toBe(1);
      expect(data).toBeInstanceOf(Int32Array);
      await pause(1);
      writing--;
      rows.push(row);
    });
    await loadWeights(manyShards(), shards, Promise.resolve(executor));
    expect(most).toBe(4);
    expect(rows.indexOf(0)).toBeGreaterThan(3);
    expect([...rows].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('goes on downloading while the executor starts, up to 64 MiB', async () => {
    const manifest = manyShards();
    const shards = manifest.shards.map((shard) => ({ ...shard, file: { ...shard.file, bytes: 10 * 2 ** 20 } }));
    const read: string[] = [];
    const written: number[] = [];
    let start = (): void => undefined;
    const starting = new Promise<void>((resolve) => (start = resolve));
    const loading = loadWeights(
      { ...manifest, shards },
      sourceOf(async ({ name }) => {
        read.push(name);
        expect(read.length - written.length).toBeLessThanOrEqual(6);
        await pause(1);
      }),
      starting.then(() => executorOf(({ row }) => pause(1).then(() => written.push(row)))),
    );
    await pause(50);
    expect(read).toHaveLength(6);
    start();
    await loading;
    expect(written).toHaveLength(10);
  });

  it('writes nothing before the executor has started, and nothing when it cannot', async () => {
    let arrived = 0;
    const start = pause(20).then(() => Promise.reject<Executor>(new Error('no device')));
    const shards = sourceOf(() => Promise.resolve(arrived++));
    await expect(loadWeights(manyShards(), shards, start)).rejects.toThrow('no device');
    expect(arrived).toBe(10);
  });

  it('gives back the memory that the executor gives back, once it is written', async () => {
    const own = new Map<ArrayBuffer, ArrayBuffer>();
    const back: ArrayBuffer[] = [];
    const writeWeights: Executor['writeWeights'] = async (memory, [piece]) => {
      expect(piece!.data.buffer).toBe(memory);
      expect(back).toHaveLength(own.size);
      await pause(1);
      own.set(memory, new ArrayBuffer(4));
      return own.get(memory)!;
    };
    const shards = { ...sourceOf(() => Promise.resolve()), reuse: (memory: ArrayBuffer) => void back.push(memory) };
    await loadWeights(manyShards(), shards, Promise.resolve({ writeWeights }));
    expect(own.size).toBe(10);
    expect(back).toEqual([...own.values()]);
  });

  it('stops writing after the first failure', async () => {
    const rows: number[] = [];
    const executor = executorOf(({ row }) => Promise.resolve(rows.push(row)));
    const shards = sourceOf(async ({ name }) => {
      await pause(Number(name) * 5);
      if (name === '2') throw new Error('altered');
    });
    await expect(loadWeights(manyShards(), shards, Promise.resolve(executor))).rejects.toThrow('altered');
    await pause(100);
    expect(rows).toEqual([0, 1]);
  });
});
