/**
 * Runs a plan on a GPU. Everything that depends on sizes (buffers, parameters, bind groups) is made by `bind`; a run
 * writes the inputs, encodes one compute pass, submits once and maps once.
 */

import { WebDNNError } from '../errors';
import { checkBackendOptions } from '../options';
import { BYTES_PER_ELEMENT } from '../schedule';
import { openDevice } from './device';
import { Parameters, type Block } from './parameters';
import { timePasses } from './profile';
import type {
  BackendContext,
  BoundSetup,
  BoundStep,
  BoundView,
  Executor,
  Schedule,
  StepTime,
  TypedArray,
  WeightRows,
} from '../backend';
import type { Repeat, Step } from '../plan';

/** A step, ready to be encoded. */
export interface Call {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly dispatch: readonly number[];
}

/** What a Setup step and a step have in common. */
type Work = Pick<BoundStep, 'kernel' | 'args' | 'dispatch'>;

/** Firefox notices only on a slow timer that a buffer is mapped, unless work is submitted. */
const MAPS_SLOWLY = /firefox/i.test(globalThis.navigator?.userAgent ?? '');

const bytesOf = (elements: number): number => elements * BYTES_PER_ELEMENT;

function* kernelsOf(nodes: readonly (Step | Repeat)[]): Generator<number> {
  for (const node of nodes) {
    if ('repeat' in node) yield* kernelsOf(node.body);
    else yield node.kernel;
  }
}

/** Calls `copy` for each stretch of a view that lies together: (place in the buffer, place in a dense array, length). */
function eachStretch(view: BoundView, copy: (from: number, to: number, length: number) => void): void {
  const { offset, pitch, rows, columns } = view;
  if (rows === 1 || pitch === columns) copy(offset, 0, rows * columns);
  else for (let row = 0; row < rows; row++) copy(offset + row * pitch, row * columns, columns);
}

export class WebGPUExecutor implements Executor {
  info: Readonly<Record<string, unknown>> = {};
  lost: Promise<string> | undefined;
  private device!: GPUDevice;
  private readonly pipelines: GPUComputePipeline[] = [];
  /** Weight and packed buffers, by buffer index. */
  private readonly weights: GPUBuffer[] = [];
  /** What `bind` made, to be destroyed by the next. */
  private bound: GPUBuffer[] = [];
  private slots: GPUBuffer[] = [];
  private readback!: GPUBuffer;
  private schedule!: Schedule;
  private calls: Call[] = [];
  /** The first thing that went wrong on the device; every later run tells it. */
  private failure: string | undefined;

  constructor(private readonly context: BackendContext) {
    checkBackendOptions('webgpu', context.options, 'powerPreference');
  }

  static async create(context: BackendContext): Promise<WebGPUExecutor> {
    const executor = new WebGPUExecutor(context);
    try {
      await executor.start();
      return executor;
    } catch (error) {
      executor.dispose();
      throw error;
    }
  }

  private async start(): Promise<void> {
    const { device, info } = await openDevice(this.context.options['powerPreference']);
    this.device = device;
    this.info = info;
    this.lost = device.lost.then(({ reason, message }) => {
      return (this.failure = `the GPU device was lost (${message || reason}); load the model again`);
    });
    device.onuncapturederror = ({ error }) => (this.failure ??= error.message);
    const { plan, manifest, setups } = this.context;
    const used = new Set([...setups.map(({ kernel }) => kernel), ...kernelsOf(plan.steps)]);
    const compiling = [...used].map(async (kernel) => {
      const { name, source } = plan.kernels[kernel]!;
      const module = device.createShaderModule({ label: name, code: source! });
      const compute = { module, entryPoint: 'main' };
      this.pipelines[kernel] = await device.createComputePipelineAsync({ label: name, layout: 'auto', compute });
    });
    const storing = this.guard(() => {
      plan.buffers.forEach((buffer, i) => {
        if (buffer.kind === 'weight') {
          this.weights[i] = this.storage(bytesOf(manifest.weights[buffer.weight]!.rows * buffer.pitch));
        } else if (buffer.kind === 'packed') this.weights[i] = this.storage(bytesOf(buffer.elements));
      });
    });
    await Promise.all([storing, ...compiling]);
  }

  async writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer> {
    for (const piece of pieces) await this.writePiece(piece);
    return memory;
  }

  private async writePiece({ weight, row, rows, data }: WeightRows): Promise<void> {
    const columns = data.length / rows;
    this.context.plan.buffers.forEach((buffer, i) => {
      if (buffer.kind !== 'weight' || buffer.weight !== weight) return;
      const { pitch } = buffer;
      const view = { buffer: i, offset: row * pitch, pitch, shape: [rows, columns], rows, columns };
      this.write(this.weights[i]!, view, data);
    });
    const setups = this.context.setups.filter((setup) => setup.weight === weight);
    if (setups.length) await this.runSetups(setups, row, rows, data);
  }

  async finishWeights(): Promise<void> {
    await this.device.queue.onSubmittedWorkDone();
    this.check();
  }

  async bind(schedule: Schedule): Promise<void> {
    this.release();
    await this.guard(() => {
      this.schedule = schedule;
      this.slots = schedule.slots.map(({ bytes }) => this.keep(this.storage(bytes)));
      const total = schedule.outputs.reduce((sum, { rows, columns }) => sum + bytesOf(rows * columns), 0);
      this.readback = this.keep(this.buffer(total, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST));
      this.calls = this.prepare(schedule.steps);
    });
  }

  async run(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<void> {
    this.writeInputs(inputs);
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const call of this.calls) encode(pass, call);
    pass.end();
    await this.readOutputs(encoder, outputs);
  }

  async profile(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<StepTime[]> {
    this.writeInputs(inputs);
    const times = await timePasses(this.device, this.calls, encode);
    await this.readOutputs(this.device.createCommandEncoder(), outputs);
    return this.schedule.steps.map(({ kernel, origin }, i) => {
      return { kernel: this.context.plan.kernels[kernel]!.name, origin, milliseconds: times[i]! };
    });
  }

  dispose(): void {
    this.device?.destroy();
  }

  private writeInputs(inputs: readonly TypedArray[]): void {
    this.check();
    inputs.forEach((data, i) => {
      const view = this.schedule.inputs[i]!;
      this.write(this.bufferOf(view.buffer), view, data);
    });
  }

  private write(buffer: GPUBuffer, view: BoundView, data: TypedArray): void {
    eachStretch(view, (from, to, length) => {
      this.device.queue.writeBuffer(buffer, bytesOf(from), data, to, length);
    });
  }

  /** Submits `encoder` and waits for the outputs. */
  private async readOutputs(encoder: GPUCommandEncoder, outputs: readonly TypedArray[]): Promise<void> {
    const { queue } = this.device;
    let start = 0;
    this.schedule.outputs.forEach((view) => {
      const source = this.bufferOf(view.buffer);
      eachStretch(view, (from, to, length) => {
        encoder.copyBufferToBuffer(source, bytesOf(from), this.readback, start + bytesOf(to), bytesOf(length));
      });
      start += bytesOf(view.rows * view.columns);
    });
    queue.submit([encoder.finish()]);
    const nudge = MAPS_SLOWLY ? setInterval(() => queue.submit([]), 1) : undefined;
    try {
      await this.readback.mapAsync(GPUMapMode.READ);
    } catch (error) {
      this.check();
      throw error;
    } finally {
      clearInterval(nudge);
    }
    const mapped = this.readback.getMappedRange();
    start = 0;
    for (const output of outputs) {
      output.set(new (output.constructor as Float32ArrayConstructor)(mapped, start, output.length));
      start += output.byteLength;
    }
    this.readback.unmap();
    this.check();
  }

  /** Parameters of all steps go into one buffer, those of equal steps once. */
  private prepare(steps: readonly BoundStep[]): Call[] {
    const parameters = new Parameters(this.device);
    const blocks = steps.map((step) => parameters.add([...step.in, ...step.out], step.args));
    const uniform = this.keep(parameters.upload());
    const known = new Map<string, Call>();
    return steps.map((step, i) => {
      const views = [...step.in, ...step.out];
      const block = blocks[i]!;
      const key = [step.kernel, block.offset, step.dispatch, views.map(({ buffer }) => buffer)].join(';');
      let call = known.get(key);
      if (!call) {
        const operands = views.map(({ buffer }) => this.binding(buffer));
        known.set(key, (call = this.call(step, operands, uniform, block)));
      }
      return call;
    });
  }

  private call(work: Work, operands: readonly GPUBufferBinding[], buffer: GPUBuffer, { offset, size }: Block): Call {
    const pipeline = this.pipelines[work.kernel]!;
    const entries = [...operands, { buffer, offset, size }].map((resource, binding) => ({ binding, resource }));
    const group = this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    return { pipeline, group, dispatch: work.dispatch };
  }

  /** Hands rows of a weight to the kernels that pack them. */
  private async runSetups(setups: readonly BoundSetup[], row: number, rows: number, data: TypedArray): Promise<void> {
    const source = this.storage(data.byteLength);
    this.device.queue.writeBuffer(source, 0, data);
    const parameters = new Parameters(this.device);
    const piece = { offset: 0, pitch: data.length / rows };
    const blocks = setups.map(({ out, args }) => parameters.add([piece, out], [row, rows, ...args]));
    const uniform = parameters.upload();
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    setups.forEach((setup, i) => {
      const operands = [{ buffer: source }, { buffer: this.weights[setup.out.buffer]! }];
      encode(pass, this.call(setup, operands, uniform, blocks[i]!));
    });
    pass.end();
    this.device.queue.submit([encoder.finish()]);
    await this.device.queue.onSubmittedWorkDone();
    source.destroy();
    uniform.destroy();
  }

  private bufferOf(index: number): GPUBuffer {
    const placement = this.schedule.placements[index];
    return placement && 'slot' in placement ? this.slots[placement.slot]! : this.weights[index]!;
  }

  /** The part of a slot that buffer `index` takes. */
  private binding(index: number): GPUBufferBinding {
    return { buffer: this.bufferOf(index), size: bytesOf(this.schedule.elements[index]!) };
  }

  private storage(bytes: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (bytes > most) {
      const mebibytes = (n: number): string => `${(n / 2 ** 20).toFixed(1)} MiB`;
      throw new WebDNNError('backend', `a buffer of ${mebibytes(bytes)} is needed; this GPU allows ${mebibytes(most)}`);
    }
    return this.buffer(bytes, STORAGE | COPY_SRC | COPY_DST);
  }

  private buffer(bytes: number, usage: number): GPUBuffer {
    return this.device.createBuffer({ size: bytes, usage });
  }

  private keep(buffer: GPUBuffer): GPUBuffer {
    this.bound.push(buffer);
    return buffer;
  }

  private release(): void {
    for (const buffer of this.bound) buffer.destroy();
    this.bound = [];
  }

  /** Does `work` and throws what the device says about it: WebGPU reports errors later, not where they happen. */
  private async guard(work: () => void): Promise<void> {
    const { device } = this;
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    let errors: (GPUError | null)[];
    try {
      work();
    } finally {
      errors = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
    }
    const [memory, invalid] = errors;
    if (memory) throw new WebDNNError('backend', `the GPU is out of memory: ${memory.message}`);
    if (invalid) throw new WebDNNError('backend', invalid.message);
    this.check();
  }

  private check(): void {
    if (this.failure) throw new WebDNNError('backend', this.failure);
  }
}

function encode(pass: GPUComputePassEncoder, { pipeline, group, dispatch }: Call): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(dispatch[0] ?? 1, dispatch[1], dispatch[2]);
}
