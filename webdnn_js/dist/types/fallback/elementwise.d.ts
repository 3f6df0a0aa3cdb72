/** Elementwise programs, as ops of their own and as epilogues of convolutions and matrix products. */
import { type KernelTable, type Literal, type Operand } from './operand.js';
/** Calls in single-assignment form. Operand k < inputs is the k-th input, inputs + i the result of call i. The last call is the result. */
export type Program = readonly (readonly [fn: string, ...operands: (number | {
    readonly value: Literal;
})[]])[];
/** `output` = `program` of `inputs`, which broadcast as in NumPy. An input may be the output itself. */
export declare function runProgram(program: Program, inputs: readonly Operand[], output: Operand): void;
/** Finishes a convolution or a matrix product: input 0 of `program` is the sum, which stands in `output` already. */
export declare function runEpilogue(program: Program | null, operands: readonly Operand[], output: Operand): void;
export declare const KERNELS: KernelTable;
