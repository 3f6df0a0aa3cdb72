/**
 * Small checks from which check_manifest.ts and check_plan.ts are put together. A check returns nothing, or throws a
 * WebDNNError that names the place: `plan.steps[3].in[0].pitch: expected …, got …`.
 */

import { ARRAYS, CELLS } from './dtypes';
import { WebDNNError } from './errors';
import { isOperator } from './expr';

export type Check = (value: unknown, path: string) => void;

/** The largest number that kernels can be given: parameters are `i32`. */
export const INT32_MAX = 2 ** 31 - 1;
/** The format that docs/descriptor.md describes. */
export const FORMAT_VERSION = 3;
const LONGEST_LIST = 1_000_000;
const DEEPEST_EXPR = 100;
/** 16 MiB; any other file may have sixteen times as much. */
export const LARGEST_SHARD = 2 ** 24;

/** Never prints a whole object: it may be deep, cyclic or long. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' && value ? 'an object' : String(value);
}

export function reject(path: string, expected: string, got: unknown): never {
  throw new WebDNNError('descriptor', `${path}: expected ${expected}, got ${show(got)}`);
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const integer =
  (minimum: number, maximum: number, what = `an integer from ${minimum} to ${maximum}`): Check =>
  (value, path) => {
    if (!Number.isSafeInteger(value) || Number(value) < minimum || Number(value) > maximum) reject(path, what, value);
  };

/** The number of one of `count` things. */
export const index = (count: number, things: string): Check =>
  integer(0, count - 1, `the index of one of ${count} ${things}`);

export const text: Check = (value, path) => {
  if (typeof value !== 'string') reject(path, 'text', value);
};

export const matching =
  (pattern: RegExp, what: string): Check =>
  (value, path) => {
    if (typeof value !== 'string' || !pattern.test(value)) reject(path, what, value);
  };

export const oneOf =
  (...choices: readonly unknown[]): Check =>
  (value, path) => {
    if (!choices.includes(value)) reject(path, choices.map(show).join(' or '), value);
  };

export const list =
  (item: Check, longest = LONGEST_LIST): Check =>
  (value, path) => {
    if (!Array.isArray(value)) return reject(path, 'a list', value);
    if (value.length > longest) reject(path, `at most ${longest} entries`, value);
    value.forEach((entry, i) => item(entry, `${path}[${i}]`));
  };

/** An object with these fields; others are ignored. */
export const fields = (table: Readonly<Record<string, Check>>): Check => {
  const checks = Object.entries(table);
  return (value, path) => {
    if (!isObject(value)) return reject(path, 'an object', value);
    for (const [name, check] of checks) {
      check(Object.hasOwn(value, name) ? value[name] : undefined, `${path}.${name}`);
    }
  };
};

/** An object whose keys are free (within `key`) and whose values are alike. */
export const dictionary =
  (key: Check, item: Check): Check =>
  (value, path) => {
    if (!isObject(value)) return reject(path, 'an object', value);
    for (const [name, entry] of Object.entries(value)) {
      key(name, path);
      item(entry, `${path}.${name}`);
    }
  };

export const optional =
  (check: Check): Check =>
  (value, path) => {
    if (value !== undefined) check(value, path);
  };

/** Data of the backend's own: anything, but not deep enough to overflow a stack. */
export const data =
  (depth: number): Check =>
  (value, path) => {
    if (typeof value !== 'object' || value === null) return;
    if (depth === 0) reject(path, 'less nesting', value);
    for (const entry of Object.values(value)) data(depth - 1)(entry, path);
  };

export const expr = (symbols: ReadonlySet<string>, depth = DEEPEST_EXPR): Check => {
  const check: Check = (value, path) => {
    if (Number.isSafeInteger(value) || (typeof value === 'string' && symbols.has(value))) return;
    if (!Array.isArray(value) || value.length !== 3 || !isOperator(value[0])) {
      const known = [...symbols].join(' ') || 'no symbols';
      reject(path, `an integer, a symbol (here: ${known}) or [operator, left, right]`, value);
    }
    if (depth === 0) reject(path, `an expression at most ${DEEPEST_EXPR} deep`, value);
    const operand = expr(symbols, depth - 1);
    operand(value[1], `${path}[1]`);
    operand(value[2], `${path}[2]`);
  };
  return check;
};

export const dtype = oneOf(...Object.keys(ARRAYS));
export const storage = oneOf(...Object.keys(CELLS));

// Browsers skip the check of `integrity` when they do not know the algorithm, so nothing else may pass.
const hash = matching(/^sha256-[A-Za-z0-9+/]{43}=$/, '"sha256-" and 44 base64 digits');

export const file = (largest: number): Check =>
  fields({
    name: matching(/^(?=.{1,200}$)\w+([.+-]\w+)*$/, 'a plain file name'),
    bytes: integer(0, largest),
    integrity: hash,
    tree: hash,
  });

/** Any file but a shard. */
export const anyFile = file(16 * LARGEST_SHARD);

export const version: Check = (value, path) => {
  integer(1, Number.MAX_SAFE_INTEGER, 'an integer ≥ 1')(value, path);
  if (value === FORMAT_VERSION) return;
  const [age, remedy] =
    Number(value) > FORMAT_VERSION ? ['newer', 'load a newer WebDNN'] : ['older', 'convert the model again'];
  const reason = `format ${String(value)} is ${age} than this runtime, which reads ${FORMAT_VERSION}; ${remedy}`;
  throw new WebDNNError('version', `${path}: ${reason}`);
};
