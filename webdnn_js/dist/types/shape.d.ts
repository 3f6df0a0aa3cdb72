/** Shapes whose sizes are known. */
export declare const product: (shape: readonly number[]) => number;
export declare const formatShape: (shape: readonly (number | string)[]) => string;
/** `1.5 GiB`, of any number of bytes. */
export declare function formatBytes(bytes: number): string;
