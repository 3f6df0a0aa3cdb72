/**
 * Weights on their way into a machine's memory. Every thread that reads has a Loader of its own, on the same memory, and takes the next
 * shard when it is done with one. A shard is gathered, chunk by chunk, in a part of the memory that is this loader's; as soon as a piece of it
 * is whole, it is copied to the buffers that want its rows as they are, and packed by the kernels of its Setup steps.
 */

import { WebDNNError, reasonOf } from '../errors';
import { openShard, readShard, type ShardSource } from '../fetch';
import type { DType, Piece, Shard } from '../plan';
import { BYTES_PER_ELEMENT } from '../schedule';
import { writeRows } from './memory';
import type { Exports } from './machine';

/** What becomes of a weight. */
export interface Destination {
  readonly columns: number;
  readonly dtype: DType;
  /** Buffers that hold its rows, `pitch` elements apart. */
  readonly copies: readonly { readonly address: number; readonly pitch: number }[];
  readonly setups: readonly {
    readonly kernel: number;
    readonly address: number;
    readonly pitch: number;
    readonly args: readonly number[];
  }[];
}

export interface Layout {
  /** By weight. */
  readonly destinations: readonly Destination[];
  /** Each loader's part of the memory, one behind the other: for a shard, and behind it for parameters. */
  readonly staging: number;
  readonly stagingBytes: number;
}

/** The work of all loaders. */
export interface LoadJob {
  readonly shards: readonly (Shard & { readonly source: ShardSource })[];
  /** One element: how many shards have been taken. Loaders in different threads share it. */
  readonly taken: Int32Array;
}

/** Of a loader's memory, behind the shard. */
export const PARAMETER_BYTES = 1 << 16;

export class Loader {
  private readonly staging: number;
  private readonly parameters: number;

  constructor(
    private readonly exports: Exports,
    private readonly memory: WebAssembly.Memory,
    private readonly layout: Layout,
    number: number,
  ) {
    const { staging, stagingBytes } = layout;
    this.staging = staging + number * stagingBytes;
    this.parameters = this.staging + stagingBytes - PARAMETER_BYTES;
  }

  /** Reads shards until none is left. The next one's download begins before the present one has ended. */
  async load({ shards, taken }: LoadJob, report: (shard: number) => void, signal?: AbortSignal): Promise<void> {
    const take = () => {
      const index = Atomics.add(taken, 0, 1);
      const shard = shards[index];
      return shard && { index, pieces: shard.pieces, opened: openShard(shard.source, signal) };
    };
    for (let present = take(); present;) {
      const next = take();
      const { index, pieces, opened } = present;
      let done = 0;
      await readShard(opened, (chunk, at) => {
        new Uint8Array(this.memory.buffer, this.staging + at, chunk.length).set(chunk);
        for (; done < pieces.length && this.endOf(pieces[done]!) <= at + chunk.length; done++)
          this.place(pieces[done]!);
      });
      report(index);
      present = next;
    }
  }

  private endOf({ weight, rows, offset }: Piece): number {
    return offset + rows * this.layout.destinations[weight]!.columns * BYTES_PER_ELEMENT;
  }

  private place({ weight, row, rows, offset }: Piece): void {
    const { columns, dtype, copies, setups } = this.layout.destinations[weight]!;
    const source = this.staging + offset;
    const { buffer } = this.memory;
    const values = new Float32Array(buffer, source, rows * columns);
    if (dtype === 'int32') values.set(new Int32Array(buffer, source, rows * columns)); // kernels know only float32
    for (const { address, pitch } of copies) {
      const target = { address: address + row * pitch * BYTES_PER_ELEMENT, pitch, rows, columns };
      writeRows(buffer, target, values);
    }
    for (const { kernel, address, pitch, args } of setups) {
      // A table of one step, and its parameters behind it.
      const parameters = this.parameters + 2 * Int32Array.BYTES_PER_ELEMENT;
      const step = [kernel, parameters, source, columns, address, pitch, row, rows, ...args];
      new Int32Array(buffer, this.parameters, step.length).set(step);
      try {
        this.exports.run(this.parameters, 0, 1, 1);
      } catch (error) {
        throw new WebDNNError('backend', `webassembly: packing weight ${weight} failed: ${reasonOf(error)}`, {
          cause: error,
        });
      }
    }
  }
}
