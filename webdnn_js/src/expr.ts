/** Values of the Descriptor's expressions: safe integers, `//` and `%` floor as in Python. */

import { WebDNNError } from './errors';
import type { Expr, Operator } from './plan';

/** Placeholders, and `$0`, `$1` … inside loops. */
export type Symbols = ReadonlyMap<string, number>;

/** Does truncating a / b round up? Then flooring, as Python does, gives one less. Exact for all safe integers. */
const roundsUp = (a: number, b: number): boolean => a % b !== 0 && a < 0 !== b < 0;

const OPERATORS: Readonly<Record<Operator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '//': (a, b) => (a - (a % b)) / b - Number(roundsUp(a, b)),
  '%': (a, b) => (a % b) + (roundsUp(a, b) ? b : 0),
  min: Math.min,
  max: Math.max,
};

export const isOperator = (name: unknown): boolean => typeof name === 'string' && Object.hasOwn(OPERATORS, name);

/** `expr` as people write it, for errors: `(H % 16)`. */
export function formatExpr(expr: Expr): string {
  if (typeof expr !== 'object') return String(expr);
  const [operator, left, right] = expr;
  return operator === 'min' || operator === 'max'
    ? `${operator}(${formatExpr(left)}, ${formatExpr(right)})`
    : `(${formatExpr(left)} ${operator} ${formatExpr(right)})`;
}

/** The symbols of `expr`. */
export const namesIn = (expr: Expr): string[] =>
  typeof expr === 'object' ? [...namesIn(expr[1]), ...namesIn(expr[2])] : typeof expr === 'string' ? [expr] : [];

function fail(expr: Expr, problem: string): never {
  throw new WebDNNError('descriptor', `${formatExpr(expr)}: ${problem}`);
}

/** Beyond the safe integers it throws, or, `roughly`, goes on with what a float64 holds. */
export function evaluate(expr: Expr, symbols: Symbols, roughly = false): number {
  if (typeof expr === 'number') return expr;
  if (typeof expr === 'string') return symbols.get(expr) ?? fail(expr, 'unknown symbol');
  const [operator, left, right] = expr;
  const a = evaluate(left, symbols, roughly);
  const b = evaluate(right, symbols, roughly);
  if (b === 0 && (operator === '//' || operator === '%')) fail(expr, 'division by zero');
  const value = OPERATORS[operator](a, b) + 0; // + 0 turns −0 into 0
  return Number.isSafeInteger(value) || roughly ? value : fail(expr, 'not a safe integer');
}
