/**
 * The functions of elementwise programs. Their definition is `FUNCTIONS` in src/webdnn/graph/functions.py.
 *
 * Values are JavaScript's numbers, which hold every float32 and every int32. A bool is 0 or 1.
 */
import type { DType } from '../plan.js';
/** Of one, two or three numbers. */
export type Fn = (x: number, y: number, z: number) => number;
/** erf by its series 2/√π · e^(−x²) · Σ 2ⁿ·x^(2n+1) / (1·3·…·(2n+1)), all of whose terms have one sign. 1 − erf(4) is 1.5e−8. */
declare function erf(x: number): number;
/** Takes the exponential of non-positive numbers only. */
declare function sigmoid(x: number): number;
/** Halves go to the even neighbour. */
declare function round(x: number): number;
/** What is left of x after whole multiples of y, with the sign of y; NaN for y = 0. */
declare function mod(x: number, y: number): number;
/** As C and NumPy have it, which differ from JavaScript in this: any power of 1 is 1, and ±1 to an infinite power. */
declare function pow(x: number, y: number): number;
/** The same for floats, integers and truth. */
export declare const ALL: {
    sign: (x: number) => number;
    relu: (x: number) => number;
    max: (x: number, y: number) => number;
    min: (x: number, y: number) => number;
    clip: (x: number, low: number, high: number) => number;
    equal: (x: number, y: number) => number;
    not_equal: (x: number, y: number) => number;
    less: (x: number, y: number) => number;
    less_equal: (x: number, y: number) => number;
    greater: (x: number, y: number) => number;
    greater_equal: (x: number, y: number) => number;
    where: (condition: number, x: number, y: number) => number;
    to_bool: (x: number) => number;
};
/** Of floats. */
export declare const FLOATS: {
    neg: (x: number) => number;
    abs: (x: number) => number;
    floor: (x: number) => number;
    ceil: (x: number) => number;
    round: typeof round;
    square: (x: number) => number;
    sqrt: (x: number) => number;
    rsqrt: (x: number) => number;
    reciprocal: (x: number) => number;
    exp: (x: number) => number;
    expm1: (x: number) => number;
    log: (x: number) => number;
    log1p: (x: number) => number;
    sin: (x: number) => number;
    cos: (x: number) => number;
    atan: (x: number) => number;
    tanh: (x: number) => number;
    erf: typeof erf;
    sigmoid: typeof sigmoid;
    silu: (x: number) => number;
    softplus: (x: number) => number;
    softsign: (x: number) => number;
    gelu: (x: number) => number;
    hard_sigmoid: (x: number) => number;
    add: (x: number, y: number) => number;
    sub: (x: number, y: number) => number;
    mul: (x: number, y: number) => number;
    div: (x: number, y: number) => number;
    pow: typeof pow;
    mod: typeof mod;
    leaky_relu: (x: number, slope: number) => number;
    elu: (x: number, alpha: number) => number;
    to_float32: (x: number) => number;
    to_int32: Fn;
    to_uint8: Fn;
    to_int8: Fn;
};
/** Of integers of 32 bits, which wrap around: `| 0` keeps the lowest 32 bits, and makes 0 of −0 and, where y is 0, of NaN and infinity. */
export declare const INTEGERS: {
    neg: (x: number) => number;
    abs: (x: number) => number;
    square: (x: number) => number;
    add: (x: number, y: number) => number;
    sub: (x: number, y: number) => number;
    mul: (x: number, y: number) => number;
    mod: (x: number, y: number) => number;
    floor_div: (x: number, y: number) => number;
    trunc_div: (x: number, y: number) => number;
    trunc_mod: (x: number, y: number) => number;
    shift_left: (x: number, y: number) => number;
    shift_right: (x: number, y: number) => number;
    bitwise_and: (x: number, y: number) => number;
    bitwise_or: (x: number, y: number) => number;
    bitwise_xor: (x: number, y: number) => number;
    bitwise_not: (x: number) => number;
    logical_not: (x: number) => number;
    logical_and: (x: number, y: number) => number;
    logical_or: (x: number, y: number) => number;
    logical_xor: (x: number, y: number) => number;
    to_float32: (x: number) => number;
    to_int32: (x: number) => number;
    to_uint8: (x: number) => number;
    to_int8: (x: number) => number;
};
/** The function `name` of operands of `dtype`. */
export declare function functionOf(name: string, dtype: DType): Fn;
export {};
