/** One model in the WebGL context of the page: textures for buffers, draw calls for steps. */

import type { BackendContext, BoundView, Cells, Executor, Schedule, StepTime, WeightRows } from '../backend';
import { CELLS } from '../dtypes';
import { WebDNNError } from '../errors';
import { checkBackendOptions } from '../options';
import type { Kernel, Repeat, Step } from '../plan';
import type { Context, Contexts } from './context';
import { execute, prepare, type Draw, type Place } from './draw';
import { layOut, plainSlot } from './layout';
import { poll } from './polling';
import type { Program } from './program';
import { extent, gather, spread } from './rows';
import { LOST, Sharing } from './sharing';
import { Texture } from './texture';
import { Timer } from './timer';

/** The GPU's process looks for finished work when it is spoken to, else every few milliseconds; not more often than this. */
const NUDGE_MILLISECONDS = 0.1;

function kernelsOf(nodes: readonly (Step | Repeat)[], used = new Set<number>()): Set<number> {
  for (const node of nodes) {
    if ('repeat' in node) kernelsOf(node.body, used);
    else used.add(node.kernel);
  }
  return used;
}

/** The graphics card's name, where the browser tells it. */
function rendererName(gl: WebGL2RenderingContext): string {
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  return String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

/** The slot of a planned buffer. */
const slotOf = ({ placements }: Schedule, buffer: number): number => (placements[buffer] as { slot: number }).slot;

const sourceOf = ({ source = '' }: Kernel): string => source;

export class WebGLExecutor implements Executor {
  readonly info: Readonly<Record<string, unknown>>;
  /** When the browser takes the context away. */
  readonly lost: Promise<string>;
  private context: Context | undefined;
  /** Aborted at `dispose`, which takes this runner's listeners off the context: others use that longer. */
  private readonly life = new AbortController();
  /** The sources of the programs that this runner has asked for, to be given back. */
  private readonly sources: string[] = [];
  private readonly programs = new Map<number, Program>();
  private readonly weights = new Map<number, Place>();
  /** Weights whose rows do not begin at texels (small ones: depthwise filters) gather here until they are whole. */
  private readonly unaligned = new Map<number, Cells>();
  private slots: readonly Texture[] = [];
  private spans: readonly number[] = [];
  private schedule: Schedule | undefined;
  private draws: readonly Draw[] = [];

  private constructor(
    private readonly owner: BackendContext,
    private readonly contexts: Contexts,
  ) {
    const { gl, precision } = (this.context = contexts.acquire());
    this.info = { renderer: rendererName(gl), precision };
    const { signal } = this.life;
    this.lost = new Promise((resolve) => {
      gl.canvas.addEventListener('webglcontextlost', () => resolve(LOST), { signal });
    });
  }

  static async create(owner: BackendContext, contexts: Contexts): Promise<WebGLExecutor> {
    const { plan, options } = owner;
    checkBackendOptions('webgl', options);
    if (plan.setup.length || plan.buffers.some(({ kind }) => kind === 'packed')) {
      throw new WebDNNError('descriptor', 'plan: a webgl plan has no setup steps and no packed buffers');
    }
    const executor = new WebGLExecutor(owner, contexts);
    try {
      await executor.start();
      return executor;
    } catch (error) {
      executor.dispose();
      throw error;
    }
  }

  private async start(): Promise<void> {
    const context = this.ready();
    const { gl } = context;
    if (context.precision === 'float16') {
      console.warn('WebDNN: this device renders to 16-bit floating-point textures only; results have about 3 digits');
    }
    const compiling = await this.inTurn(() => {
      const pending = this.compile(gl);
      this.makeWeights(context);
      return pending;
    });
    for (const [index, program] of compiling) this.programs.set(index, await program);
    await this.inTurn(() => undefined); // the check
  }

  private compile(gl: WebGL2RenderingContext): (readonly [number, Promise<Program>])[] {
    const { kernels, steps } = this.owner.plan;
    const { programs } = Sharing.of(gl);
    return [...kernelsOf(steps)].map((index) => {
      const kernel = kernels[index]!;
      this.sources.push(sourceOf(kernel));
      return [index, programs.acquire(sourceOf(kernel), kernel.name)] as const;
    });
  }

  private makeWeights({ gl, formats }: Context): void {
    const { manifest, plan } = this.owner;
    plan.buffers.forEach((buffer, i) => {
      if (buffer.kind !== 'weight') return;
      const { span, layers } = plainSlot(manifest.weights[buffer.weight]!.rows * buffer.pitch);
      this.weights.set(i, { texture: new Texture(gl, formats[buffer.storage], span, layers), span });
    });
  }

  async writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer> {
    await this.inTurn(() => pieces.forEach((piece) => this.writePiece(piece)));
    return memory;
  }

  private writePiece({ weight, row, rows, data }: WeightRows): void {
    const { manifest, plan } = this.owner;
    const info = manifest.weights[weight]!;
    const { columns } = info;
    plan.buffers.forEach((buffer, i) => {
      if (buffer.kind !== 'weight' || buffer.weight !== weight) return;
      const { pitch } = buffer;
      const { texture, span } = this.weights.get(i)!;
      if (pitch % 4 === 0) {
        spread(data, rows, columns, pitch, (at, texels) => texture.write(row * pitch + at, texels, span));
        return;
      }
      const whole = this.unaligned.get(i) ?? new CELLS[buffer.storage](extent(info.rows, columns, pitch));
      this.unaligned.set(i, whole);
      for (let r = 0; r < rows; r++) whole.set(data.subarray(r * columns, (r + 1) * columns), (row + r) * pitch);
    });
  }

  finishWeights(): Promise<void> {
    return this.inTurn(() => {
      for (const [i, whole] of this.unaligned) {
        const { texture, span } = this.weights.get(i)!;
        texture.write(0, whole, span);
      }
      this.unaligned.clear();
    });
  }

  /** A state of `kept` keeps its texture: its slot is its own, and lies as its size and its kernels say. */
  bind(schedule: Schedule, kept: readonly number[]): Promise<void> {
    const { kernels } = this.owner.plan;
    return this.inTurn(({ gl, formats }) => {
      const states = new Map(
        kept.map((buffer) => [slotOf(schedule, buffer), this.slots[slotOf(this.schedule!, buffer)]!]),
      );
      this.freeSlots([...states.values()]);
      const { spans, sizes } = layOut(schedule, kernels);
      this.schedule = schedule;
      this.spans = spans;
      const slots: Texture[] = (this.slots = []);
      sizes.forEach(({ span, layers }, i) => {
        slots.push(states.get(i) ?? new Texture(gl, formats[schedule.slots[i]!.storage], span, layers)); // WebGL clears them
      });
      const place = (view: BoundView): Place => this.place(view);
      this.draws = schedule.steps.map((step) =>
        prepare(step, this.programs.get(step.kernel)!, kernels[step.kernel]!.targets, place),
      );
      this.warmUp(gl, schedule);
    });
  }

  /**
   * Drivers finish a program only when it first draws, so each program draws a pixel now, and the first run need not wait. What draws
   * into a state does not, since states are zero before the first run.
   */
  private warmUp(gl: WebGL2RenderingContext, { steps }: Schedule): void {
    const { buffers } = this.owner.plan;
    const warm = new Set<Program>();
    this.draws.forEach((draw, i) => {
      if (warm.has(draw.program) || buffers[steps[i]!.out[0]!.buffer]!.kind === 'state') return;
      warm.add(draw.program);
      execute(gl, { ...draw, targets: [{ ...draw.targets[0]!, width: 1, height: 1 }] });
    });
  }

  resetStates(): Promise<void> {
    return this.inTurn(() => {
      this.owner.plan.buffers.forEach(({ kind }, i) => {
        if (kind === 'state') this.slots[slotOf(this.schedule!, i)]!.clear();
      });
    });
  }

  private place({ buffer }: BoundView): Place {
    const placement = this.schedule!.placements[buffer];
    if (!placement || !('slot' in placement)) return this.weights.get(buffer)!;
    return { texture: this.slots[placement.slot]!, span: this.spans[buffer]! };
  }

  run(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<void> {
    return this.inTurn(async ({ gl }) => {
      this.write(inputs);
      for (const draw of this.draws) execute(gl, draw);
      await this.read(gl, outputs);
    });
  }

  profile(inputs: readonly Cells[], outputs: readonly Cells[]): Promise<StepTime[]> {
    return this.inTurn(async ({ gl }) => {
      this.write(inputs);
      const timer = new Timer(gl);
      for (const draw of this.draws) timer.measure(() => execute(gl, draw), draw.output);
      await this.read(gl, outputs);
      const times = await timer.results();
      const { kernels } = this.owner.plan;
      return this.schedule!.steps.map(({ kernel, origin }, i) => ({
        kernel: kernels[kernel]!.name,
        origin,
        milliseconds: times[i]!,
      }));
    });
  }

  private write(inputs: readonly Cells[]): void {
    this.schedule!.inputs.forEach((view, i) => {
      const { rows, columns, pitch, offset } = view;
      const { texture, span } = this.place(view);
      spread(inputs[i]!, rows, columns, pitch, (at, texels) => texture.write(offset + at, texels, span));
    });
  }

  /** Reads back through pixel-pack buffers, so that the page's thread is free until the device has finished. */
  private async read(gl: WebGL2RenderingContext, outputs: readonly Cells[]): Promise<void> {
    const reads = this.schedule!.outputs.map((view) => {
      const length = extent(view.rows, view.columns, view.pitch);
      const buffer = gl.createBuffer();
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
      gl.bufferData(gl.PIXEL_PACK_BUFFER, length * 4, gl.STREAM_READ);
      const { texture, span } = this.place(view);
      texture.read(view.offset, length, span);
      return { view, length, buffer };
    });
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
    await finished(gl);
    const { aborted: disposed } = this.life.signal;
    reads.forEach(({ view: { rows, columns, pitch }, length, buffer }, i) => {
      if (!disposed) {
        const output = outputs[i]!;
        const dense = output.length === length;
        const texels = dense ? output : new Int32Array(length);
        gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
        gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, texels);
        if (!dense) gather(texels, rows, columns, pitch, output);
      }
      gl.deleteBuffer(buffer);
    });
    this.ready();
  }

  /** `work` on the context, after all that runners have asked of it before. */
  private inTurn<T>(work: (context: Context) => T | Promise<T>): Promise<T> {
    const context = this.ready();
    return Sharing.of(context.gl).inTurn(() => work(this.ready()));
  }

  private ready(): Context {
    if (this.context) return this.context;
    throw new WebDNNError('disposed', 'this runner was disposed of; load the model again');
  }

  private freeSlots(kept: readonly Texture[] = []): void {
    for (const slot of this.slots) if (!kept.includes(slot)) slot.dispose();
    this.slots = this.draws = [];
  }

  dispose(): void {
    const { context } = this;
    this.life.abort();
    if (!context) return;
    this.context = undefined;
    this.freeSlots();
    for (const { texture } of this.weights.values()) texture.dispose();
    this.weights.clear();
    const { programs } = Sharing.of(context.gl);
    for (const source of this.sources) programs.release(source);
    this.contexts.release(context);
  }
}

async function finished(gl: WebGL2RenderingContext): Promise<void> {
  const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
  if (!fence) return;
  gl.flush();
  let nudged = performance.now();
  await poll(() => {
    if (gl.isContextLost() || gl.clientWaitSync(fence, 0, 0) !== gl.TIMEOUT_EXPIRED) return true;
    const now = performance.now();
    if (now - nudged >= NUDGE_MILLISECONDS) {
      gl.flush();
      nudged = now;
    }
    return false;
  });
  gl.deleteSync(fence);
}
