/** Plan → Schedule: one set of placeholder values, loops expanded, every expression evaluated, every view checked. */

import type { BoundStep, BoundView, Schedule } from './backend';
import { INT32_MAX } from './check';
import { WebDNNError } from './errors';
import { evaluate, type Symbols } from './expr';
import { resolvePlaceholders } from './placeholders';
import { FOREVER, planMemory, type MemoryItem } from './planner';
import type { Expr, Manifest, Plan, Repeat, Setup, Step, View } from './plan';

/** A Setup step, evaluated. Its kernel reads a piece of `weight` and writes into `out`. */
export interface BoundSetup {
  readonly kernel: number;
  readonly weight: number;
  readonly out: BoundView;
  readonly args: readonly number[];
  readonly dispatch: readonly number[];
}

/** float32 and int32 alike. */
export const BYTES_PER_ELEMENT = 4;
const MOST_STEPS = 1_000_000;
const DEFAULT_MEMORY = 2 ** 31;

function integer(expr: Expr, symbols: Symbols, minimum: number, path: string): number {
  const value = evaluate(expr, symbols);
  if (value >= minimum && value <= INT32_MAX) return value;
  throw new WebDNNError('descriptor', `${path}: expected an integer from ${minimum} to ${INT32_MAX}, got ${value}`);
}

function bindView(view: View, symbols: Symbols, elements: readonly number[], path: string): BoundView {
  const shape = view.shape.map((size, i) => integer(size, symbols, 1, `${path}.shape[${i}]`));
  const columns = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const offset = integer(view.offset, symbols, 0, `${path}.offset`);
  const pitch = integer(view.pitch, symbols, rows > 1 ? columns : 0, `${path}.pitch`);
  const end = offset + (rows - 1) * pitch + columns;
  const { buffer } = view;
  if (end > elements[buffer]!) {
    const what = `${end} elements do not fit buffer ${buffer} of ${elements[buffer]}`;
    throw new WebDNNError(
      'descriptor',
      `${path}: ${what} (offset ${offset}, pitch ${pitch}, shape ${shape.join('×')})`,
    );
  }
  return { buffer, offset, pitch, shape, rows, columns };
}

/** Elements of every buffer. Those of static buffers do not depend on `symbols`. */
function bufferElements(manifest: Manifest, plan: Plan, symbols: Symbols): number[] {
  return plan.buffers.map((buffer, i) => {
    const size = buffer.kind === 'weight' ? manifest.weights[buffer.weight]!.rows * buffer.pitch : buffer.elements;
    return integer(size, symbols, 1, `plan.buffers[${i}].elements`);
  });
}

/** Loops → a flat list. What does not change from iteration to iteration is evaluated once, and shared. */
class Expansion {
  readonly steps: BoundStep[] = [];
  private iterations = 0;
  private readonly constant = new Map<object, unknown>();

  constructor(
    private readonly symbols: Map<string, number>,
    private readonly elements: readonly number[],
  ) {}

  expand(nodes: readonly (Step | Repeat)[], path: string, depth = 0): void {
    nodes.forEach((node, i) => {
      const at = `${path}[${i}]`;
      if ('repeat' in node) this.repeat(node, at, depth);
      else this.steps.push(this.once(node, () => this.step(node, at)));
    });
  }

  private repeat({ repeat, body }: Repeat, path: string, depth: number): void {
    const count = integer(repeat, this.symbols, 0, `${path}.repeat`);
    for (let i = 0; i < count; i++) {
      this.iterations += 1 + body.length;
      if (this.iterations > MOST_STEPS) {
        throw new WebDNNError('descriptor', `${path}.repeat: the loops make more than ${MOST_STEPS} steps`);
      }
      this.symbols.set(`$${depth}`, i);
      this.expand(body, `${path}.body`, depth + 1);
    }
    this.symbols.delete(`$${depth}`);
  }

  private step(step: Step, path: string): BoundStep {
    const views = (list: readonly View[], side: string): BoundView[] =>
      list.map((view, i) =>
        this.once(view, () => bindView(view, this.symbols, this.elements, `${path}.${side}[${i}]`)),
      );
    const integers = (list: readonly Expr[], minimum: number, side: string): number[] =>
      this.once(list, () => list.map((expr, i) => integer(expr, this.symbols, minimum, `${path}.${side}[${i}]`)));
    return {
      kernel: step.kernel,
      in: views(step.in, 'in'),
      out: views(step.out, 'out'),
      args: integers(step.args, -INT32_MAX - 1, 'args'),
      dispatch: integers(step.dispatch ?? [], 1, 'dispatch'),
      origin: step.origin,
    };
  }

  /** `make()`, but only the first time if no `$` symbol occurs in `source`. */
  private once<T>(source: object, make: () => T): T {
    const known = this.constant.get(source);
    if (known) return known as T;
    const made = make();
    if (known === undefined) this.constant.set(source, usesIteration(source) ? false : made);
    return made;
  }
}

const usesIteration = (source: unknown): boolean =>
  typeof source === 'string'
    ? source.startsWith('$')
    : typeof source === 'object' && Object.values(source!).some(usesIteration);

function planBuffers(plan: Plan, elements: readonly number[], mode: 'arena' | 'slots') {
  const items: MemoryItem[] = [];
  const indices: number[] = [];
  plan.buffers.forEach((buffer, i) => {
    if (buffer.kind !== 'activation' && buffer.kind !== 'state') return;
    const [first, last] = buffer.kind === 'state' ? [FOREVER.first, FOREVER.last] : buffer.live;
    items.push({ bytes: elements[i]! * BYTES_PER_ELEMENT, dtype: buffer.dtype, first, last });
    indices.push(i);
  });
  const { placements: dense, arenaBytes, slots } = planMemory(items, mode);
  const placements: Schedule['placements'][number][] = plan.buffers.map(() => undefined);
  indices.forEach((i, item) => (placements[i] = dense[item]));
  return { placements, arenaBytes, slots };
}

/** All that the device will hold: weights, packed weights, planned memory. */
function checkMemory(plan: Plan, elements: readonly number[], planned: number): void {
  let bytes = planned;
  plan.buffers.forEach(({ kind }, i) => {
    if (kind === 'weight' || kind === 'packed') bytes += elements[i]! * BYTES_PER_ELEMENT;
  });
  const maximum = plan.memory?.maximum ?? DEFAULT_MEMORY;
  if (bytes > maximum) {
    throw new WebDNNError('memory', `the model needs ${bytes} bytes of memory; its plan allows ${maximum}`);
  }
}

function bindInterface(
  manifest: Manifest,
  plan: Plan,
  side: 'inputs' | 'outputs',
  symbols: Symbols,
  elements: number[],
) {
  return plan[side].map((view, i) => {
    const bound = bindView(view, symbols, elements, `plan.${side}[${i}]`);
    const shape = bindShape(manifest[side][i]!.shape, symbols);
    const length = shape.reduce((product, size) => product * size, 1);
    if (bound.rows * bound.columns !== length) {
      const got = bound.shape.join('×');
      throw new WebDNNError(
        'descriptor',
        `plan.${side}[${i}].shape: expected the elements of ${shape.join('×')}, got ${got}`,
      );
    }
    return bound;
  });
}

export const bindShape = (shape: readonly Expr[], symbols: Symbols): number[] =>
  shape.map((size) => integer(size, symbols, 1, 'shape'));

/** `values` must name every placeholder. `mode` is the backend's `memory`. */
export function bindPlan(
  manifest: Manifest,
  plan: Plan,
  values: Readonly<Record<string, number>>,
  mode: 'arena' | 'slots',
): Schedule {
  const symbols = resolvePlaceholders(manifest, values);
  const elements = bufferElements(manifest, plan, symbols);
  const memory = planBuffers(plan, elements, mode);
  checkMemory(
    plan,
    elements,
    memory.slots.reduce((sum, { bytes }) => sum + bytes, memory.arenaBytes),
  );
  const expansion = new Expansion(symbols, elements);
  expansion.expand(plan.steps, 'plan.steps');
  return {
    steps: expansion.steps,
    inputs: bindInterface(manifest, plan, 'inputs', symbols, elements),
    outputs: bindInterface(manifest, plan, 'outputs', symbols, elements),
    elements,
    ...memory,
  };
}

/** The Setup steps, evaluated and checked: they never depend on placeholders. */
export function bindSetup(plan: Plan): BoundSetup[] {
  const symbols = new Map<string, number>();
  const elements = plan.buffers.map((buffer) => (buffer.kind === 'packed' ? buffer.elements : 0));
  return plan.setup.map((setup: Setup, i) => ({
    kernel: setup.kernel,
    weight: setup.weight,
    out: bindView(setup.out, symbols, elements, `plan.setup[${i}].out`),
    args: setup.args.map((expr, j) => integer(expr, symbols, -INT32_MAX - 1, `plan.setup[${i}].args[${j}]`)),
    dispatch: (setup.dispatch ?? []).map((expr, j) => integer(expr, symbols, 1, `plan.setup[${i}].dispatch[${j}]`)),
  }));
}
