/** Values of the Descriptor's expressions: safe integers, `//` and `%` floor as in Python. */
import type { Expr } from './plan.js';
/** Placeholders, and `$0`, `$1` … inside loops. */
export type Symbols = ReadonlyMap<string, number>;
export declare const isOperator: (name: unknown) => boolean;
/** `expr` as people write it, for errors: `(H % 16)`. */
export declare function formatExpr(expr: Expr): string;
/** The symbols of `expr`. */
export declare const namesIn: (expr: Expr) => string[];
/** Beyond the safe integers it throws, or, `roughly`, goes on with what a float64 holds. */
export declare function evaluate(expr: Expr, symbols: Symbols, roughly?: boolean): number;
