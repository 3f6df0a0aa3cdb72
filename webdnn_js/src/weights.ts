/** Shards → executor. A few shards download at once; they are handed over one by one, in order of arrival. */

import type { Executor, WeightRows } from './backend';
import type { FileRef, Manifest, Shard } from './plan';

export const DOWNLOADS = 4;

/** Views of the pieces inside the shard; nothing is copied. */
const piecesOf = ({ weights }: Manifest, { pieces }: Shard, shard: ArrayBuffer): WeightRows[] =>
  pieces.map(({ weight, row, rows, offset }) => {
    const { dtype, columns } = weights[weight]!;
    const View = dtype === 'float32' ? Float32Array : Int32Array;
    return { weight, row, rows, data: new View(shard, offset, rows * columns) };
  });

/**
 * Gives every shard to `executor`, which must not be used for anything else meanwhile; first waits for `ready`.
 * Rejects only when the executor has come to rest, so that the caller may dispose of it.
 */
export async function loadWeights(
  manifest: Manifest,
  readShard: (file: FileRef) => Promise<ArrayBuffer>,
  executor: Pick<Executor, 'writeWeights'>,
  ready: Promise<void>,
): Promise<void> {
  let failed = false;
  let next = 0;
  let writing = ready;

  const write = async (shard: Shard, buffer: ArrayBuffer): Promise<void> => {
    if (!failed) await executor.writeWeights(piecesOf(manifest, shard, buffer));
  };
  const download = async (): Promise<void> => {
    while (!failed && next < manifest.shards.length) {
      const shard = manifest.shards[next++]!;
      const buffer = await readShard(shard.file);
      writing = writing.then(() => write(shard, buffer));
      await writing;
    }
  };
  try {
    await Promise.all([ready, ...Array.from({ length: DOWNLOADS }, download)]);
  } catch (error) {
    failed = true;
    await writing.catch(() => undefined);
    throw error;
  }
}
