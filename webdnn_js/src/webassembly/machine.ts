/**
 * A compiled model in its linear memory: constants and stack | scratch of each thread, stacks of threads 1, 2 … | weights, packed weights | arena |
 * parameters of the steps. Everything after the weights moves when sizes change. While weights arrive, every loader has a part of the memory behind
 * that, since the arena is in use: thread 0 warms up. Lives in a worker, or on the main thread where there is none.
 */

import type { BoundSetup, BoundStep, BoundView, Schedule, TypedArray } from '../backend';
import { WebDNNError, reasonOf } from '../errors';
import type { Plan, Weight } from '../plan';
import { BYTES_PER_ELEMENT } from '../schedule';
import { PARAMETER_BYTES, type Layout } from './loader';
import { makeMemory, outOfMemory, PAGE, readRows, writeRows, type Place } from './memory';

/** What a module exports; kernels/team.h.jinja and module.c.jinja explain it. */
export interface Exports {
  readonly __heap_base: WebAssembly.Global;
  readonly __stack_pointer: WebAssembly.Global;
  scratch_bytes(): number;
  use_scratch(address: number): void;
  run(table: number, first: number, last: number, threads: number): void;
  serve(thread: number, threads: number, seen: number): void;
  runs(): number;
  leave(): number;
  recover(threads: number): void;
}

/** What is run. */
export interface Model {
  readonly plan: Plan;
  readonly setups: readonly BoundSetup[];
  readonly weights: readonly Weight[];
  /** In bytes. */
  readonly largestShard: number;
  /** If sizes never change. */
  readonly schedule: Schedule | undefined;
}

/** How many threads run a model, how many read its weights, and whether they share memory (a module is linked for one or the other). */
export interface Team {
  readonly threads: number;
  readonly loaders: number;
  readonly shared: boolean;
}

/** What another thread needs to take part: it makes an instance of its own on the same memory. */
export interface Seat {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  readonly thread: number;
  readonly threads: number;
  /** Its upper end. */
  readonly stack: number;
  /** Address of the number of runs; −1 ends the thread. */
  readonly runs: number;
}

/** Where inputs and outputs are. */
export interface Places {
  readonly inputs: readonly Place[];
  readonly outputs: readonly Place[];
}

export interface Results {
  readonly inputs: readonly TypedArray[];
  readonly outputs: readonly TypedArray[];
}

/** A module's constants and stack; modules are linked for at least this much memory. */
const STATIC_BYTES = 1 << 20;
const STACK_BYTES = 1 << 16;
/** Most scratch memory that a thread of any module asks for. */
const SCRATCH_BYTES = 1 << 18;
const INT = Int32Array.BYTES_PER_ELEMENT;
/** Of memory that other threads share and that has to grow: it needs a maximum. */
const MOST_MEMORY = 2 ** 31;
const ALIGNMENT = 64;
/** Milliseconds of work after which an engine has seen that a kernel is worth its better compiler, and what all kernels get together. */
const WARM_UP = 2;
const WARM_UP_ALL = 50;
const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Browsers name the rule that a Content-Security-Policy lacks, if at all, by its old and wider name. */
function notCompiled(error: unknown): never {
  const reason = reasonOf(error);
  const remedy = /unsafe-eval|CSP|Content.Security/i.test(reason) ? " (allow 'wasm-unsafe-eval' in script-src)" : '';
  throw new WebDNNError('backend', `webassembly: the kernels do not compile: ${reason}${remedy}`, { cause: error });
}

/** Bytes of the table and the parameters of `steps`. */
const tableBytes = ({ steps }: Schedule): number =>
  steps.reduce(
    (sum, step) => sum + (2 + 2 * (step.in.length + step.out.length) + step.args.length) * INT,
    2 * ALIGNMENT,
  );

export class Machine {
  private readonly memory: WebAssembly.Memory;
  private module!: WebAssembly.Module;
  exports!: Exports;
  private stacks = 0;
  /** Address of every weight and packed buffer, by buffer index. */
  private readonly fixed: number[] = [];
  private arena = 0;
  private table = 0;
  private steps: readonly BoundStep[] = [];
  private places: Places = { inputs: [], outputs: [] };
  /** Where weights go, and each loader's part of the memory. */
  layout!: Layout;

  private constructor(
    private readonly model: Model,
    private readonly team: Team,
  ) {
    const { plan, schedule } = model;
    const fixed = plan.buffers.reduce((sum, _, i) => sum + align(this.fixedBytes(i)), this.threadBytes + STATIC_BYTES);
    const bytes = fixed + this.arenaBytes + team.loaders * this.stagingBytes;
    try {
      this.memory = makeMemory(bytes, !schedule, plan.memory?.maximum ?? MOST_MEMORY, team.shared);
    } catch (error) {
      throw outOfMemory(bytes, error);
    }
  }

  static async create(code: ArrayBuffer, model: Model, team: Team): Promise<Machine> {
    const machine = new Machine(model, team);
    const { module, instance } = await WebAssembly.instantiate(code, { env: { memory: machine.memory } }).catch(
      notCompiled,
    );
    machine.module = module;
    machine.exports = instance.exports as unknown as Exports;
    machine.placeWeights();
    return machine;
  }

  /** For all threads, the caller's first. */
  get seats(): Seat[] {
    const { module, memory, layout, team } = this;
    const { threads } = team;
    const runs = this.exports.runs();
    return Array.from({ length: this.seatCount }, (_, thread) => {
      return { module, memory, layout, threads, runs, thread, stack: this.stacks + thread * STACK_BYTES };
    });
  }

  private get seatCount(): number {
    return Math.max(this.team.threads, this.team.loaders);
  }

  /** Runs steps first … last of `table` on all threads; a trap becomes an error of ours. */
  private execute(what: string, table: number, first: number, last: number, threads = this.team.threads): void {
    const stack: unknown = this.exports.__stack_pointer.value;
    try {
      this.exports.run(table, first, last, threads);
    } catch (error) {
      this.exports.__stack_pointer.value = stack;
      if (threads > 1) {
        this.exports.leave();
        this.exports.recover(threads);
      }
      throw new WebDNNError('backend', `webassembly: ${what} failed: ${reasonOf(error)}`, { cause: error });
    }
  }

  /**
   * Runs some steps of every kernel, the smallest first, on memory that is still all zero, so that the engine has replaced its first,
   * slow code when the weights are there. On one thread: the others read weights, and share the code.
   */
  warmUp(): void {
    const { plan, schedule } = this.model;
    if (!schedule) return;
    this.bind(schedule);
    const sizes = this.steps.map((step) =>
      [...step.in, ...step.out].reduce((sum, { rows, columns }) => sum + rows * columns, 0),
    );
    const order = [...sizes.keys()].sort((a, b) => sizes[a]! - sizes[b]!);
    const spent = plan.kernels.map(() => 0);
    let all = 0;
    for (const i of order) {
      const { kernel } = this.steps[i]!;
      if (spent[kernel]! >= WARM_UP || all >= WARM_UP_ALL) continue;
      const start = performance.now();
      this.execute(`step ${i} on zeros`, this.table, i, i + 1, 1);
      const time = performance.now() - start;
      spent[kernel]! += time;
      all += time;
    }
  }

  private get threadBytes(): number {
    return this.seatCount * (SCRATCH_BYTES + STACK_BYTES);
  }

  private fixedBytes(buffer: number): number {
    const { plan, weights } = this.model;
    const one = plan.buffers[buffer]!;
    if (one.kind === 'weight') return weights[one.weight]!.rows * one.pitch * BYTES_PER_ELEMENT;
    return one.kind === 'packed' ? one.elements * BYTES_PER_ELEMENT : 0;
  }

  private placeWeights(): void {
    const scratch = align(Number(this.exports.__heap_base.value));
    if (this.exports.scratch_bytes() > SCRATCH_BYTES) throw new Error('the module needs more scratch memory');
    this.exports.use_scratch(scratch);
    this.stacks = scratch + this.seatCount * SCRATCH_BYTES;
    let address = this.stacks + this.seatCount * STACK_BYTES;
    this.model.plan.buffers.forEach((_, i) => {
      const bytes = this.fixedBytes(i);
      if (bytes) this.fixed[i] = address;
      address += align(bytes);
    });
    this.arena = address;
    const staging = this.arena + this.arenaBytes;
    this.layout = { destinations: this.destinations(), staging, stagingBytes: this.stagingBytes };
    this.reserve(staging + this.team.loaders * this.stagingBytes);
  }

  /** Of the arena and the parameters, where sizes are known. */
  private get arenaBytes(): number {
    const { schedule } = this.model;
    return schedule ? align(schedule.arenaBytes + tableBytes(schedule)) : 0;
  }

  /** Of each loader. */
  private get stagingBytes(): number {
    return align(this.model.largestShard) + PARAMETER_BYTES;
  }

  private destinations(): Layout['destinations'] {
    const { plan, setups, weights } = this.model;
    return weights.map(({ columns, dtype }, weight) => ({
      columns,
      dtype,
      copies: plan.buffers.flatMap((buffer, i) =>
        buffer.kind === 'weight' && buffer.weight === weight ? [{ address: this.fixed[i]!, pitch: buffer.pitch }] : [],
      ),
      setups: setups
        .filter((setup) => setup.weight === weight)
        .map(({ kernel, args, out: { buffer, offset, pitch } }) => {
          return { kernel, args, pitch, address: this.fixed[buffer]! + offset * BYTES_PER_ELEMENT };
        }),
    }));
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

  private place(view: BoundView, schedule: Schedule): Place {
    const placement = schedule.placements[view.buffer];
    const start = placement && 'offset' in placement ? this.arena + placement.offset : this.fixed[view.buffer]!;
    const { pitch, rows, columns } = view;
    return { address: start + view.offset * BYTES_PER_ELEMENT, pitch, rows, columns };
  }

  bind(schedule: Schedule): Places {
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
    const parametersAt = this.table + align(steps.length * 2 * INT);
    this.reserve(parametersAt + parameters.length * INT);
    new Int32Array(this.memory.buffer, parametersAt, parameters.length).set(parameters);
    const table = new Int32Array(this.memory.buffer, this.table, steps.length * 2);
    starts.forEach((start, i) => {
      table[2 * i] = steps[i]!.kernel;
      table[2 * i + 1] = parametersAt + start * INT;
    });
    this.model.plan.buffers.forEach((buffer, i) => {
      const placement = schedule.placements[i];
      if (buffer.kind !== 'state' || !placement || !('offset' in placement)) return;
      this.floats(this.arena + placement.offset, schedule.elements[i]!).fill(0);
    });
    this.steps = steps;
    this.places = {
      inputs: schedule.inputs.map((view) => this.place(view, schedule)),
      outputs: schedule.outputs.map((view) => this.place(view, schedule)),
    };
    return this.places;
  }

  /** Without `inputs`, they are in the memory already, and the outputs are left there. */
  run(inputs?: readonly TypedArray[]): Results | undefined {
    return this.compute(inputs, () => this.execute('the model', this.table, 0, this.steps.length));
  }

  /** The same, and the milliseconds of each step. */
  profile(inputs: readonly TypedArray[]): Results & { milliseconds: number[] } {
    let milliseconds: number[] = [];
    const results = this.compute(inputs, () => {
      milliseconds = this.steps.map(({ origin }, i) => {
        const start = performance.now();
        this.execute(`step ${i} (${origin})`, this.table, i, i + 1);
        return performance.now() - start;
      });
    });
    return { ...results!, milliseconds };
  }

  private compute(inputs: readonly TypedArray[] | undefined, work: () => void): Results | undefined {
    inputs?.forEach((data, i) => writeRows(this.memory.buffer, this.places.inputs[i]!, data));
    work();
    return inputs && { inputs, outputs: this.places.outputs.map((place) => readRows(this.memory.buffer, place)) };
  }
}
