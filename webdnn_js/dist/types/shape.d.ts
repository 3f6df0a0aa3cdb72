/** Shapes whose sizes are known. */
export declare const product: (shape: readonly number[]) => number;
export declare const formatShape: (shape: readonly (number | string)[]) => string;
