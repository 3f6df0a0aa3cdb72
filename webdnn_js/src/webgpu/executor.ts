/**
 * Runs a plan on a GPU. Everything that depends on sizes (buffers, parameters, bind groups) is made by `bind`; a run
 * writes the inputs, encodes one compute pass, submits once and maps once.
 */

import { WebDNNError } from '../errors';
import { evaluate, namesIn } from '../expr';
import { bytesOf, eachStretch, fill, sizeOf, take, write } from './copies';
import { Nudge } from './nudge';
import { Parameters, type Block } from './parameters';
import { timePasses } from './profile';
import { checkWindows, Region } from './region';
import { Staging } from './staging';
import { sourceFor, type Device } from './device';
import type {
  BackendContext,
  BoundSetup,
  BoundStep,
  BoundView,
  Executor,
  Schedule,
  StepTime,
  Cells,
  WeightRows,
} from '../backend';
import type { Expr, Repeat, Step } from '../plan';

export { openDevice } from './device';

/** A step, ready to be encoded. */
export interface Call {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly dispatch: readonly number[];
}

/** What a Setup step and a step have in common. */
type Work = Pick<BoundStep, 'kernel' | 'args' | 'dispatch'>;

/** Inputs of so many bytes take the way of `Staging`, which saved U-Net at 256 × 256 0.2 of 1.2 ms; for less it does not pay to map. */
const LARGE_INPUTS = 2 ** 12;

/** Before the first run: engines compile quickly first, and well what has run for a while. */
const WARM_UPS = 3;
/** Steps of which; a recurrent model may have a hundred thousand. */
const WARM_STEPS = 1000;

/** The kernels of all steps, but of those for other devices. */
function* kernelsOf(nodes: readonly (Step | Repeat)[], device: ReadonlyMap<string, number>): Generator<number> {
  for (const node of nodes) {
    if (!('repeat' in node)) yield node.kernel;
    else if (!isNever(node.repeat, device)) yield* kernelsOf(node.body, device);
  }
}

const isNever = (repeat: Expr, device: ReadonlyMap<string, number>): boolean =>
  namesIn(repeat).every((name) => device.has(name)) && evaluate(repeat, device) === 0;

interface Destroyable {
  destroy(): void;
}

/** What `bind` makes for one set of sizes. */
interface Bound {
  readonly schedule: Schedule;
  /** Where every buffer of the plan lies, by its index. */
  readonly regions: readonly Region[];
  readonly readback: GPUBuffer;
  readonly staging: Staging | undefined;
  readonly calls: readonly Call[];
}

export class WebGPUExecutor implements Executor {
  readonly info: Readonly<Record<string, unknown>>;
  readonly lost: Promise<string>;
  private readonly device: GPUDevice;
  private readonly nudge: Nudge;
  private readonly pipelines: GPUComputePipeline[] = [];
  /** Ends when all pipelines are there and, for a model of fixed sizes, all else that a run needs. */
  private compiled: Promise<void> = Promise.resolve();
  /** Weight and packed buffers, by buffer index. */
  private readonly weights: Region[] = [];
  /** What `bind` made, to be destroyed by the next. */
  private made: Destroyable[] = [];
  private bound: Bound | undefined;
  /** The first thing that went wrong on the device; every later run tells it. */
  private failure: string | undefined;

  private constructor(
    private readonly context: BackendContext,
    { device, info }: Device,
  ) {
    this.device = device;
    this.info = info;
    this.nudge = new Nudge(device.queue);
    this.lost = device.lost.then(({ reason, message }) => {
      return (this.failure = `the GPU device was lost (${message || reason}); load the model again`);
    });
    device.onuncapturederror = ({ error }) => (this.failure ??= error.message);
  }

  /** Pipelines are compiled while weights come; `finishWeights` waits for them. */
  static async create(context: BackendContext, device: Device): Promise<WebGPUExecutor> {
    const executor = new WebGPUExecutor(context, device);
    try {
      await executor.start();
      return executor;
    } catch (error) {
      executor.dispose();
      throw error;
    }
  }

  private async start(): Promise<void> {
    this.compiled = this.compile();
    this.compiled.catch(() => undefined); // `finishWeights` tells
    const { plan, manifest } = this.context;
    await this.guard(() => {
      plan.buffers.forEach((buffer, i) => {
        if (buffer.kind === 'weight') {
          this.weights[i] = this.region(manifest.weights[buffer.weight]!.rows * buffer.pitch);
        } else if (buffer.kind === 'packed') this.weights[i] = this.region(buffer.elements);
      });
    });
  }

  async writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer> {
    for (const piece of pieces) await this.writePiece(piece);
    return memory;
  }

  async finishWeights(): Promise<void> {
    await Promise.all([this.compiled, this.nudge.until(this.device.queue.onSubmittedWorkDone())]);
    this.check();
  }

  async bind(schedule: Schedule, kept: readonly number[]): Promise<void> {
    if (schedule === this.bound?.schedule) return; // made while the weights came
    const states = new Map(kept.map((buffer) => [buffer, this.bound!.regions[buffer]!]));
    const left = new Set<Destroyable>(states.values());
    for (const one of this.made) if (!left.has(one)) one.destroy();
    this.made = [...left];
    this.bound = undefined;
    const bound = await this.guard(() => this.prepare(schedule));
    await this.warmUp(bound);
    this.setStates(bound, states);
    for (const state of states.values()) state.destroy();
    this.made = this.made.filter((one) => !left.has(one));
    this.bound = bound;
  }

  async resetStates(): Promise<void> {
    await this.guard(() => this.setStates(this.ready()));
  }

  async run(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<void> {
    const bound = this.ready();
    await this.compute(bound, bound.calls, inputs, outputs);
  }

  async profile(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<StepTime[]> {
    const bound = this.ready();
    const before = this.device.createCommandEncoder();
    const written = this.writeInputs(bound, before, inputs);
    this.device.queue.submit([before.finish()]);
    written();
    const times = await timePasses(this.device, bound.calls, encode);
    const after = this.device.createCommandEncoder();
    copyOutputs(bound, after);
    this.device.queue.submit([after.finish()]);
    await this.readOutputs(bound, outputs);
    return bound.schedule.steps.map(({ kernel, origin }, i) => {
      return { kernel: this.context.plan.kernels[kernel]!.name, origin, milliseconds: times[i]! };
    });
  }

  dispose(): void {
    this.nudge.close();
    this.device.destroy();
  }

  private async compile(): Promise<void> {
    const { plan, setups, schedule, symbols = {} } = this.context;
    const steps = schedule
      ? schedule.steps.map(({ kernel }) => kernel)
      : kernelsOf(plan.steps, new Map(Object.entries(symbols)));
    const used = new Set([...setups.map(({ kernel }) => kernel), ...steps]);
    const compiling = [...used].map(async (kernel) => {
      const { name: label } = plan.kernels[kernel]!;
      const code = sourceFor(plan.kernels[kernel]!, this.device.features);
      const compute = { module: this.device.createShaderModule({ label, code }), entryPoint: 'main' };
      const pipeline = { label, layout: 'auto', compute } as const;
      this.pipelines[kernel] = await this.device.createComputePipelineAsync(pipeline);
    });
    await Promise.all(compiling);
    if (schedule) await this.bind(schedule, []);
  }

  private async writePiece({ weight, row, rows, data }: WeightRows): Promise<void> {
    const columns = data.length / rows;
    this.context.plan.buffers.forEach((buffer, i) => {
      if (buffer.kind !== 'weight' || buffer.weight !== weight) return;
      const { pitch } = buffer;
      const view = { buffer: i, offset: row * pitch, pitch, shape: [rows, columns], rows, columns };
      write(this.device.queue, view, this.weights[i]!, data);
    });
    const setups = this.context.setups.filter((setup) => setup.weight === weight);
    if (setups.length) await this.runSetups(setups, row, rows, data);
  }

  private prepare(schedule: Schedule): Bound {
    this.checkSizes(schedule);
    const slots = schedule.slots.map(({ bytes }) => this.keep(new Region(this.device, bytes)));
    const regions = schedule.placements.map((placement, i) =>
      placement && 'slot' in placement ? slots[placement.slot]! : this.weights[i]!,
    );
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const size = sizeOf(schedule.outputs);
    const readback = this.keep(this.device.createBuffer({ size, usage: MAP_READ | COPY_DST }));
    const inputs = sizeOf(schedule.inputs);
    const staging = inputs >= LARGE_INPUTS ? this.keep(new Staging(this.device, inputs)) : undefined;
    return { schedule, regions, readback, staging, calls: this.prepareCalls(schedule, regions) };
  }

  /** Before memory is taken: has every kernel as many bindings as its operands need? */
  private checkSizes({ steps, elements }: Schedule): void {
    for (const { kernel, in: read, out } of steps) {
      [...read, ...out].forEach(({ buffer }, i) => {
        checkWindows(this.device, bytesOf(elements[buffer]!), this.windowsOf(kernel, i));
      });
    }
  }

  /**
   * Runs that leave out all but a small part of each step's work: what browsers and drivers do when something is first used (compile, clear
   * memory, map) is then done, and belongs to the load. What states hold afterwards is of no use.
   */
  private async warmUp(bound: Bound): Promise<void> {
    const { schedule, calls } = bound;
    const small = calls.slice(0, WARM_STEPS).map((call) => ({ ...call, dispatch: [1] }));
    const zeros = (views: readonly BoundView[]) => views.map(({ rows, columns }) => new Float32Array(rows * columns));
    const [inputs, outputs] = [zeros(schedule.inputs), zeros(schedule.outputs)];
    for (let turn = 0; turn < WARM_UPS; turn++) await this.compute(bound, small, inputs, outputs);
    this.nudge.forget();
  }

  /** Makes states zero, or what the regions of `kept` hold. */
  private setStates({ regions }: Bound, kept: ReadonlyMap<number, Region> = new Map()): void {
    const encoder = this.device.createCommandEncoder();
    this.context.plan.buffers.forEach(({ kind }, i) => {
      if (kind !== 'state') return;
      const source = kept.get(i);
      if (source) regions[i]!.copyFrom(encoder, source);
      else regions[i]!.clear(encoder);
    });
    this.device.queue.submit([encoder.finish()]);
  }

  private async compute(
    bound: Bound,
    calls: readonly Call[],
    inputs: readonly Cells[],
    outputs: readonly Cells[],
  ): Promise<void> {
    const encoder = this.device.createCommandEncoder();
    const written = this.writeInputs(bound, encoder, inputs);
    const pass = encoder.beginComputePass();
    for (const call of calls) encode(pass, call);
    pass.end();
    copyOutputs(bound, encoder);
    this.device.queue.submit([encoder.finish()]);
    written();
    await this.readOutputs(bound, outputs);
  }

  /** Writes the inputs, if `encoder` is submitted; then call what is returned. */
  private writeInputs(
    { schedule, regions, staging }: Bound,
    encoder: GPUCommandEncoder,
    inputs: readonly Cells[],
  ): () => void {
    const places = schedule.inputs.map(({ buffer }) => regions[buffer]!);
    if (!staging) {
      inputs.forEach((data, i) => write(this.device.queue, schedule.inputs[i]!, places[i]!, data));
      return () => undefined;
    }
    const source = staging.filled((memory) => fill(memory, inputs));
    eachStretch(schedule.inputs, places, ({ buffer, offset, at, bytes }) => {
      encoder.copyBufferToBuffer(source, at, buffer, offset, bytes);
    });
    return () => staging.giveBack(source);
  }

  /** Waits for the outputs that `copyOutputs` has sent for. */
  private async readOutputs({ readback }: Bound, outputs: readonly Cells[]): Promise<void> {
    try {
      await this.nudge.until(readback.mapAsync(GPUMapMode.READ));
    } catch (error) {
      this.check(); // a lost device is the reason that people should read
      throw error;
    }
    take(readback.getMappedRange(), outputs);
    readback.unmap();
    this.check();
  }

  /** What a run needs, if nothing is wrong. */
  private ready(): Bound {
    this.check();
    if (!this.bound) throw new WebDNNError('backend', 'the sizes are not set');
    return this.bound;
  }

  /** Parameters of all steps go into one buffer, those of equal steps once. */
  private prepareCalls({ steps, elements }: Schedule, regions: readonly Region[]): Call[] {
    const parameters = new Parameters(this.device);
    const blocks = steps.map((step) => parameters.add([...step.in, ...step.out], step.args));
    const uniform = this.keep(parameters.upload());
    const known = new Map<string, Call>();
    return steps.map((step, i) => {
      const buffers = [...step.in, ...step.out].map(({ buffer }) => buffer);
      const block = blocks[i]!;
      const key = [step.kernel, block.offset, step.dispatch, buffers].join(';');
      let call = known.get(key);
      if (!call) {
        const operands = buffers.flatMap((buffer, operand) =>
          regions[buffer]!.bindings(bytesOf(elements[buffer]!), this.windowsOf(step.kernel, operand)),
        );
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
  private async runSetups(setups: readonly BoundSetup[], row: number, rows: number, data: Cells): Promise<void> {
    await this.compiled;
    const { queue } = this.device;
    const source = new Region(this.device, data.byteLength);
    const whole = { buffer: 0, offset: 0, pitch: 0, shape: [], rows: 1, columns: data.length };
    write(queue, whole, source, data);
    const parameters = new Parameters(this.device);
    const piece = { offset: 0, pitch: data.length / rows };
    const blocks = setups.map(({ out, args }) => parameters.add([piece, out], [row, rows, ...args]));
    const uniform = parameters.upload();
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    setups.forEach((setup, i) => {
      const packed = this.weights[setup.out.buffer]!;
      const operands = [
        ...source.bindings(data.byteLength, 1),
        ...packed.bindings(packed.bytes, this.windowsOf(setup.kernel, 1)),
      ];
      encode(pass, this.call(setup, operands, uniform, blocks[i]!));
    });
    pass.end();
    queue.submit([encoder.finish()]);
    await queue.onSubmittedWorkDone();
    source.destroy();
    uniform.destroy();
  }

  /** How many bindings a kernel has for one of its operands. */
  private windowsOf(kernel: number, operand: number): number {
    return this.context.plan.kernels[kernel]!.windows?.[operand] ?? 1;
  }

  private region(elements: number): Region {
    return new Region(this.device, bytesOf(elements));
  }

  private keep<T extends Destroyable>(one: T): T {
    this.made.push(one);
    return one;
  }

  /** Does `work` and throws what the device says about it: WebGPU reports errors later, not where they happen. */
  private async guard<T>(work: () => T): Promise<T> {
    const { device } = this;
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    let result: T;
    let errors: (GPUError | null)[];
    try {
      result = work();
    } finally {
      errors = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
    }
    const [memory, invalid] = errors;
    if (memory) throw new WebDNNError('backend', `the GPU is out of memory: ${memory.message}`);
    if (invalid) throw new WebDNNError('backend', invalid.message);
    this.check();
    return result;
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

function copyOutputs({ schedule, regions, readback }: Bound, encoder: GPUCommandEncoder): void {
  const places = schedule.outputs.map(({ buffer }) => regions[buffer]!);
  eachStretch(schedule.outputs, places, ({ buffer, offset, at, bytes }) => {
    encoder.copyBufferToBuffer(buffer, offset, readback, at, bytes);
  });
}
