/** Elementwise programs, as ops of their own and as epilogues of convolutions and matrix products. */

import type { Cells } from '../dtypes';
import type { DType } from '../plan';
import { functionOf } from './functions';
import {
  cellsOf,
  mergeAxes,
  newCells,
  numberOf,
  stridesOf,
  walkRows,
  type Kernel,
  type KernelTable,
  type Literal,
  type Operand,
  type Walker,
} from './operand';

/**
 * Calls in single-assignment form. `dtype` is that of the operands (of `where`, of those it chooses from). Operand k < inputs is the k-th
 * input, inputs + i the result of call i. The last call is the result.
 */
export type Program = readonly (readonly [fn: string, dtype: DType, ...operands: Argument[]])[];
type Argument = number | { readonly value: Literal };

/** Programs run over at most this many elements at a time, so that what lies between two calls stays in the cache. */
const CHUNK = 512;

/** Where a call reads or writes: element i stands at `data[offset + i·step]`. What lies between two calls are JavaScript's numbers, of any dtype. */
interface Vector {
  data: Cells | Float64Array;
  offset: number;
  step: number;
}

type Call = (count: number) => void;
type MakeCall = (result: Vector, operands: readonly Vector[]) => Call;

const CALLS_BY_ARITY: readonly ((fn: (x: number, y: number, z: number) => number) => MakeCall)[] = [
  (fn) =>
    (result, [x]) =>
      unary(fn as (x: number) => number, result, x!),
  (fn) =>
    (result, [x, y]) =>
      binary(fn as (x: number, y: number) => number, result, x!, y!),
  (fn) =>
    (result, [x, y, z]) =>
      ternary(fn, result, x!, y!, z!),
];

function unary(fn: (x: number) => number, result: Vector, x: Vector): Call {
  return (count) => {
    const { data, offset, step } = result;
    for (let i = 0; i < count; i++) data[offset + i * step] = fn(x.data[x.offset + i * x.step]!);
  };
}

function binary(fn: (x: number, y: number) => number, result: Vector, x: Vector, y: Vector): Call {
  return (count) => {
    const { data, offset, step } = result;
    for (let i = 0; i < count; i++) {
      data[offset + i * step] = fn(x.data[x.offset + i * x.step]!, y.data[y.offset + i * y.step]!);
    }
  };
}

function ternary(
  fn: (x: number, y: number, z: number) => number,
  result: Vector,
  x: Vector,
  y: Vector,
  z: Vector,
): Call {
  return (count) => {
    const { data, offset, step } = result;
    for (let i = 0; i < count; i++) {
      data[offset + i * step] = fn(
        x.data[x.offset + i * x.step]!,
        y.data[y.offset + i * y.step]!,
        z.data[z.offset + i * z.step]!,
      );
    }
  };
}

/** The walk of `operand` over `shape`, to which it broadcasts: it stands still along axes that it lacks or has once. */
function broadcast(operand: Operand, shape: readonly number[]): Walker {
  const missing = shape.length - operand.shape.length;
  const own = stridesOf(operand);
  const strides = shape.map((_, axis) =>
    axis < missing || operand.shape[axis - missing] === 1 ? 0 : own[axis - missing]!,
  );
  return { offset: operand.offset, strides };
}

/**
 * `program` with its values tied to vectors: inputs first, then results. Every result but the last call's is a scratch row; those that
 * are wanted are copied to their `outputs` in the end, since an output may lie where an input does that a later call reads.
 */
function tie(program: Program, inputs: readonly Vector[], outputs: ReadonlyMap<number, Vector>): Call[] {
  const values = [...inputs];
  const copies: Call[] = [];
  const calls = program.map(([name, dtype, ...operands], position) => {
    const fn = functionOf(name, dtype);
    const vectors = operands.map((operand) => {
      if (typeof operand === 'object') return { data: Float64Array.of(numberOf(operand.value)), offset: 0, step: 0 };
      const known = values[operand];
      if (!known) throw new Error(`elementwise function '${name}' reads value ${operand}, which is not known there`);
      return known;
    });
    const output = outputs.get(position);
    const isLast = position === program.length - 1;
    const result = isLast && output ? output : { data: new Float64Array(CHUNK), offset: 0, step: 1 };
    if (output && !isLast) copies.push(unary((x) => x, output, result));
    values.push(result);
    return CALLS_BY_ARITY[operands.length - 1]!(fn)(result, vectors);
  });
  return [...calls, ...copies];
}

/**
 * `outputs` = what the calls `results` of `program` give for `inputs`, which broadcast as in NumPy to the one shape of the outputs. An
 * input may be an output itself.
 */
function runCalls(
  program: Program,
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  results: readonly number[],
): void {
  const { shape } = outputs[0]!;
  const operands = [...outputs, ...inputs];
  const walk = mergeAxes(
    shape,
    operands.map((operand) => broadcast(operand, shape)),
  );
  const vectors = operands.map(({ data }, k): Vector => {
    return { data, offset: 0, step: walk.walkers[k]!.strides.at(-1)! };
  });
  const written = new Map(results.map((call, k) => [call, vectors[k]!]));
  const calls = tie(program, vectors.slice(outputs.length), written);
  const columns = walk.shape.at(-1)!;
  walkRows(walk.shape, walk.walkers, (offsets) => {
    for (let start = 0; start < columns; start += CHUNK) {
      const count = Math.min(CHUNK, columns - start);
      vectors.forEach((vector, k) => (vector.offset = offsets[k]! + start * vector.step));
      for (const call of calls) call(count);
    }
  });
}

/** `output` = `program` of `inputs`, in the same way. */
export function runProgram(program: Program, inputs: readonly Operand[], output: Operand): void {
  runCalls(program, inputs, [output], [program.length - 1]);
}

/**
 * The kernel that computes what `sum` does (a convolution, a product, a normalization) from its first `main` inputs, and finishes it by
 * `epilogue`, whose input 0 that is; its others are the further inputs. Sums stand in the output at first, if its cells are of their
 * class, else in memory of their own.
 */
export function finished(sum: Kernel, epilogue: Program | null, main = 2): Kernel {
  return function* (inputs, output, args, more) {
    const { data } = inputs[0]!;
    const isOwn = output.data instanceof Float32Array === data instanceof Float32Array;
    const sums = isOwn ? output : denseLike(output, data);
    yield* sum(inputs.slice(0, main), sums, args, more) ?? [];
    if (epilogue) runProgram(epilogue, [sums, ...inputs.slice(main)], output);
  };
}

/** New memory for a tensor of the shape of `operand`, in cells of the class of `data`. */
function denseLike(operand: Operand, data: Cells): Operand {
  const { rows, columns } = operand;
  return { ...operand, ...cellsOf(newCells(data, rows * columns)), offset: 0, pitch: columns };
}

function elementwise({ program }: { readonly program: Program }): Kernel {
  return (inputs, output) => runProgram(program, inputs, output);
}

interface JointAttributes {
  readonly program: Program;
  readonly results: readonly number[];
}

function jointElementwise({ program, results }: JointAttributes): Kernel {
  return (inputs, output, _, more = []) => runCalls(program, inputs, [output, ...more], results);
}

export const KERNELS = { elementwise, joint_elementwise: jointElementwise } as unknown as KernelTable;
