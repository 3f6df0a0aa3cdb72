/** Shards → executor. A few shards download at once; they wait in memory for their turn, and are handed over one by one, in order of arrival. */

import type { Executor, WeightRows } from './backend';
import { LARGEST_SHARD } from './check';
import { CELLS } from './dtypes';
import type { Content } from './fetch';
import type { FileRef, Manifest, Shard } from './plan';

export const DOWNLOADS = 4;
/** Bytes of shards that are on their way or wait, for an executor that still compiles: as four of the largest, so that three downloads never
 * take it all, and a fourth has to wait for nothing but a write. */
const MOST_BYTES = DOWNLOADS * LARGEST_SHARD;

export interface ShardSource {
  read(file: FileRef): Promise<Content>;
  /** Takes the memory of a shard that is no longer needed, for shards to come. */
  reuse(memory: ArrayBuffer): void;
}

/** Views of the pieces inside the shard; nothing is copied. */
const piecesOf = ({ weights }: Manifest, { pieces }: Shard, { buffer }: Content): WeightRows[] =>
  pieces.map(({ weight, row, rows, offset }) => {
    const { storage, columns } = weights[weight]!;
    return { weight, row, rows, data: new CELLS[storage](buffer, offset, rows * columns) };
  });

/**
 * Gives every shard to the executor, as soon as that is there; it must not be used for anything else meanwhile. Rejects as soon as
 * anything fails; whoever owns the executor then disposes of it.
 */
export async function loadWeights(
  manifest: Manifest,
  shards: ShardSource,
  creating: Promise<Pick<Executor, 'writeWeights'>>,
): Promise<void> {
  let failed = false;
  let next = 0;
  let held = 0;
  let writing: Promise<unknown> = creating;

  const write = (shard: Shard, content: Content): void => {
    writing = writing.then(async () => {
      if (failed) return;
      const executor = await creating;
      shards.reuse(await executor.writeWeights(content.buffer, piecesOf(manifest, shard, content)));
      held -= shard.file.bytes;
    });
    writing.catch(() => (failed = true)); // whoever waits is told
  };
  const download = async (): Promise<void> => {
    while (!failed && next < manifest.shards.length) {
      const shard = manifest.shards[next]!;
      if (held && held + shard.file.bytes > MOST_BYTES) {
        await writing;
        continue;
      }
      next++;
      held += shard.file.bytes;
      write(shard, await shards.read(shard.file));
    }
  };
  try {
    await Promise.all([creating, ...Array.from({ length: DOWNLOADS }, download)]);
    await writing;
  } catch (error) {
    failed = true;
    throw error;
  }
}
