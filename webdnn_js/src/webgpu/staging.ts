/** The way of large inputs to the GPU: through buffers that stay mapped between runs, which a page fills without a copy by the browser. */

export class Staging {
  /** Mapped. There is a second one, because a run may begin before the last one's buffer is mapped again. */
  private readonly free: GPUBuffer[] = [];
  private made: GPUBuffer[] = [];

  constructor(
    private readonly device: GPUDevice,
    private readonly bytes: number,
  ) {}

  /** A buffer that `fill` has written to; give it back when the work that reads it is submitted. */
  filled(fill: (memory: ArrayBuffer) => void): GPUBuffer {
    const buffer = this.free.pop() ?? this.make();
    fill(buffer.getMappedRange());
    buffer.unmap();
    return buffer;
  }

  giveBack(buffer: GPUBuffer): void {
    buffer.mapAsync(GPUMapMode.WRITE).then(
      () => this.free.push(buffer),
      () => undefined, // destroyed meanwhile, or its device lost, which the run tells
    );
  }

  destroy(): void {
    for (const buffer of this.made) buffer.destroy();
    this.made = [];
  }

  private make(): GPUBuffer {
    const usage = GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC;
    const buffer = this.device.createBuffer({ size: this.bytes, usage, mappedAtCreation: true });
    this.made.push(buffer);
    return buffer;
  }
}
