/** Plan → Schedule: one set of placeholder values, loops expanded, every expression evaluated, every view checked. */

import type { BoundSetup, BoundStep, BoundView, DeviceSymbols, Schedule } from './backend';
import { INT32_MAX, integer as checkInteger, reject } from './check';
import { BYTES_PER_ELEMENT } from './dtypes';
import { WebDNNError } from './errors';
import { evaluate, namesIn, type Symbols } from './expr';
import { formatValues, resolvePlaceholders, type Values } from './placeholders';
import { FOREVER, planMemory, type MemoryItem } from './planner';
import { formatBytes, formatShape, product } from './shape';
import type { Expr, Manifest, Plan, Repeat, Setup, Step, View } from './plan';

const NONE: readonly Expr[] = [];
const MOST_STEPS = 1_000_000;
/** Numbers of all iterations together that differ from one to the next: they are evaluated one by one, on the page's thread. */
const MOST_NUMBERS = 1_000_000;
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

const elementsOf = (manifest: Manifest, buffer: Plan['buffers'][number]): Expr =>
  buffer.kind === 'weight' ? manifest.weights[buffer.weight]!.rows * buffer.pitch : buffer.elements;

const bytesOf = ({ storage }: Plan['buffers'][number], elements: number): number =>
  elements * BYTES_PER_ELEMENT[storage];

/** Elements of every buffer. Those of static buffers do not depend on `symbols`. */
const bufferElements = (manifest: Manifest, plan: Plan, symbols: Symbols): number[] =>
  plan.buffers.map((buffer, i) => integer(elementsOf(manifest, buffer), symbols, 1, `plan.buffers[${i}].elements`));

const isOfIteration = (expr: Expr): boolean =>
  typeof expr === 'string' ? expr.startsWith('$') : typeof expr === 'object' && expr.slice(1).some(isOfIteration);

/** The expressions of a view; its shape never depends on an iteration. */
const placeOf = ({ offset, pitch }: View): Expr[] => [offset, pitch];

/** The expressions of a step that may depend on an iteration, in lists of which each is evaluated as a whole. */
const listsOf = ({ args, dispatch = NONE, in: inputs, out }: Step): (readonly Expr[])[] => [
  args,
  dispatch,
  ...[...inputs, ...out].map(placeOf),
];

/** How many numbers of a step or loop are evaluated anew in each iteration; those of inner loops are counted there. */
const numbersOf = (node: Step | Repeat): number =>
  'repeat' in node
    ? Number(isOfIteration(node.repeat))
    : listsOf(node).reduce((sum, list) => sum + (list.some(isOfIteration) ? list.length : 0), 0);

/** Evaluates steps. If they are repeated, what no `$` symbol occurs in is evaluated once, and shared by all iterations. */
function binder(symbols: Symbols, elements: readonly number[], repeated = false) {
  const constants = new Map<object, unknown>();
  const once = <T>(source: object, exprs: () => readonly Expr[], make: () => T): T => {
    if (!repeated) return make();
    const known = constants.get(source);
    if (known) return known as T;
    const made = make();
    if (known === undefined) constants.set(source, exprs().some(isOfIteration) ? false : made);
    return made;
  };
  const view = (source: View, path: string): BoundView =>
    once(
      source,
      () => placeOf(source),
      () => bindView(source, symbols, elements, path),
    );
  const integers = (list: readonly Expr[], minimum: number, path: string): number[] =>
    once(
      list,
      () => list,
      () => list.map((expr, i) => integer(expr, symbols, minimum, `${path}[${i}]`)),
    );
  /** What a Step and a Setup have in common. */
  const call = ({ kernel, args, dispatch = NONE }: Step | Setup, path: string) => ({
    kernel,
    args: integers(args, -INT32_MAX - 1, `${path}.args`),
    dispatch: integers(dispatch, 1, `${path}.dispatch`),
  });
  const step = (source: Step, path: string): BoundStep =>
    once(
      source,
      () => listsOf(source).flat(),
      () => ({
        ...call(source, path),
        in: source.in.map((operand, i) => view(operand, `${path}.in[${i}]`)),
        out: source.out.map((operand, i) => view(operand, `${path}.out[${i}]`)),
        origin: source.origin,
      }),
    );
  return { view, call, step };
}

/** Loops → a flat list. */
function expand(plan: Plan, symbols: Map<string, number>, elements: readonly number[]): BoundStep[] {
  const steps: BoundStep[] = [];
  const single = binder(symbols, elements);
  const repeated = binder(symbols, elements, true);
  let work = 0;
  let numbers = 0;
  const repeat = ({ repeat: times, body }: Repeat, path: string, depth: number): void => {
    const count = integer(times, symbols, 0, `${path}.repeat`);
    const numbersOfBody = body.reduce((sum, node) => sum + numbersOf(node), 0);
    work += count * (1 + body.length); // a body may be empty
    numbers += count * numbersOfBody;
    if (work > MOST_STEPS) reject(`${path}.repeat`, `at most ${MOST_STEPS} steps in all loops`, count);
    if (numbers > MOST_NUMBERS) {
      reject(`${path}.repeat`, `at most ${MOST_NUMBERS} numbers that change from step to step in all loops`, count);
    }
    for (let i = 0; i < count; i++) {
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
    return { bytes: bytesOf(buffer, elements[i]!), storage: buffer.storage, first, last };
  });
  const memory = planMemory(items, mode);
  const placements: Schedule['placements'][number][] = buffers.map(() => undefined);
  planned.forEach((i, item) => (placements[i] = memory.placements[item]));
  return { ...memory, placements };
}

const mostMemory = (plan: Plan): number => plan.memory?.maximum ?? DEFAULT_MEMORY;

/** `values` ask for more memory than the plan allows; a model without placeholders does so itself. */
function refuseMemory(plan: Plan, bytes: number, values: Values): never {
  const given = formatValues(values);
  const needs = `needs ${formatBytes(bytes)} of memory; its plan allows ${formatBytes(mostMemory(plan))}`;
  if (!given) throw new WebDNNError('memory', `the model ${needs} (--max-memory of the converter)`);
  throw new WebDNNError('placeholder', `${given} is too large: the model ${needs}`);
}

/** Before anything is evaluated exactly, which such numbers may not be. */
function refuseHugeBuffers(manifest: Manifest, plan: Plan, values: Values, symbols: Symbols): void {
  if (!symbols.size) return; // a number that is wrong in a plan without placeholders is named itself
  for (const buffer of plan.buffers) {
    const bytes = bytesOf(buffer, evaluate(elementsOf(manifest, buffer), symbols, true));
    if (bytes > mostMemory(plan)) refuseMemory(plan, bytes, values);
  }
}

/** All that the device will hold: weights, packed weights, planned memory. */
function checkMemory(plan: Plan, elements: readonly number[], planned: number, values: Values): void {
  let bytes = planned;
  plan.buffers.forEach((buffer, i) => {
    if (!isPlanned(buffer)) bytes += bytesOf(buffer, elements[i]!);
  });
  if (bytes > mostMemory(plan)) refuseMemory(plan, bytes, values);
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
  values: Values,
  mode: 'arena' | 'slots',
  device: DeviceSymbols = {},
): Schedule {
  const placeholders = resolvePlaceholders(manifest, values);
  refuseHugeBuffers(manifest, plan, values, placeholders);
  const symbols = new Map([...placeholders, ...Object.entries(device)]);
  const elements = bufferElements(manifest, plan, symbols);
  const memory = planBuffers(plan, elements, mode);
  const planned = memory.slots.reduce((sum, { bytes }) => sum + bytes, memory.arenaBytes);
  checkMemory(plan, elements, planned, values);
  return {
    steps: expand(plan, symbols, elements),
    inputs: bindInterface(manifest, plan, 'inputs', symbols, elements),
    outputs: bindInterface(manifest, plan, 'outputs', symbols, elements),
    elements,
    ...memory,
  };
}

/** The state buffers whose size is the same by both sets of values, because no placeholder that occurs in it has changed. */
export const unchangedStates = ({ buffers }: Plan, before: Values, after: Values): number[] =>
  buffers.flatMap((buffer, i) =>
    buffer.kind === 'state' && namesIn(buffer.elements).every((name) => before[name] === after[name]) ? [i] : [],
  );

/** The Setup steps, evaluated and checked: they never depend on placeholders. */
export function bindSetup(plan: Plan): BoundSetup[] {
  const elements = plan.buffers.map((buffer) => (buffer.kind === 'packed' ? buffer.elements : 0));
  const { call, view } = binder(new Map(), elements);
  return plan.setup.map((setup, i) => {
    const path = `plan.setup[${i}]`;
    return { ...call(setup, path), weight: setup.weight, out: view(setup.out, `${path}.out`) };
  });
}
