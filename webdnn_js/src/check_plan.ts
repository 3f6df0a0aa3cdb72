/** Is this untrusted value a Plan that goes with `manifest`? What depends on placeholders, schedule.ts checks later. */

import {
  data,
  dictionary,
  expr,
  fields,
  index,
  integer,
  list,
  oneOf,
  optional,
  reject,
  storage,
  text,
  version,
  INT32_MAX,
  type Check,
} from './check';
import { storageOf } from './dtypes';
import type { BackendName, Buffer, Manifest, Plan, Repeat, Step, View } from './plan';

const DEEPEST_LOOP = 8;
/** Memory planning takes time in the square of it. */
const MOST_BUFFERS = 2 ** 14;
const LARGEST_MEMORY = 2 ** 36;
const ELEMENTS = integer(1, INT32_MAX);

/** What a plan may ask of its device: `$many` is 1 where hundreds of workgroups keep it busy, and 0 where dozens do. */
const DEVICE_SYMBOLS: Readonly<Partial<Record<BackendName, readonly string[]>>> = { webgpu: ['$many'] };

type Symbols = ReadonlySet<string>;

const kernel = fields({
  name: text,
  source: optional(text),
  variants: optional(list(fields({ features: list(text), source: text }), 64)),
  targets: optional(integer(4, 4)),
  windows: optional(list(integer(1, 64), 64)),
  script: optional(text),
  attributes: (value, path) => {
    if (value !== undefined) dictionary(text, data(16))(value, path);
  },
});

function buffer(manifest: Manifest, size: Check): Check {
  const position = integer(-1, INT32_MAX);
  const live: Check = (value, path) => {
    list(position, 2)(value, path);
    const [first, last] = value as number[];
    if (last === undefined || first! > last) reject(path, '[first, last], in order', value);
  };
  const weight: Check = (value, path) => {
    fields({ weight: index(manifest.weights.length, 'weights') })(value, path);
    const stored = manifest.weights[(value as { weight: number }).weight]!;
    fields({ storage: oneOf(stored.storage), pitch: integer(stored.columns, INT32_MAX) })(value, path);
  };
  const kinds: Readonly<Record<Buffer['kind'], Check>> = {
    weight,
    packed: fields({ elements: ELEMENTS }),
    activation: fields({ elements: size, live }),
    state: fields({ elements: size }),
  };
  return (value, path) => {
    fields({ kind: oneOf(...Object.keys(kinds)), storage })(value, path);
    kinds[(value as Buffer).kind](value, path);
  };
}

/** A view of one of the buffers whose kind is in `kinds`. */
const view = (buffers: Plan['buffers'], size: Check, place: Check, ...kinds: Buffer['kind'][]) => {
  const table = fields({
    buffer: index(buffers.length, 'buffers'),
    offset: place,
    pitch: place,
    shape: list(size, 16),
  });
  return (value: unknown, path: string): void => {
    table(value, path);
    const { kind } = buffers[(value as View).buffer]!;
    if (kinds.length && !kinds.includes(kind)) reject(`${path}.buffer`, `a buffer of kind ${kinds.join(' or ')}`, kind);
  };
};

/** A Step or a Repeat inside `depth` loops. */
function node(plan: Plan, placeholders: Symbols, depth: number): Check {
  const symbols = new Set([...placeholders, ...Array.from({ length: depth }, (_, i) => `$${i}`)]);
  const place = expr(symbols);
  const count = expr(new Set([...symbols, ...(DEVICE_SYMBOLS[plan.backend] ?? [])]));
  const size = expr(placeholders);
  const step = fields({
    kernel: index(plan.kernels.length, 'kernels'),
    in: list(view(plan.buffers, size, place)),
    out: list(view(plan.buffers, size, place, 'activation', 'state')),
    args: list(place),
    dispatch: optional(list(place, 3)),
    origin: text,
  });
  const repeat: Check = (value, path) => {
    if (depth === DEEPEST_LOOP) reject(path, `at most ${DEEPEST_LOOP} loops, one in another`, value);
    fields({ repeat: count, body: list(node(plan, placeholders, depth + 1)) })(value, path);
  };
  return (value, path) =>
    (typeof value === 'object' && value !== null && 'repeat' in value ? repeat : step)(value, path);
}

/**
 * Buffers hold data at every step that uses them, and through all of a loop that carries them: what stood before it lives to
 * its end, what is read after it lives from its start. Returns the number of steps as written.
 */
function checkLiveRanges(plan: Plan): number {
  let position = 0;
  const hold = (b: number, first: number, last: number, at: string): void => {
    const used = plan.buffers[b]!;
    if (used.kind === 'activation' && (first < used.live[0] || last > used.live[1])) {
      const range = first === last ? String(first) : `${first}…${last}`;
      reject(`plan.buffers[${b}].live`, `${range} to be inside, where ${at} uses it`, used.live.join('…'));
    }
  };
  /** Returns the buffers that `nodes` use. */
  const visit = (nodes: readonly (Step | Repeat)[], path: string): Set<number> => {
    const used = new Set<number>();
    nodes.forEach((item, i) => {
      const at = `${path}[${i}]`;
      const start = position;
      if ('repeat' in item) {
        for (const b of visit(item.body, `${at}.body`)) {
          const buffer = plan.buffers[b]!;
          const carried = buffer.kind === 'activation' && (buffer.live[0] < start || buffer.live[1] >= position);
          if (carried) hold(b, start, position - 1, at);
          used.add(b);
        }
      } else {
        for (const { buffer: b } of [...item.in, ...item.out]) {
          hold(b, position, position, at);
          used.add(b);
        }
        position++;
      }
    });
    return used;
  };
  visit(plan.steps, 'plan.steps');
  return position;
}

/** Inputs are there before the first step, outputs after the last; both agree with the manifest. */
function checkInterface(plan: Plan, manifest: Manifest, steps: number): void {
  for (const [side, end, position] of [
    ['inputs', 0, -1],
    ['outputs', 1, steps],
  ] as const) {
    const tensors = manifest[side];
    if (plan[side].length !== tensors.length) reject(`plan.${side}`, `${tensors.length} views`, plan[side]);
    plan[side].forEach(({ buffer: b }, i) => {
      const { dtype } = tensors[i]!;
      const want = storageOf(dtype);
      const used = plan.buffers[b]!;
      if (used.storage !== want) reject(`plan.${side}[${i}].buffer`, `a buffer of ${want}, for ${dtype}`, used.storage);
      if (used.kind === 'activation' && used.live[end] !== position) {
        reject(`plan.buffers[${b}].live[${end}]`, `${position}, as one of the ${side}`, used.live[end]);
      }
    });
  }
  plan.buffers.forEach((used, b) => {
    if (used.kind === 'activation' && used.live[1] > steps) {
      reject(`plan.buffers[${b}].live[1]`, `at most ${steps}`, used.live[1]);
    }
  });
}

export function checkPlan(value: unknown, manifest: Manifest, backend: BackendName): Plan {
  const path = 'plan';
  const placeholders: Symbols = new Set(Object.keys(manifest.placeholders));
  const size = expr(placeholders);
  fields({ version })(value, path);
  fields({
    backend: oneOf(backend),
    buffers: list(buffer(manifest, size), MOST_BUFFERS),
    kernels: list(kernel),
    memory: optional(fields({ maximum: integer(1, LARGEST_MEMORY) })),
  })(value, path);
  const plan = value as Plan;
  const constant = expr(new Set());
  fields({
    setup: list(
      fields({
        kernel: index(plan.kernels.length, 'kernels'),
        weight: index(manifest.weights.length, 'weights'),
        out: view(plan.buffers, constant, constant, 'packed'),
        args: list(constant),
        dispatch: optional(list(constant, 3)),
      }),
    ),
    steps: list(node(plan, placeholders, 0)),
    inputs: list(view(plan.buffers, size, size, 'activation')),
    outputs: list(view(plan.buffers, size, size, 'activation', 'state')),
  })(value, path);
  checkInterface(plan, manifest, checkLiveRanges(plan));
  return plan;
}
