/** Plan → Schedule: one set of placeholder values, loops expanded, every expression evaluated, every view checked. */

import type { BoundSetup, BoundStep, BoundView, DeviceSymbols, Schedule } from './backend';
import { INT32_MAX, integer as checkInteger, reject } from './check';
import { WebDNNError } from './errors';
import { evaluate, type Symbols } from './expr';
import { resolvePlaceholders } from './placeholders';
import { FOREVER, planMemory, type MemoryItem } from './planner';
import { formatShape, product } from './shape';
import type { Expr, Manifest, Plan, Repeat, Setup, Step, View } from './plan';

/** float32 and int32 alike. */
export const BYTES_PER_ELEMENT = 4;
const NONE: readonly Expr[] = [];
const MOST_STEPS = 1_000_000;
const DEFAULT_MEMORY = 2 ** 31;

function integer(expr: Expr, symbols: Symbols, minimum: number, path: string): number {
  const value = evaluate(expr, symbols);
  if (value < minimum || value > INT32_MAX) checkInteger(minimum, INT32_MAX)(value, path);
  return value;
}

function bindView(view: View, symbols: Symbols, elements: readonly number[], path: string): BoundView {
  const shape = view.shape.map((size, i) => integer(size, symbols, 1, `${path}.shape[${i}]`));
  const columns = shape.at(-1) ?? 1;
  const rows = product(shape.slice(0, -1));
  const offset = integer(view.offset, symbols, 0, `${path}.offset`);
  const pitch = integer(view.pitch, symbols, rows > 1 ? columns : 0, `${path}.pitch`);
  const end = offset + (rows - 1) * pitch + columns;
  const { buffer } = view;
  if (end > elements[buffer]!) {
    const where = `${end} (offset ${offset}, pitch ${pitch}, shape ${formatShape(shape)})`;
    reject(path, `to end within the ${elements[buffer]} elements of buffer ${buffer}`, where);
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

const usesIteration = (source: unknown): boolean =>
  typeof source === 'string'
    ? source.startsWith('$')
    : typeof source === 'object' && Object.values(source!).some(usesIteration);

/** Evaluates steps. If they are repeated, what no `$` symbol occurs in is evaluated once, and shared by all iterations. */
function binder(symbols: Symbols, elements: readonly number[], repeated = false) {
  const constants = new Map<object, unknown>();
  const once = <T>(source: object, make: () => T): T => {
    if (!repeated) return make();
    const known = constants.get(source);
    if (known) return known as T;
    const made = make();
    if (known === undefined) constants.set(source, usesIteration(source) ? false : made);
    return made;
  };
  const view = (source: View, path: string): BoundView => once(source, () => bindView(source, symbols, elements, path));
  const integers = (list: readonly Expr[], minimum: number, path: string): number[] =>
    once(list, () => list.map((expr, i) => integer(expr, symbols, minimum, `${path}[${i}]`)));
  /** What a Step and a Setup have in common. */
  const call = ({ kernel, args, dispatch = NONE }: Step | Setup, path: string) => ({
    kernel,
    args: integers(args, -INT32_MAX - 1, `${path}.args`),
    dispatch: integers(dispatch, 1, `${path}.dispatch`),
  });
  const step = (source: Step, path: string): BoundStep =>
    once(source, () => ({
      ...call(source, path),
      in: source.in.map((operand, i) => view(operand, `${path}.in[${i}]`)),
      out: source.out.map((operand, i) => view(operand, `${path}.out[${i}]`)),
      origin: source.origin,
    }));
  return { view, call, step };
}

/** Loops → a flat list. */
function expand(plan: Plan, symbols: Map<string, number>, elements: readonly number[]): BoundStep[] {
  const steps: BoundStep[] = [];
  const single = binder(symbols, elements);
  const repeated = binder(symbols, elements, true);
  let work = 0;
  const repeat = ({ repeat: times, body }: Repeat, path: string, depth: number): void => {
    const count = integer(times, symbols, 0, `${path}.repeat`);
    for (let i = 0; i < count; i++) {
      work += 1 + body.length; // a body may be empty
      if (work > MOST_STEPS) reject(`${path}.repeat`, `at most ${MOST_STEPS} steps in all loops`, count);
      symbols.set(`$${depth}`, i);
      visit(body, `${path}.body`, depth + 1);
    }
    symbols.delete(`$${depth}`);
  };
  const visit = (nodes: Plan['steps'], path: string, depth: number): void =>
    nodes.forEach((node, i) => {
      const at = `${path}[${i}]`;
      if ('repeat' in node) repeat(node, at, depth);
      else steps.push((depth ? repeated : single).step(node, at));
    });
  visit(plan.steps, 'plan.steps', 0);
  return steps;
}

const isPlanned = ({ kind }: Plan['buffers'][number]): boolean => kind === 'activation' || kind === 'state';

function planBuffers({ buffers }: Plan, elements: readonly number[], mode: 'arena' | 'slots') {
  const planned = buffers.flatMap((buffer, i) => (isPlanned(buffer) ? [i] : []));
  const items = planned.map((i): MemoryItem => {
    const buffer = buffers[i]!;
    const [first, last] = buffer.kind === 'activation' ? buffer.live : FOREVER;
    return { bytes: elements[i]! * BYTES_PER_ELEMENT, dtype: buffer.dtype, first, last };
  });
  const memory = planMemory(items, mode);
  const placements: Schedule['placements'][number][] = buffers.map(() => undefined);
  planned.forEach((i, item) => (placements[i] = memory.placements[item]));
  return { ...memory, placements };
}

/** All that the device will hold: weights, packed weights, planned memory. */
function checkMemory(plan: Plan, elements: readonly number[], planned: number): void {
  let bytes = planned;
  plan.buffers.forEach((buffer, i) => {
    if (!isPlanned(buffer)) bytes += elements[i]! * BYTES_PER_ELEMENT;
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
    if (bound.rows * bound.columns !== product(shape)) {
      reject(`plan.${side}[${i}].shape`, `the elements of ${formatShape(shape)}`, formatShape(bound.shape));
    }
    return bound;
  });
}

export const bindShape = (shape: readonly Expr[], symbols: Symbols): number[] =>
  shape.map((size) => integer(size, symbols, 1, 'shape'));

/** `values` must name every placeholder. `mode` is the backend's `memory`; `device` are the values of its symbols. */
export function bindPlan(
  manifest: Manifest,
  plan: Plan,
  values: Readonly<Record<string, number>>,
  mode: 'arena' | 'slots',
  device: DeviceSymbols = {},
): Schedule {
  const symbols = new Map([...resolvePlaceholders(manifest, values), ...Object.entries(device)]);
  const elements = bufferElements(manifest, plan, symbols);
  const memory = planBuffers(plan, elements, mode);
  checkMemory(
    plan,
    elements,
    memory.slots.reduce((sum, { bytes }) => sum + bytes, memory.arenaBytes),
  );
  return {
    steps: expand(plan, symbols, elements),
    inputs: bindInterface(manifest, plan, 'inputs', symbols, elements),
    outputs: bindInterface(manifest, plan, 'outputs', symbols, elements),
    elements,
    ...memory,
  };
}

/** The Setup steps, evaluated and checked: they never depend on placeholders. */
export function bindSetup(plan: Plan): BoundSetup[] {
  const elements = plan.buffers.map((buffer) => (buffer.kind === 'packed' ? buffer.elements : 0));
  const { call, view } = binder(new Map(), elements);
  return plan.setup.map((setup, i) => {
    const path = `plan.setup[${i}]`;
    return { ...call(setup, path), weight: setup.weight, out: view(setup.out, `${path}.out`) };
  });
}
