/** Elementwise programs, as ops of their own and as epilogues of convolutions and matrix products. */
import type { DType } from '../plan.js';
import { type Kernel, type KernelTable, type Literal, type Operand } from './operand.js';
/**
 * Calls in single-assignment form. `dtype` is that of the operands (of `where`, of those it chooses from). Operand k < inputs is the k-th
 * input, inputs + i the result of call i. The last call is the result.
 */
export type Program = readonly (readonly [fn: string, dtype: DType, ...operands: Argument[]])[];
type Argument = number | {
    readonly value: Literal;
};
/** `output` = `program` of `inputs`, in the same way. */
export declare function runProgram(program: Program, inputs: readonly Operand[], output: Operand): void;
/**
 * The kernel that computes what `sum` does (a convolution, a product, a normalization) from its first `main` inputs, and finishes it by
 * `epilogue`, whose input 0 that is; its others are the further inputs. Sums stand in the output at first, if its cells are of their
 * class, else in memory of their own.
 */
export declare function finished(sum: Kernel, epilogue: Program | null, main?: number): Kernel;
export declare const KERNELS: KernelTable;
export {};
