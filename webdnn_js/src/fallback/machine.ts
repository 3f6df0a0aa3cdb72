/** A model that kernels in TypeScript compute, in plain arrays. Lives in a worker, or on the main thread where there is none. */

import type { BoundStep, BoundView, Schedule, Cells, WeightRows } from '../backend';
import { BYTES_PER_ELEMENT, CELLS } from '../dtypes';
import { WebDNNError, reasonOf } from '../errors';
import { readMatrix, writeMatrix } from '../matrix';
import type { Plan, Weight } from '../plan';
import type { RegisteredKernel, RegisteredKernels } from '../registered';
import type { Times } from '../session';
import { KERNELS } from './kernels';
import { cellsOf, newCells, type Kernel, type KernelTable, type Operand, type Slices } from './operand';

/** What is run. */
export interface Model {
  readonly plan: Plan;
  readonly weights: readonly Weight[];
  /** Those of the page, where the plan asks for some. */
  readonly kernels?: RegisteredKernels;
}

/** A step with its kernel and operands found. */
interface Call {
  readonly kernel: Kernel;
  readonly name: string;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  readonly args: readonly number[];
  readonly origin: string;
}

/** The cells of a buffer. */
type Memory = Pick<Operand, 'data' | 'bits'>;

/** A run lets other things happen on its thread after this many milliseconds. */
const BREATH = 10;

/** One turn of the event loop, not slowed down in hidden tabs as timers are. */
function eventLoop(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** A kernel that the page has registered, called as those of the runtime are. */
function registered(
  name: string,
  script: string,
  kernel: RegisteredKernel | undefined,
  attributes: Readonly<Record<string, unknown>>,
): Kernel {
  if (kernel) return (inputs, output, args, more = []) => kernel(inputs, [output, ...more], args, attributes);
  const cure = `run ${script} before load, which calls WebDNN.registerKernel('${name}', …)`;
  throw new WebDNNError('option', `fallback: this model needs the page's kernel '${name}': ${cure}`);
}

function makeKernels(plan: Plan, table: KernelTable, own?: RegisteredKernels): Kernel[] {
  return plan.kernels.map(({ name, attributes, script }, i) => {
    if (script !== undefined) return registered(name, script, own?.get(name), attributes ?? {});
    if (!Object.hasOwn(table, name)) {
      const known = Object.keys(table).sort().join(', ');
      throw new WebDNNError('descriptor', `plan.kernels[${i}]: fallback has no kernel '${name}'; it has ${known}`);
    }
    return table[name]!(attributes ?? {});
  });
}

/** Kernels trust their attributes and operands: what a wrong plan makes of them must not look like a fault of the runtime. */
function* invoke({ kernel, name, inputs, outputs: [output, ...more], args, origin }: Call): Slices {
  try {
    yield* kernel(inputs, output!, args, more) ?? [];
    yield;
  } catch (error) {
    const what = `fallback: the operands of step '${origin}' do not fit the kernel '${name}'`;
    throw new WebDNNError('descriptor', `${what}: ${reasonOf(error)}; convert the model again`, { cause: error });
  }
}

function outputsOf({ out, origin }: BoundStep): readonly BoundView[] {
  if (out.length) return out;
  throw new WebDNNError(
    'descriptor',
    `fallback: step '${origin}' has ${out.length} outputs, a kernel writes one at least`,
  );
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

/** The memory of every weight buffer, by buffer index. */
function makeWeights({ plan, weights }: Model): Memory[] {
  const buffers: Memory[] = [];
  plan.buffers.forEach((buffer, i) => {
    const { kind, storage } = buffer;
    if (kind === 'packed') {
      throw new WebDNNError('descriptor', `plan.buffers[${i}]: fallback has no use for kind ${kind}`);
    }
    if (kind !== 'weight') return;
    const { rows } = weights[buffer.weight]!;
    const cells = new CELLS[storage](allocate(rows * buffer.pitch * BYTES_PER_ELEMENT[storage]));
    buffers[i] = cellsOf(cells);
  });
  return buffers;
}

function valuesOf(operand: Operand): Cells {
  const values = newCells(operand.data, operand.rows * operand.columns);
  readMatrix(operand.data, operand, values);
  return values;
}

export class Machine {
  private readonly kernels: readonly Kernel[];
  /** By buffer index. Weight buffers stay, the others lie in the arena of the present schedule. */
  private readonly buffers: Memory[];
  private calls: readonly Call[] = [];
  private inputs: readonly Operand[] = [];
  private outputs: readonly Operand[] = [];
  private ended = false;

  constructor(private readonly model: Model) {
    this.kernels = makeKernels(model.plan, KERNELS, model.kernels);
    this.buffers = makeWeights(model);
  }

  writeWeight({ weight, row, rows, data }: WeightRows): void {
    const { columns } = this.model.weights[weight]!;
    this.model.plan.buffers.forEach((buffer, i) => {
      if (buffer.kind !== 'weight' || buffer.weight !== weight) return;
      const { pitch } = buffer;
      writeMatrix(this.buffers[i]!.data, { offset: row * pitch, pitch, rows, columns }, data);
    });
  }

  /** The buffers `kept` hold what they held. */
  bind(schedule: Schedule, kept: readonly number[]): void {
    const arena = allocate(schedule.arenaBytes);
    schedule.placements.forEach((placement, i) => {
      if (!placement || !('offset' in placement)) return;
      const View = CELLS[this.model.plan.buffers[i]!.storage];
      const cells = new View(arena, placement.offset, schedule.elements[i]);
      if (kept.includes(i)) cells.set(this.buffers[i]!.data);
      this.buffers[i] = cellsOf(cells);
    });
    // Steps of a loop share views; so do their operands.
    const known = new Map<BoundView, Operand>();
    const operand = (view: BoundView): Operand => {
      const found = known.get(view) ?? { ...view, ...this.buffers[view.buffer]! };
      known.set(view, found);
      return found;
    };
    this.calls = schedule.steps.map((step) => ({
      kernel: this.kernels[step.kernel]!,
      name: this.model.plan.kernels[step.kernel]!.name,
      inputs: step.in.map(operand),
      outputs: outputsOf(step).map(operand),
      args: step.args,
      origin: step.origin,
    }));
    this.inputs = schedule.inputs.map(operand);
    this.outputs = schedule.outputs.map(operand);
  }

  resetStates(): void {
    this.model.plan.buffers.forEach(({ kind }, i) => {
      if (kind === 'state') this.buffers[i]!.data.fill(0);
    });
  }

  /** Computes copies of the outputs; `inputs` are given back, and the milliseconds of each step. */
  async run(inputs: readonly Cells[]): Promise<Times> {
    this.inputs.forEach((operand, i) => writeMatrix(operand.data, operand, inputs[i]!));
    const milliseconds: number[] = [];
    let breath = performance.now() + BREATH;
    for (const call of this.calls) {
      let start = performance.now();
      let time = 0;
      for (const work = invoke(call); !work.next().done;) {
        if (performance.now() < breath) continue;
        time += performance.now() - start;
        await this.breathe();
        start = performance.now();
        breath = start + BREATH;
      }
      milliseconds.push(time + performance.now() - start);
    }
    return { inputs, outputs: this.outputs.map(valuesOf), milliseconds };
  }

  /** Lets a run that is on its way end at its next breath. */
  end(): void {
    this.ended = true;
  }

  private async breathe(): Promise<void> {
    await eventLoop();
    if (this.ended) throw new WebDNNError('disposed', 'fallback: the runner was disposed of while it ran');
  }
}
