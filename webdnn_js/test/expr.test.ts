import { describe, expect, it } from 'vitest';
import { evaluate, formatExpr } from '../src/expr';
import type { Expr, Operator } from '../src/plan';

const symbols = new Map([
  ['N', 7],
  ['$0', 3],
]);

/** Python's floor division and modulo, by integers of any size. */
function python(operator: '//' | '%', a: bigint, b: bigint): number {
  const remainder = a % b;
  const modulo = remainder !== 0n && remainder < 0n !== b < 0n ? remainder + b : remainder;
  return Number(operator === '%' ? modulo : (a - modulo) / b);
}

describe('evaluate', () => {
  it.each<[Expr, number]>([
    [5, 5],
    ['N', 7],
    [['*', ['+', 'N', 1], '$0'], 24],
    [['-', 2, 'N'], -5],
    [['min', 'N', 3], 3],
    [['max', 'N', 3], 7],
    [['*', 0, -5], 0],
  ])('%j is %d', (expr, value) => expect(evaluate(expr, symbols)).toBe(value));

  it('divides as Python does', () => {
    const numbers = [-7, -6, -1, 0, 1, 5, 6, 7, 2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1, 6755399441055745, -3];
    for (const a of numbers) {
      for (const b of numbers.filter((number) => number !== 0)) {
        for (const operator of ['//', '%'] as const) {
          const got = evaluate([operator, a, b], symbols);
          expect([a, operator, b, got]).toEqual([a, operator, b, python(operator, BigInt(a), BigInt(b))]);
        }
      }
    }
  });

  it.each<[Expr, string]>([
    ['M', 'M: unknown symbol'],
    ['constructor', 'constructor: unknown symbol'],
    [['//', 1, ['-', 'N', 7]], '(1 // (N - 7)): division by zero'],
    [['%', 1, 0], '(1 % 0): division by zero'],
    [['*', 2 ** 52, 'N'], `(${2 ** 52} * N): not a safe integer`],
    [['min', 'N', ['max', 1, 'M']], 'M: unknown symbol'],
  ])('%j is an error', (expr, message) => {
    expect(() => evaluate(expr, symbols)).toThrow(expect.objectContaining({ code: 'descriptor', message }) as Error);
  });
});

it('formats expressions as people write them', () => {
  const operator: Operator = 'max';
  expect(formatExpr(['+', ['%', 'H', 16], [operator, 1, 'W']])).toBe('((H % 16) + max(1, W))');
});
