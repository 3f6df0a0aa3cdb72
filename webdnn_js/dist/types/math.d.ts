/** `WebDNN.Math`: the indices of the best values. */
interface View {
    toActual(): ArrayLike<number>;
}
/** Indices of the `k` largest values, largest first; of equal values the first in the array comes first. NaN never wins. */
export declare const argmax: (values: ArrayLike<number> | View, k?: number) => number[];
/** Indices of the `k` smallest values, smallest first; otherwise as `argmax`. */
export declare const argmin: (values: ArrayLike<number> | View, k?: number) => number[];
export {};
