/** An input or output of a runner: a window on its values that stays the same object when sizes change. */
import { type TypedArray } from './dtypes.js';
import type { DType, Expr } from './plan.js';
/** What a view has of its typed array besides its own members: `view[i]`, `fill`, `indexOf`, `map` … TypeScript is told of a Float32Array's. */
type Elements = Omit<Float32Array, 'length' | 'set' | 'buffer' | typeof Symbol.toStringTag>;
/** Hands everything to the array that `toActual` gives. */
declare const Elements: new () => Elements;
export declare class TensorView extends Elements {
    #private;
    readonly name: string;
    readonly dtype: DType;
    /** As the model declares it: a placeholder stands as its name. */
    readonly declaredShape: readonly Expr[];
    get shape(): readonly number[];
    get length(): number;
    get buffer(): ArrayBuffer;
    /** The values themselves, not a copy: an input is read from here, an output is written here, at every run. */
    toActual(): TypedArray;
    /**
     * Copies `values` in: all of them, or, with an `offset`, some from there on. Another view may be given, too, and lists of
     * lists, row after row. A number that an integer cannot hold as it is, such as 0.5, is refused. All but 0 and false is true.
     */
    set(values: ArrayLike<number | boolean> | readonly unknown[] | TensorView, offset?: number): void;
}
export {};
