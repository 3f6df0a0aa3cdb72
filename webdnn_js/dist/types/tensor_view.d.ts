/** An input or output of a runner: a window on its values that stays the same object when sizes change. */
import type { TypedArray } from './backend.js';
import type { DType, Expr, TensorInfo } from './plan.js';
export declare class TensorView {
    #private;
    readonly name: string;
    readonly dtype: DType;
    /** As the model declares it: a placeholder stands as its name. */
    readonly declaredShape: readonly Expr[];
    constructor({ name, dtype, shape }: TensorInfo);
    get shape(): readonly number[];
    get length(): number;
    /** The values themselves, not a copy: an input is read from here, an output is written here, at every run. */
    toActual(): TypedArray;
    /** Copies `values` in: all of them, or, with an `offset`, some from there on. Another view may be given, too. */
    set(values: ArrayLike<number> | TensorView, offset?: number): void;
    forEach(visit: (value: number, index: number) => void): void;
    [Symbol.iterator](): IterableIterator<number>;
}
