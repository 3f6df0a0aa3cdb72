/** The integers that steps get: blocks of one uniform buffer, which the kernels see as a struct of i32. */

import type { BoundView } from '../backend';

const { BYTES_PER_ELEMENT } = Int32Array;

/** Place of a block, in bytes. */
export interface Block {
  readonly offset: number;
  readonly size: number;
}

export class Parameters {
  private readonly blocks = new Map<string, Block & { readonly integers: readonly number[] }>();
  private size = 0;

  constructor(private readonly device: GPUDevice) {}

  /** Adds (offset and pitch of every view, then `args`); equal ones are one block. */
  add(views: readonly Pick<BoundView, 'offset' | 'pitch'>[], args: readonly number[]): Block {
    const integers = [...views.flatMap(({ offset, pitch }) => [offset, pitch]), ...args];
    const key = integers.join();
    let block = this.blocks.get(key);
    if (!block) {
      const unit = this.device.limits.minUniformBufferOffsetAlignment;
      const size = Math.ceil((integers.length * BYTES_PER_ELEMENT) / unit) * unit;
      this.blocks.set(key, (block = { offset: this.size, size, integers }));
      this.size += size;
    }
    return block;
  }

  upload(): GPUBuffer {
    const all = new Int32Array(this.size / BYTES_PER_ELEMENT);
    for (const { offset, integers } of this.blocks.values()) all.set(integers, offset / BYTES_PER_ELEMENT);
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.device.createBuffer({ size: Math.max(this.size, BYTES_PER_ELEMENT), usage });
    this.device.queue.writeBuffer(buffer, 0, all);
    return buffer;
  }
}
