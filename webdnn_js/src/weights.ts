/** Shards → executor. A few shards download at once; their pieces are handed over one by one, in order of arrival. */

import type { Executor, TypedArray } from './backend';
import type { FileRef, Manifest, Shard } from './plan';

const DOWNLOADS = 4;

/** A view of the piece's rows inside the shard; nothing is copied. */
function pieceData(manifest: Manifest, piece: Shard['pieces'][number], shard: ArrayBuffer): TypedArray {
  const { dtype, columns } = manifest.weights[piece.weight]!;
  const View = dtype === 'float32' ? Float32Array : Int32Array;
  return new View(shard, piece.offset, piece.rows * columns);
}

/**
 * Gives every piece to `executor`, which must not be used for anything else meanwhile; first waits for `ready`.
 * Rejects only when the executor has come to rest, so that the caller may dispose of it.
 */
export async function loadWeights(
  manifest: Manifest,
  readShard: (file: FileRef) => Promise<ArrayBuffer>,
  executor: Pick<Executor, 'writeWeight'>,
  ready: Promise<void>,
): Promise<void> {
  let failed = false;
  let next = 0;
  let writing = ready;

  const write = async ({ pieces }: Shard, buffer: ArrayBuffer): Promise<void> => {
    for (const piece of pieces) {
      if (failed) return;
      await executor.writeWeight(piece.weight, piece.row, piece.rows, pieceData(manifest, piece, buffer));
    }
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
