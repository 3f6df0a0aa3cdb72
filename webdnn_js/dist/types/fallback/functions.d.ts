/** The functions of elementwise programs. Their definition is `FUNCTIONS` in src/webdnn/graph/program.py. */
/** erf by its series 2/√π · e^(−x²) · Σ 2ⁿ·x^(2n+1) / (1·3·…·(2n+1)), all of whose terms have one sign. 1 − erf(4) is 1.5e−8. */
declare function erf(x: number): number;
/** Takes the exponential of non-positive numbers only. */
declare function sigmoid(x: number): number;
/** Halves go to the even neighbour. */
declare function round(x: number): number;
/** What is left of x after whole multiples of y, with the sign of y. */
declare function mod(x: number, y: number): number;
/** As C and NumPy have it, which differ from JavaScript in this: any power of 1 is 1, and ±1 to an infinite power. */
declare function pow(x: number, y: number): number;
export declare const FUNCTIONS: {
    neg: (x: number) => number;
    abs: (x: number) => number;
    sign: (x: number) => number;
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
    relu: (x: number) => number;
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
    max: (x: number, y: number) => number;
    min: (x: number, y: number) => number;
    mod: typeof mod;
    equal: (x: number, y: number) => number;
    not_equal: (x: number, y: number) => number;
    less: (x: number, y: number) => number;
    less_equal: (x: number, y: number) => number;
    greater: (x: number, y: number) => number;
    greater_equal: (x: number, y: number) => number;
    leaky_relu: (x: number, slope: number) => number;
    elu: (x: number, alpha: number) => number;
    clip: (x: number, low: number, high: number) => number;
    where: (condition: number, x: number, y: number) => number;
};
export {};
