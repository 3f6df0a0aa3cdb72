/**
 * The functions of elementwise programs. Their definition is `FUNCTIONS` in src/webdnn/graph/functions.py.
 *
 * Values are JavaScript's numbers, which hold every float32 and every int32. A bool is 0 or 1.
 */

import type { DType } from '../plan';

/** Of one, two or three numbers. */
export type Fn = (x: number, y: number, z: number) => number;
type Table = Readonly<Record<string, Fn>>;

/** erf by its series 2/√π · e^(−x²) · Σ 2ⁿ·x^(2n+1) / (1·3·…·(2n+1)), all of whose terms have one sign. 1 − erf(4) is 1.5e−8. */
function erf(x: number): number {
  if (!(Math.abs(x) < 4)) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** 1 − erf, for large x by its continued fraction, since the difference would have no digits left. */
function erfc(x: number): number {
  if (!(x > 2)) return 1 - erf(x);
  let rest = 0;
  for (let k = 60; k > 0; k--) rest = k / 2 / (x + rest);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + rest);
}

/** Takes the exponential of non-positive numbers only. */
function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}

/** Halves go to the even neighbour. */
function round(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/** What is left of x after whole multiples of y, with the sign of y; NaN for y = 0. */
function mod(x: number, y: number): number {
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
}

/** As C and NumPy have it, which differ from JavaScript in this: any power of 1 is 1, and ±1 to an infinite power. */
function pow(x: number, y: number): number {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
}

/** From a float: towards 0, and to the nearest end of low … high where that does not fit. NaN is 0. */
const toInteger =
  (low: number, high: number): Fn =>
  (x) =>
    Math.min(Math.max(Math.trunc(x) || 0, low), high);

/** Amounts outside of 0 … 31 shift everything out; JavaScript would take them modulo 32. */
const shiftLeft = (x: number, y: number): number => (y < 0 || y > 31 ? 0 : x << y);
const shiftRight = (x: number, y: number): number => x >> (y < 0 || y > 31 ? 31 : y);

/** The same for floats, integers and truth. */
export const ALL = {
  sign: Math.sign,
  relu: (x) => (x < 0 ? 0 : x),
  max: (x, y) => Math.max(x, y),
  min: (x, y) => Math.min(x, y),
  clip: (x, low, high) => Math.min(Math.max(x, low), high),
  equal: (x, y) => Number(x === y),
  not_equal: (x, y) => Number(x !== y),
  less: (x, y) => Number(x < y),
  less_equal: (x, y) => Number(x <= y),
  greater: (x, y) => Number(x > y),
  greater_equal: (x, y) => Number(x >= y),
  where: (condition, x, y) => (condition ? x : y),
  to_bool: (x) => Number(x !== 0),
} satisfies Table;

/** Of floats. */
export const FLOATS = {
  neg: (x) => -x,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  round,
  square: (x) => x * x,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  atan: Math.atan,
  tanh: Math.tanh,
  erf,
  sigmoid,
  silu: (x) => x * sigmoid(x),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  softsign: (x) => x / (1 + Math.abs(x)),
  gelu: (x) => 0.5 * x * erfc(-x * Math.SQRT1_2),
  hard_sigmoid: (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1),
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  pow,
  mod,
  leaky_relu: (x, slope) => (x >= 0 ? x : slope * x),
  elu: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)),
  to_float32: (x) => x,
  to_int32: toInteger(-(2 ** 31), 2 ** 31 - 1),
  to_uint8: toInteger(0, 255),
  to_int8: toInteger(-128, 127),
} satisfies Table;

/** Of integers of 32 bits, which wrap around: `| 0` keeps the lowest 32 bits, and makes 0 of −0 and, where y is 0, of NaN and infinity. */
export const INTEGERS = {
  neg: (x) => -x | 0,
  abs: (x) => Math.abs(x) | 0,
  square: (x) => Math.imul(x, x),
  add: (x, y) => (x + y) | 0,
  sub: (x, y) => (x - y) | 0,
  mul: Math.imul,
  mod: (x, y) => mod(x, y) | 0,
  floor_div: (x, y) => Math.floor(x / y) | 0,
  trunc_div: (x, y) => (x / y) | 0,
  trunc_mod: (x, y) => (x % y) | 0,
  shift_left: shiftLeft,
  shift_right: shiftRight,
  bitwise_and: (x, y) => x & y,
  bitwise_or: (x, y) => x | y,
  bitwise_xor: (x, y) => x ^ y,
  bitwise_not: (x) => ~x,
  logical_not: (x) => 1 - x,
  logical_and: (x, y) => x & y,
  logical_or: (x, y) => x | y,
  logical_xor: (x, y) => x ^ y,
  to_float32: Math.fround,
  to_int32: (x) => x,
  to_uint8: (x) => x & 255,
  to_int8: (x) => (x << 24) >> 24,
} satisfies Table;

const OF_FLOATS: Table = { ...ALL, ...FLOATS };
const OF_INTEGERS: Table = { ...ALL, ...INTEGERS };

/** What a small integer keeps of a result that was computed in 32 bits. */
const CUTS: Readonly<Partial<Record<DType, Fn>>> = { uint8: INTEGERS.to_uint8, int8: INTEGERS.to_int8 };

/** The function `name` of operands of `dtype`. */
export function functionOf(name: string, dtype: DType): Fn {
  const table = dtype === 'float32' ? OF_FLOATS : OF_INTEGERS;
  if (!Object.hasOwn(table, name)) throw new Error(`unknown elementwise function '${name}' of ${dtype}`);
  const fn = table[name]!;
  const cut = name.startsWith('to_') ? undefined : CUTS[dtype]; // a cast gives another dtype than it takes
  return cut ? (x, y, z) => cut(fn(x, y, z), 0, 0) : fn;
}
