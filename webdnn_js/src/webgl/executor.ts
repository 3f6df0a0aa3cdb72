/** One model in one WebGL context: textures for buffers, a draw call for every step and every layer of its result. */

import type {
  BackendContext,
  BoundStep,
  BoundView,
  Executor,
  Schedule,
  StepTime,
  TypedArray,
  WeightRows,
} from '../backend';
import { WebDNNError } from '../errors';
import { checkBackendOptions } from '../options';
import type { Repeat, Step } from '../plan';
import { makeContext, release, rendererName, type Context } from './context';
import { makePrograms, type Program } from './program';
import { extent, gather, spread } from './rows';
import { Texture, rectangles } from './texture';
import { Timer } from './timer';

/** Part of a layer to draw. */
interface Target {
  readonly layer: number;
  readonly y: number;
  width: number;
  height: number;
}

interface Draw {
  readonly program: Program;
  readonly inputs: readonly Texture[];
  readonly output: Texture;
  readonly parameters: Int32Array;
  readonly targets: readonly Target[];
}

/** The rows of pixels that hold a view, one entry a layer. Pixels outside of the view are the kernel's affair. */
function targetsOf({ offset, rows, columns, pitch }: BoundView): Target[] {
  const first = offset / 4;
  const targets: Target[] = [];
  for (const { layer, x, y, width, height } of rectangles(first, first + extent(rows, columns, pitch) / 4 - 1)) {
    const last = targets.at(-1);
    if (last?.layer === layer) {
      last.width = Math.max(last.width, x + width);
      last.height += height;
    } else targets.push({ layer, y, width: x + width, height });
  }
  return targets;
}

function kernelsOf(nodes: readonly (Step | Repeat)[], used = new Set<number>()): Set<number> {
  for (const node of nodes) {
    if ('repeat' in node) kernelsOf(node.body, used);
    else used.add(node.kernel);
  }
  return used;
}

const LOST = 'the WebGL context was lost (the graphics driver restarted?); load the model again';

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class WebGLExecutor implements Executor {
  info: Readonly<Record<string, unknown>> = {};
  /** When the browser takes the context away. */
  lost: Promise<string> | undefined;
  private context: Context | undefined;
  private programs: ReadonlyMap<number, Program> = new Map();
  private readonly weights = new Map<number, Texture>();
  /** Weights whose rows do not begin at texels (small ones: depthwise filters) gather here until they are whole. */
  private readonly unaligned = new Map<number, Float32Array>();
  private slots: readonly Texture[] = [];
  private schedule: Schedule | undefined;
  private draws: readonly Draw[] = [];

  constructor(private readonly owner: BackendContext) {
    checkBackendOptions('webgl', owner.options);
  }

  static async create(owner: BackendContext): Promise<WebGLExecutor> {
    const executor = new WebGLExecutor(owner);
    try {
      await executor.start();
      return executor;
    } catch (error) {
      executor.dispose();
      throw error;
    }
  }

  private async start(): Promise<void> {
    const { manifest, plan } = this.owner;
    if (plan.setup.length || plan.buffers.some(({ kind, dtype }) => kind === 'packed' || dtype !== 'float32')) {
      throw new WebDNNError('descriptor', 'plan: a webgl plan has no setup steps, and float32 buffers only');
    }
    const context = (this.context = makeContext());
    const { gl, format, precision } = context;
    this.lost = new Promise((resolve) => gl.canvas.addEventListener('webglcontextlost', () => resolve(LOST)));
    this.info = { renderer: rendererName(gl), precision };
    gl.bindVertexArray(gl.createVertexArray());
    plan.buffers.forEach((buffer, i) => {
      if (buffer.kind !== 'weight') return;
      this.weights.set(i, new Texture(gl, format, manifest.weights[buffer.weight]!.rows * buffer.pitch));
    });
    this.programs = await makePrograms(gl, plan.kernels, kernelsOf(plan.steps));
    this.check();
  }

  writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer> {
    for (const piece of pieces) this.writePiece(piece);
    return Promise.resolve(memory);
  }

  private writePiece({ weight, row, rows, data }: WeightRows): void {
    const { manifest, plan } = this.owner;
    const info = manifest.weights[weight]!;
    const { columns } = info;
    plan.buffers.forEach((buffer, i) => {
      if (buffer.kind !== 'weight' || buffer.weight !== weight) return;
      const { pitch } = buffer;
      const texture = this.weights.get(i)!;
      if (pitch % 4 === 0) {
        spread(data as Float32Array, rows, columns, pitch, (at, texels) => texture.write(row * pitch + at, texels));
        return;
      }
      const whole = this.unaligned.get(i) ?? new Float32Array(extent(info.rows, columns, pitch));
      this.unaligned.set(i, whole);
      for (let r = 0; r < rows; r++) whole.set(data.subarray(r * columns, (r + 1) * columns), (row + r) * pitch);
    });
  }

  finishWeights(): Promise<void> {
    for (const [i, whole] of this.unaligned) this.weights.get(i)!.write(0, whole);
    this.unaligned.clear();
    this.check();
    return Promise.resolve();
  }

  bind(schedule: Schedule): Promise<void> {
    const { gl, format } = this.ready();
    for (const slot of this.slots) slot.dispose();
    this.slots = schedule.slots.map(({ bytes }) => new Texture(gl, format, bytes / 4)); // WebGL clears new textures
    this.schedule = schedule;
    this.draws = schedule.steps.map((step) => this.draw(step));
    this.check();
    return Promise.resolve();
  }

  private texture({ buffer }: BoundView): Texture {
    const placement = this.schedule!.placements[buffer];
    return placement && 'slot' in placement ? this.slots[placement.slot]! : this.weights.get(buffer)!;
  }

  private draw(step: BoundStep): Draw {
    const view = step.out[0];
    const inputs = step.in.map((one) => this.texture(one));
    if (!view || step.out.length > 1) throw new WebDNNError('descriptor', `${step.origin}: a shader has one output`);
    const output = this.texture(view);
    if (inputs.includes(output)) {
      throw new WebDNNError('descriptor', `${step.origin}: a texture cannot be read and written at once`);
    }
    const views = [...step.in, view].flatMap(({ offset, pitch }) => [offset, pitch]);
    const parameters = Int32Array.from([...views, ...step.args]);
    return { program: this.programs.get(step.kernel)!, inputs, output, parameters, targets: targetsOf(view) };
  }

  private execute({ program, inputs, output, parameters, targets }: Draw): void {
    const { gl } = this.context!;
    gl.useProgram(program.handle);
    gl.uniform1iv(program.parameters, parameters);
    inputs.forEach((texture, k) => {
      gl.activeTexture(gl.TEXTURE0 + k);
      gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture.handle);
    });
    for (const { layer, y, width, height } of targets) {
      output.target(layer);
      gl.uniform1i(program.layer, layer);
      gl.viewport(0, y, width, height);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
  }

  async run(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<void> {
    this.write(inputs);
    for (const draw of this.draws) this.execute(draw);
    await this.read(outputs);
  }

  async profile(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<StepTime[]> {
    this.write(inputs);
    const timer = new Timer(this.ready().gl);
    for (const draw of this.draws) timer.measure(() => this.execute(draw));
    await this.read(outputs);
    const times = await timer.results();
    const { kernels } = this.owner.plan;
    return this.schedule!.steps.map(({ kernel, origin }, i) => ({
      kernel: kernels[kernel]!.name,
      origin,
      milliseconds: times[i]!,
    }));
  }

  private write(inputs: readonly TypedArray[]): void {
    this.ready();
    this.schedule!.inputs.forEach((view, i) => {
      const { rows, columns, pitch, offset } = view;
      const texture = this.texture(view);
      const data = inputs[i] as Float32Array;
      spread(data, rows, columns, pitch, (at, texels) => texture.write(offset + at, texels));
    });
  }

  /** Reads back through pixel-pack buffers, so that the page's thread is free until the device has finished. */
  private async read(outputs: readonly TypedArray[]): Promise<void> {
    const { gl } = this.ready();
    const reads = this.schedule!.outputs.map((view) => {
      const length = extent(view.rows, view.columns, view.pitch);
      const buffer = gl.createBuffer();
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
      gl.bufferData(gl.PIXEL_PACK_BUFFER, length * 4, gl.STREAM_READ);
      this.texture(view).read(view.offset, length);
      return { view, length, buffer };
    });
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
    await this.finished();
    reads.forEach(({ view: { rows, columns, pitch }, length, buffer }, i) => {
      const output = outputs[i] as Float32Array;
      const dense = output.length === length;
      const texels = dense ? output : new Float32Array(length);
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
      gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, texels);
      gl.deleteBuffer(buffer);
      if (!dense) gather(texels, rows, columns, pitch, output);
    });
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
    this.check();
  }

  private async finished(): Promise<void> {
    const { gl } = this.context!;
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    while (fence && !gl.isContextLost() && gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED) await pause(0);
    gl.deleteSync(fence);
  }

  private ready(): Context {
    const { context } = this;
    if (context && !context.gl.isContextLost()) return context;
    throw new WebDNNError('backend', LOST);
  }

  private check(): void {
    const { gl } = this.ready();
    const error = gl.getError();
    if (error === gl.OUT_OF_MEMORY) throw new WebDNNError('memory', 'the graphics memory is full');
    if (error !== gl.NO_ERROR) throw new WebDNNError('backend', `WebGL error 0x${error.toString(16)}`);
  }

  dispose(): void {
    if (this.context) release(this.context.gl); // frees all that it owns
    this.context = undefined;
    this.slots = this.draws = [];
    this.weights.clear();
  }
}
