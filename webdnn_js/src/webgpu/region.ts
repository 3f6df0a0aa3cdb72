/** GPU memory as a plan sees it: so many elements, though a GPU may not allow a buffer of that size. */

import { WebDNNError } from '../errors';

/**
 * What every GPU can bind at once. Where a buffer of the plan is larger, its kernels have a binding for every window of so many bytes
 * (`windows` of a kernel), and then it may be several GPU buffers.
 */
export const WINDOW = 2 ** 27;

/** `bytes` of a GPU buffer from `offset` on, which are those of a region from `from` bytes after the place that was asked for. */
export interface Part {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly from: number;
  readonly bytes: number;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Throws where a kernel has too few bindings for an operand of so many bytes. */
export function checkWindows({ limits }: GPUDevice, bytes: number, windows: number): void {
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  if (bytes > Math.max(most, windows * WINDOW)) {
    throw new WebDNNError('backend', `a buffer of ${mebibytes(bytes)} is needed; this GPU allows ${mebibytes(most)}`);
  }
}

export class Region {
  private readonly buffers: readonly GPUBuffer[];
  /** Bytes of every buffer but the last. */
  private readonly step: number;

  constructor(
    device: GPUDevice,
    readonly bytes: number,
  ) {
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const isWhole = bytes <= Math.min(maxBufferSize, maxStorageBufferBindingSize);
    this.step = isWhole ? bytes : WINDOW;
    this.buffers = Array.from({ length: Math.ceil(bytes / this.step) }, (_, i) =>
      device.createBuffer({
        size: Math.min(this.step, bytes - i * this.step),
        usage: STORAGE | COPY_SRC | COPY_DST,
      }),
    );
  }

  /** The parts of `bytes` from byte `at` on, in order. */
  parts(at: number, bytes: number): Part[] {
    const parts: Part[] = [];
    for (let from = 0; from < bytes; from += parts.at(-1)!.bytes) {
      const index = Math.floor((at + from) / this.step);
      const offset = at + from - index * this.step;
      parts.push({
        buffer: this.buffers[index]!,
        offset,
        from,
        bytes: Math.min(bytes - from, this.step - offset),
      });
    }
    return parts;
  }

  /** The first `bytes` as the bindings of an operand with `windows` of them. */
  bindings(bytes: number, windows: number): GPUBufferBinding[] {
    if (windows === 1) return [{ buffer: this.buffers[0]!, size: bytes }];
    return Array.from({ length: windows }, (_, i) => {
      const [part] = this.parts(i * WINDOW, Math.min(WINDOW, bytes - i * WINDOW));
      return { buffer: part!.buffer, offset: part!.offset, size: part!.bytes };
    });
  }

  clear(encoder: GPUCommandEncoder): void {
    for (const buffer of this.buffers) encoder.clearBuffer(buffer);
  }

  /** Takes over all of `source`, a region of the same size. */
  copyFrom(encoder: GPUCommandEncoder, source: Region): void {
    this.buffers.forEach((buffer, i) => encoder.copyBufferToBuffer(source.buffers[i]!, 0, buffer, 0, buffer.size));
  }

  destroy(): void {
    for (const buffer of this.buffers) buffer.destroy();
  }
}
