/**
 * A compiled model in its linear memory: constants and stack | scratch of each thread, stacks of threads 1, 2 … | weights, packed weights | arena |
 * parameters of the steps. Everything after the weights moves when sizes change. Lives in a worker, or on the main thread where there is none.
 */

import type { BoundSetup, BoundStep, BoundView, Cells, Schedule, WeightRows } from '../backend';
import { LARGEST_SHARD } from '../check';
import { BYTES_PER_ELEMENT, CELLS } from '../dtypes';
import { WebDNNError, reasonOf } from '../errors';
import type { Content } from '../fetch';
import { readMatrix, writeMatrix, type Place } from '../matrix';
import type { Plan, Storage, Weight } from '../plan';
import { wayOf } from './ways';

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

const FUNCTIONS = ['scratch_bytes', 'use_scratch', 'run', 'serve', 'runs', 'leave', 'recover'] as const;
const GLOBALS = ['__heap_base', '__stack_pointer'] as const;

/** What another thread needs to take part: it makes an instance of its own on the same memory. */
export interface Seat {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly threads: number;
  /** Its upper end. */
  readonly stack: number;
  /** Address of the number of runs; −1 ends the thread. */
  readonly runs: number;
}

/** What is run. */
export interface Model {
  readonly plan: Plan;
  readonly setups: readonly BoundSetup[];
  readonly weights: readonly Weight[];
  /** If sizes never change. */
  readonly schedule: Schedule | undefined;
}

/** How many threads run it, and whether their memory is shared (a module is linked for one or the other). */
export interface Team {
  readonly threads: number;
  readonly shared: boolean;
}

export interface Results {
  readonly inputs: readonly Cells[];
  readonly outputs: readonly Cells[];
}

/** A matrix in memory, and the storage class of its cells. */
interface Area extends Place {
  readonly storage: Storage;
}

const PAGE = 65536;
/** A module's constants and stack; modules are linked for at least this much memory. */
const STATIC_BYTES = 1 << 20;
const STACK_BYTES = 1 << 16;
/** Most scratch memory that a thread of any module asks for. */
const SCRATCH_BYTES = 1 << 18;
const INT = Int32Array.BYTES_PER_ELEMENT;
/** Kernels are given addresses of cells of one size, for both storage classes. */
const CELL = BYTES_PER_ELEMENT.float;
/** Of memory that other threads share and that has to grow: it needs a maximum. */
const MOST_MEMORY = 2 ** 31;
const ALIGNMENT = 64;
/** Milliseconds of work after which an engine has seen that a kernel is worth its better compiler, and what all kernels get together. */
const WARM_UP = 2;
const WARM_UP_ALL = 50;
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

const foreign = (what: string, cause?: unknown): WebDNNError =>
  new WebDNNError('descriptor', `webassembly: the kernels are none of a Descriptor: ${what}; convert the model again`, {
    cause,
  });

/** An instance of `module` on `memory`, which has all that we call. */
export async function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Exports> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } }).catch((error: unknown) => {
    throw error instanceof WebAssembly.LinkError ? foreign(error.message, error) : error;
  });
  for (const name of FUNCTIONS) if (typeof exports[name] !== 'function') throw foreign(`no function ${name}`);
  for (const name of GLOBALS) if (!(exports[name] instanceof WebAssembly.Global)) throw foreign(`no global ${name}`);
  return exports as unknown as Exports;
}

export const compile = (code: Content): Promise<WebAssembly.Module> => WebAssembly.compile(code).catch(notCompiled);

/** Bytes of the table and the parameters of `steps`. */
const tableBytes = ({ steps }: Schedule): number =>
  steps.reduce(
    (sum, step) => sum + (2 + 2 * (step.in.length + step.out.length) + step.args.length) * INT,
    2 * ALIGNMENT,
  );

/** Shared if `threads` > 1. Memory that never grows gets no room to: some phones then reserve no more than it has. */
function makeMemory(bytes: number, grows: boolean, most: number, shared: boolean): WebAssembly.Memory {
  const initial = Math.ceil(bytes / PAGE);
  if (grows && !shared) return new WebAssembly.Memory({ initial });
  let maximum = grows ? Math.max(initial, Math.floor(most / PAGE)) : initial;
  for (;;) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared });
    } catch (error) {
      // A smaller reservation may do.
      if (maximum <= 2 * initial) throw error;
      maximum >>= 1;
    }
  }
}

/** Bytes of scratch memory and stacks. */
const threadBytes = (threads: number): number => threads * (SCRATCH_BYTES + STACK_BYTES);

/** Bytes of a weight or packed buffer, 0 of others. */
function fixedBytes({ plan, weights }: Model, buffer: number): number {
  const one = plan.buffers[buffer]!;
  if (one.kind === 'weight') return weights[one.weight]!.rows * one.pitch * CELL;
  return one.kind === 'packed' ? one.elements * CELL : 0;
}

/** What the Setup steps need behind the weights: the largest piece, and parameters. */
function setupBytes({ setups, weights }: Model): number {
  const pieces = setups.map(({ weight }) => {
    const { rows, columns } = weights[weight]!;
    return Math.min(rows * columns * CELL, LARGEST_SHARD);
  });
  return Math.max(0, ...pieces) + 2 * PAGE;
}

/** All memory of a model of one size; of others, what does not depend on sizes. */
function memoryFor(model: Model, { threads, shared }: Team): WebAssembly.Memory {
  const { plan, schedule } = model;
  const fixed = plan.buffers.reduce(
    (sum, _, i) => sum + align(fixedBytes(model, i)),
    STATIC_BYTES + threadBytes(threads),
  );
  const bytes = fixed + (schedule ? Math.max(schedule.arenaBytes + tableBytes(schedule), setupBytes(model)) : 0);
  try {
    return makeMemory(bytes, !schedule, plan.memory?.maximum ?? MOST_MEMORY, shared);
  } catch (error) {
    throw outOfMemory(bytes, error);
  }
}

export class Machine {
  /** Where the stacks of threads 1, 2 … begin, less the length of one. */
  private readonly stacks: number;
  /** Address of every weight and packed buffer, by buffer index. */
  private readonly fixed: readonly number[];
  private readonly arena: number;
  private table = 0;
  private schedule: Schedule | undefined;
  private steps: readonly BoundStep[] = [];
  private inputs: readonly Area[] = [];
  private outputs: readonly Area[] = [];

  private constructor(
    private readonly module: WebAssembly.Module,
    private readonly model: Model,
    private readonly threads: number,
    private readonly memory: WebAssembly.Memory,
    private readonly exports: Exports,
  ) {
    const scratch = align(Number(exports.__heap_base.value));
    if (exports.scratch_bytes() > SCRATCH_BYTES) throw foreign('they need more scratch memory');
    exports.use_scratch(scratch);
    this.stacks = scratch + threads * SCRATCH_BYTES;
    const fixed: number[] = [];
    let address = scratch + threadBytes(threads);
    model.plan.buffers.forEach((_, i) => {
      const bytes = fixedBytes(model, i);
      if (bytes) fixed[i] = address;
      address += align(bytes);
    });
    this.fixed = fixed;
    this.arena = address;
  }

  static async create(module: WebAssembly.Module, model: Model, team: Team): Promise<Machine> {
    const memory = memoryFor(model, team);
    const exports = await instantiate(module, memory);
    const machine = new Machine(module, model, team.threads, memory, exports);
    if (model.schedule) machine.warmUp(model.schedule);
    return machine;
  }

  /** For threads 1, 2 …. */
  get seats(): Seat[] {
    const { module, memory, threads } = this;
    const runs = this.exports.runs();
    return Array.from({ length: threads - 1 }, (_, i) => {
      return { module, memory, threads, runs, thread: i + 1, stack: this.stacks + (i + 1) * STACK_BYTES };
    });
  }

  /** Runs steps first … last of `table` on all threads; a trap becomes an error of ours. */
  private execute(what: string, table: number, first: number, last: number, threads = this.threads): void {
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
   * Runs some steps of every way through a kernel, the smallest first, on memory that is still all zero, so that the engine has replaced its first,
   * slow code when the weights are there. On one thread: the others have not joined yet, and share the code.
   */
  private warmUp(schedule: Schedule): void {
    this.bind(schedule, []);
    this.touch(this.arena, this.table);
    const sizes = this.steps.map((step) =>
      [...step.in, ...step.out].reduce((sum, { rows, columns }) => sum + rows * columns, 0),
    );
    const order = [...sizes.keys()].sort((a, b) => sizes[a]! - sizes[b]!);
    const spent = new Map<string, number>();
    let all = 0;
    for (const i of order) {
      const step = this.steps[i]!;
      const way = wayOf(step, this.model.plan.kernels[step.kernel]!.name);
      const before = spent.get(way) ?? 0;
      if (before >= WARM_UP || all >= WARM_UP_ALL) continue;
      const start = performance.now();
      for (const { buffer } of step.in) {
        const at = this.fixed[buffer];
        if (at !== undefined) this.touch(at, at + fixedBytes(this.model, buffer));
      }
      this.execute(`step ${i} on zeros`, this.table, i, i + 1, 1);
      const time = performance.now() - start;
      spent.set(way, before + time);
      all += time;
    }
  }

  /**
   * Writes into memory that is still all zero. The system gives a page when it is first written; one that was read before, it has to take
   * from all processors again, which takes several times as long.
   */
  private touch(start: number, end: number): void {
    new Uint8Array(this.memory.buffer).fill(0, start, end);
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

  /** All of the memory, as cells of a storage class. Never kept: the memory may grow, and this would not. */
  private cells(storage: Storage): Cells {
    return new CELLS[storage](this.memory.buffer);
  }

  /** The piece lies where the arena will be while Setup kernels read it; the memory behind it holds their parameters. */
  writeWeight({ weight, row, rows, data }: WeightRows): void {
    const { plan, weights } = this.model;
    const { columns, storage } = weights[weight]!;
    plan.buffers.forEach((buffer, i) => {
      if (buffer.kind === 'weight' && buffer.weight === weight) {
        const { pitch } = buffer;
        const offset = this.fixed[i]! / CELL + row * pitch;
        writeMatrix(this.cells(storage), { offset, pitch, rows, columns }, data);
      }
    });
    const setups = this.model.setups.filter((setup) => setup.weight === weight);
    if (!setups.length) return;
    const parameters = align(this.arena + data.byteLength);
    this.reserve(parameters + PAGE);
    this.cells(storage).set(data, this.arena / CELL);
    for (const { kernel, out, args } of setups) {
      const target = this.fixed[out.buffer]! + out.offset * CELL;
      const values = [this.arena, columns, target, out.pitch, row, rows, ...args];
      // A table of one step, and its parameters behind it.
      const step = [kernel, parameters + 2 * INT, ...values];
      new Int32Array(this.memory.buffer, parameters, step.length).set(step);
      this.execute(`packing weight ${weight}`, parameters, 0, 1);
    }
  }

  private place(view: BoundView, schedule: Schedule): Area {
    const placement = schedule.placements[view.buffer];
    const start = placement && 'offset' in placement ? this.arena + placement.offset : this.fixed[view.buffer]!;
    const { pitch, rows, columns } = view;
    const { storage } = this.model.plan.buffers[view.buffer]!;
    return { offset: start / CELL + view.offset, pitch, rows, columns, storage };
  }

  /** The cells of a state buffer, until the memory grows. */
  private state(buffer: number): Cells {
    const { placements, elements } = this.schedule!;
    const { offset } = placements[buffer] as { offset: number };
    const start = (this.arena + offset) / CELL;
    return this.cells(this.model.plan.buffers[buffer]!.storage).subarray(start, start + elements[buffer]!);
  }

  resetStates(): void {
    this.model.plan.buffers.forEach(({ kind }, i) => {
      if (kind === 'state') this.state(i).fill(0);
    });
  }

  /** The buffers `kept` hold what they held, though all of the arena moves. */
  bind(schedule: Schedule, kept: readonly number[]): void {
    const saved = kept.map((buffer) => this.state(buffer).slice());
    const { steps } = (this.schedule = schedule);
    const parameters: number[] = [];
    const starts = steps.map((step) => {
      const start = parameters.length;
      for (const view of [...step.in, ...step.out]) {
        const { offset, pitch } = this.place(view, schedule);
        parameters.push(offset * CELL, pitch);
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
    this.resetStates();
    kept.forEach((buffer, i) => this.state(buffer).set(saved[i]!));
    this.steps = steps;
    this.inputs = schedule.inputs.map((view) => this.place(view, schedule));
    this.outputs = schedule.outputs.map((view) => this.place(view, schedule));
  }

  private setInputs(inputs: readonly Cells[]): void {
    this.inputs.forEach((place, i) => writeMatrix(this.cells(place.storage), place, inputs[i]!));
  }

  /** Copies: the memory may be shared by threads, and not every API takes such memory. */
  private getOutputs(): Cells[] {
    return this.outputs.map((place) => {
      const values = new CELLS[place.storage](place.rows * place.columns);
      readMatrix(this.cells(place.storage), place, values);
      return values;
    });
  }

  /** Copies of the outputs; `inputs` are given back. */
  run(inputs: readonly Cells[]): Results {
    this.setInputs(inputs);
    this.execute('the model', this.table, 0, this.steps.length);
    return { inputs, outputs: this.getOutputs() };
  }

  /** The same, and the milliseconds of each step. */
  profile(inputs: readonly Cells[]): Results & { milliseconds: number[] } {
    this.setInputs(inputs);
    const milliseconds = this.steps.map(({ origin }, i) => {
      const start = performance.now();
      this.execute(`step ${i} (${origin})`, this.table, i, i + 1);
      return performance.now() - start;
    });
    return { inputs, outputs: this.getOutputs(), milliseconds };
  }
}
