/** Elementwise programs, as ops of their own and as epilogues of convolutions and matrix products. */
import type { DType } from '../plan.js';
import { type Kernel, type KernelTable, type Literal, type Operand, type Slices } from './operand.js';
/**
 * Calls in single-assignment form. `dtype` is that of the operands (of `where`, of those it chooses from). Operand k < inputs is the k-th
 * input, inputs + i the result of call i. The last call is the result.
 */
export type Program = readonly (readonly [fn: string, dtype: DType, ...operands: Argument[]])[];
type Argument = number | {
    readonly value: Literal;
};
/** `output` = `program` of `inputs`, which broadcast as in NumPy. An input may be the output itself. */
export declare function runProgram(program: Program, inputs: readonly Operand[], output: Operand): void;
/** Computes the sums of a convolution or a matrix product. */
export type Sum = (x: Operand, weights: Operand, sums: Operand, args: readonly number[]) => Slices;
/**
 * The kernel that computes sums, and finishes them by `epilogue`, whose input 0 they are; its others are the operands after data and
 * weights. Sums stand in the output at first, if its cells are of their class, else in memory of their own.
 */
export declare function finished(sum: Sum, epilogue: Program | null): Kernel;
export declare const KERNELS: KernelTable;
export {};
