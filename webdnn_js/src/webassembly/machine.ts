/**
 * A compiled model in its linear memory: constants and stack | weights, packed weights | arena | parameters of the steps. Everything after the
 * weights moves when sizes change. Lives in a worker, or on the main thread where there is none.
 */

import type { BoundStep, BoundView, Schedule, TypedArray } from '../backend';
import { WebDNNError, reasonOf } from '../errors';
import type { Plan, Weight } from '../plan';
import { bindSetup, BYTES_PER_ELEMENT, type BoundSetup } from '../schedule';

interface Exports {
  readonly __heap_base: WebAssembly.Global;
  call(kernel: number, parameters: number, thread: number): void;
  run(table: number, first: number, last: number, thread: number): void;
}

/** A view as an address. */
interface Place {
  readonly address: number;
  readonly pitch: number;
  readonly rows: number;
  readonly columns: number;
}

const PAGE = 65536;
/** A module's constants and stack; modules are linked for at least this much memory. */
const STATIC_BYTES = 1 << 20;
const ALIGNMENT = 64;
const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function outOfMemory(bytes: number, cause: unknown): WebDNNError {
  const megabytes = Math.ceil(bytes / 2 ** 20);
  return new WebDNNError(
    'memory',
    `webassembly: no memory of ${megabytes} MiB to be had (${reasonOf(cause)}); dispose of runners that are no longer needed, ` +
      `a page holds only some hundred of them`,
    { cause },
  );
}

/** Browsers name the rule that a Content-Security-Policy lacks, if at all, by its old and wider name. */
function notCompiled(error: unknown): never {
  const reason = reasonOf(error);
  const remedy = /unsafe-eval|CSP|Content.Security/i.test(reason) ? " (allow 'wasm-unsafe-eval' in script-src)" : '';
  throw new WebDNNError('backend', `webassembly: the kernels do not compile: ${reason}${remedy}`, { cause: error });
}

/** Runs compiled code; a trap becomes an error of ours. */
function guarded<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new WebDNNError('backend', `webassembly: ${what} failed: ${reasonOf(error)}`, { cause: error });
  }
}

export class Machine {
  private readonly memory: WebAssembly.Memory;
  private exports!: Exports;
  /** Address of every weight and packed buffer, by buffer index. */
  private readonly fixed: number[] = [];
  private arena = 0;
  private table = 0;
  private steps: readonly BoundStep[] = [];
  private inputs: readonly Place[] = [];
  private outputs: readonly Place[] = [];
  private readonly setups: readonly BoundSetup[];

  private constructor(
    private readonly plan: Plan,
    private readonly weights: readonly Weight[],
  ) {
    this.setups = bindSetup(plan);
    const bytes = plan.buffers.reduce((sum, _, i) => sum + align(this.fixedBytes(i)), STATIC_BYTES);
    try {
      this.memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
    } catch (error) {
      throw outOfMemory(bytes, error);
    }
  }

  static async create(code: ArrayBuffer, plan: Plan, weights: readonly Weight[]): Promise<Machine> {
    const machine = new Machine(plan, weights);
    const { instance } = await WebAssembly.instantiate(code, { env: { memory: machine.memory } }).catch(notCompiled);
    machine.exports = instance.exports as unknown as Exports;
    machine.placeWeights();
    return machine;
  }

  private fixedBytes(buffer: number): number {
    const one = this.plan.buffers[buffer]!;
    if (one.kind === 'weight') return this.weights[one.weight]!.rows * one.pitch * BYTES_PER_ELEMENT;
    return one.kind === 'packed' ? one.elements * BYTES_PER_ELEMENT : 0;
  }

  private placeWeights(): void {
    let address = align(Number(this.exports.__heap_base.value));
    this.plan.buffers.forEach((_, i) => {
      const bytes = this.fixedBytes(i);
      if (bytes) this.fixed[i] = address;
      address += align(bytes);
    });
    this.arena = address;
  }

  /** Lets the memory reach up to `end`. */
  private reserve(end: number): void {
    const missing = end - this.memory.buffer.byteLength;
    if (missing <= 0) return;
    try {
      this.memory.grow(Math.ceil(missing / PAGE));
    } catch (error) {
      throw outOfMemory(end, error);
    }
  }

  private floats(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  /** The piece lies where the arena will be while Setup kernels read it; the memory behind it holds their parameters. */
  writeWeight(weight: number, row: number, rows: number, data: TypedArray): void {
    const { columns } = this.weights[weight]!;
    this.plan.buffers.forEach((buffer, i) => {
      if (buffer.kind === 'weight' && buffer.weight === weight) {
        const address = this.fixed[i]! + row * buffer.pitch * BYTES_PER_ELEMENT;
        this.writeRows({ address, pitch: buffer.pitch, rows, columns }, data);
      }
    });
    const setups = this.setups.filter((setup) => setup.weight === weight);
    if (!setups.length) return;
    const parameters = align(this.arena + data.byteLength);
    this.reserve(parameters + PAGE);
    this.writeRows({ address: this.arena, pitch: columns, rows, columns }, data);
    for (const { kernel, out, args } of setups) {
      const target = this.fixed[out.buffer]! + out.offset * BYTES_PER_ELEMENT;
      const values = [this.arena, columns, target, out.pitch, row, rows, ...args];
      new Int32Array(this.memory.buffer, parameters, values.length).set(values);
      guarded(`packing weight ${weight}`, () => this.exports.call(kernel, parameters, 0));
    }
  }

  private place(view: BoundView, schedule: Schedule): Place {
    const placement = schedule.placements[view.buffer];
    const start = placement && 'offset' in placement ? this.arena + placement.offset : this.fixed[view.buffer]!;
    const { pitch, rows, columns } = view;
    return { address: start + view.offset * BYTES_PER_ELEMENT, pitch, rows, columns };
  }

  bind(schedule: Schedule): void {
    const { steps } = schedule;
    const parameters: number[] = [];
    const starts = steps.map((step) => {
      const start = parameters.length;
      for (const view of [...step.in, ...step.out]) {
        const { address, pitch } = this.place(view, schedule);
        parameters.push(address, pitch);
      }
      for (const arg of step.args) parameters.push(arg);
      return start;
    });
    this.table = this.arena + align(schedule.arenaBytes);
    const parametersAt = this.table + align(steps.length * 2 * Int32Array.BYTES_PER_ELEMENT);
    this.reserve(parametersAt + parameters.length * Int32Array.BYTES_PER_ELEMENT);
    new Int32Array(this.memory.buffer, parametersAt, parameters.length).set(parameters);
    const table = new Int32Array(this.memory.buffer, this.table, steps.length * 2);
    starts.forEach((start, i) => {
      table[2 * i] = steps[i]!.kernel;
      table[2 * i + 1] = parametersAt + start * Int32Array.BYTES_PER_ELEMENT;
    });
    this.plan.buffers.forEach((buffer, i) => {
      const placement = schedule.placements[i];
      if (buffer.kind !== 'state' || !placement || !('offset' in placement)) return;
      this.floats(this.arena + placement.offset, schedule.elements[i]!).fill(0);
    });
    this.steps = steps;
    this.inputs = schedule.inputs.map((view) => this.place(view, schedule));
    this.outputs = schedule.outputs.map((view) => this.place(view, schedule));
  }

  private writeRows({ address, pitch, rows, columns }: Place, data: TypedArray): void {
    const target = this.floats(address, (rows - 1) * pitch + columns);
    if (pitch === columns || rows === 1) {
      target.set(data);
      return;
    }
    for (let row = 0; row < rows; row++) target.set(data.subarray(row * columns, (row + 1) * columns), row * pitch);
  }

  private readRows({ address, pitch, rows, columns }: Place): Float32Array {
    const source = this.floats(address, (rows - 1) * pitch + columns);
    if (pitch === columns || rows === 1) return source.slice();
    const result = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row++) {
      result.set(source.subarray(row * pitch, row * pitch + columns), row * columns);
    }
    return result;
  }

  /** Copies of the outputs. */
  run(inputs: readonly TypedArray[]): Float32Array[] {
    this.inputs.forEach((place, i) => this.writeRows(place, inputs[i]!));
    guarded('the model', () => this.exports.run(this.table, 0, this.steps.length, 0));
    return this.outputs.map((place) => this.readRows(place));
  }

  /** Outputs, and the milliseconds of each step. */
  profile(inputs: readonly TypedArray[]): { outputs: Float32Array[]; milliseconds: number[] } {
    this.inputs.forEach((place, i) => this.writeRows(place, inputs[i]!));
    const milliseconds = this.steps.map(({ origin }, i) => {
      const start = performance.now();
      guarded(`step ${i} (${origin})`, () => this.exports.run(this.table, i, i + 1, 0));
      return performance.now() - start;
    });
    return { outputs: this.outputs.map((place) => this.readRows(place)), milliseconds };
  }
}
