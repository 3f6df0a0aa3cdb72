/** The fallback backend: plain TypeScript that runs wherever JavaScript does. */

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
import { WebDNNError, reasonOf } from '../errors';
import { readMatrix, writeMatrix } from '../matrix';
import { checkBackendOptions } from '../options';
import type { Plan } from '../plan';
import { KERNELS } from './kernels';
import type { Kernel, KernelTable, Operand } from './operand';

/** A step with its kernel and operands found. */
interface Call {
  readonly kernel: Kernel;
  readonly name: string;
  readonly inputs: readonly Operand[];
  readonly output: Operand;
  readonly args: readonly number[];
  readonly origin: string;
}

/** A run lets the page breathe after this many milliseconds. */
const BREATH = 50;

/** One turn of the event loop, not slowed down in hidden tabs as timers are. */
function breathe(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function makeKernels(plan: Plan, table: KernelTable): Kernel[] {
  return plan.kernels.map(({ name, attributes }, i) => {
    if (!Object.hasOwn(table, name)) {
      const known = Object.keys(table).sort().join(', ');
      throw new WebDNNError('descriptor', `plan.kernels[${i}]: fallback has no kernel '${name}'; it has ${known}`);
    }
    return table[name]!(attributes ?? {});
  });
}

/** Kernels trust their attributes and operands: what a wrong plan makes of them must not look like a fault of the runtime. */
function invoke({ kernel, name, inputs, output, args, origin }: Call): void {
  try {
    kernel(inputs, output, args);
  } catch (error) {
    const what = `fallback: the operands of step '${origin}' do not fit the kernel '${name}'`;
    throw new WebDNNError('descriptor', `${what}: ${reasonOf(error)}; convert the model again`, { cause: error });
  }
}

function onlyOutput({ out, origin }: BoundStep): BoundView {
  const [output, more] = out;
  if (output && !more) return output;
  throw new WebDNNError('descriptor', `fallback: step '${origin}' has ${out.length} outputs, a kernel writes one`);
}

function allocate(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (error) {
    throw new WebDNNError('memory', `fallback: ${bytes} bytes of memory are not to be had: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

export class FallbackExecutor implements Executor {
  readonly info = {};
  private kernels: readonly Kernel[] = [];
  /** By buffer index. Weight buffers stay, the others lie in the arena of the present schedule. */
  private buffers: Float32Array[] = [];
  private calls: readonly Call[] = [];
  private inputs: readonly Operand[] = [];
  private outputs: readonly Operand[] = [];

  constructor(private readonly context: BackendContext) {
    checkBackendOptions('fallback', context.options);
  }

  start(): Promise<void> {
    const { plan, manifest } = this.context;
    this.kernels = makeKernels(plan, KERNELS);
    plan.buffers.forEach((buffer, i) => {
      if (buffer.dtype !== 'float32' || buffer.kind === 'packed') {
        throw new WebDNNError(
          'descriptor',
          `plan.buffers[${i}]: fallback has no use for kind ${buffer.kind}, dtype ${buffer.dtype}`,
        );
      }
      if (buffer.kind !== 'weight') return;
      const { rows } = manifest.weights[buffer.weight]!;
      this.buffers[i] = new Float32Array(allocate(rows * buffer.pitch * Float32Array.BYTES_PER_ELEMENT));
    });
    return Promise.resolve();
  }

  writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): Promise<ArrayBuffer> {
    for (const piece of pieces) this.writePiece(piece);
    return Promise.resolve(memory);
  }

  private writePiece({ weight, row, rows, data }: WeightRows): void {
    const { columns } = this.context.manifest.weights[weight]!;
    this.context.plan.buffers.forEach((buffer, i) => {
      if (buffer.kind !== 'weight' || buffer.weight !== weight) return;
      const { pitch } = buffer;
      writeMatrix(this.buffers[i]!, { offset: row * pitch, pitch, rows, columns }, data);
    });
  }

  finishWeights(): Promise<void> {
    return Promise.resolve();
  }

  bind(schedule: Schedule): Promise<void> {
    const arena = allocate(schedule.arenaBytes);
    schedule.placements.forEach((placement, i) => {
      if (placement && 'offset' in placement) {
        this.buffers[i] = new Float32Array(arena, placement.offset, schedule.elements[i]);
      }
    });
    // Steps of a loop share views; so do their operands.
    const known = new Map<BoundView, Operand>();
    const operand = (view: BoundView): Operand => {
      const found = known.get(view) ?? { ...view, data: this.buffers[view.buffer]! };
      known.set(view, found);
      return found;
    };
    this.calls = schedule.steps.map((step) => ({
      kernel: this.kernels[step.kernel]!,
      name: this.context.plan.kernels[step.kernel]!.name,
      inputs: step.in.map(operand),
      output: operand(onlyOutput(step)),
      args: step.args,
      origin: step.origin,
    }));
    this.inputs = schedule.inputs.map(operand);
    this.outputs = schedule.outputs.map(operand);
    return Promise.resolve();
  }

  async run(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<void> {
    this.inputs.forEach((operand, i) => writeMatrix(operand.data, operand, inputs[i]!));
    let breath = performance.now() + BREATH;
    for (const call of this.calls) {
      invoke(call);
      if (performance.now() > breath) {
        await breathe();
        breath = performance.now() + BREATH;
      }
    }
    this.outputs.forEach((operand, i) => readMatrix(operand.data, operand, outputs[i]!));
  }

  profile(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): Promise<StepTime[]> {
    this.inputs.forEach((operand, i) => writeMatrix(operand.data, operand, inputs[i]!));
    const times = this.calls.map((call) => {
      const start = performance.now();
      invoke(call);
      return { kernel: call.name, origin: call.origin, milliseconds: performance.now() - start };
    });
    this.outputs.forEach((operand, i) => readMatrix(operand.data, operand, outputs[i]!));
    return Promise.resolve(times);
  }

  dispose(): void {
    this.buffers = [];
    this.calls = this.inputs = this.outputs = [];
  }
}
