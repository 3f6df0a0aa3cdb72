import { describe, expect, it } from 'vitest';
import type { WeightRows } from '../src/backend';
import type { FileRef, Manifest, Shard } from '../src/plan';
import { loadWeights } from '../src/weights';
import { fileOf, manifestOf } from './fixture';

/** Ten shards of one row each. */
function manyShards(): Manifest {
  const shards = Array.from({ length: 10 }, (_, row): Shard => {
    return { file: fileOf(`${row}`, new Uint8Array(4)), pieces: [{ weight: 0, row, rows: 1, offset: 0 }] };
  });
  return { ...manifestOf(), weights: [{ dtype: 'int32', rows: 10, columns: 1, encoding: 'raw' }], shards };
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const ready = Promise.resolve();

describe('loadWeights', () => {
  it('downloads four at once, writes one at a time, in order of arrival', async () => {
    let [downloading, most, writing] = [0, 0, 0];
    const rows: number[] = [];
    const read = async ({ name }: FileRef): Promise<ArrayBuffer> => {
      most = Math.max(most, ++downloading);
      await pause(5);
      while (name === '0' && rows.length < 4) await pause(1);
      downloading--;
      return new ArrayBuffer(4);
    };
    const writeWeights = async ([piece]: readonly WeightRows[]): Promise<void> => {
      expect(++writing).toBe(1);
      expect(piece!.data).toBeInstanceOf(Int32Array);
      await pause(1);
      writing--;
      rows.push(piece!.row);
    };
    await loadWeights(manyShards(), read, { writeWeights }, ready);
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
      async ({ name }) => {
        read.push(name);
        expect(read.length - written.length).toBeLessThanOrEqual(6);
        await pause(1);
        return new ArrayBuffer(4);
      },
      { writeWeights: ([piece]) => pause(1).then(() => void written.push(piece!.row)) },
      starting,
    );
    await pause(50);
    expect(read).toHaveLength(6);
    start();
    await loading;
    expect(written).toHaveLength(10);
  });

  it('writes nothing before the executor has started, and nothing when it cannot', async () => {
    const rows: number[] = [];
    const writeWeights = ([piece]: readonly WeightRows[]): Promise<void> => Promise.resolve(void rows.push(piece!.row));
    const start = pause(20).then(() => Promise.reject(new Error('no device')));
    await expect(
      loadWeights(manyShards(), () => Promise.resolve(new ArrayBuffer(4)), { writeWeights }, start),
    ).rejects.toThrow('no device');
    expect(rows).toEqual([]);
  });

  it('stops writing after the first failure', async () => {
    const rows: number[] = [];
    const writeWeights = ([piece]: readonly WeightRows[]): Promise<void> => Promise.resolve(void rows.push(piece!.row));
    const read = async ({ name }: FileRef): Promise<ArrayBuffer> => {
      await pause(Number(name) * 5);
      if (name === '2') throw new Error('altered');
      return new ArrayBuffer(4);
    };
    await expect(loadWeights(manyShards(), read, { writeWeights }, ready)).rejects.toThrow('altered');
    await pause(100);
    expect(rows).toEqual([0, 1]);
  });
});
